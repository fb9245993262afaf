"""How much the recorder keeps and looks at, each limit with its reason."""

WHOLE = 1_000  # elements of tensors that are kept whole with `keep="auto"`: more than a reader looks at, and cheap
JACOBIAN = 256  # entries of a matrix that is kept where a local gradient is no elementwise factor: 16 by 16 can be read
DEPTH = 1_000  # nodes that may be freed inside each other: far from overflowing a stack of 1 MB, and seldom reached
FRAMES = 32  # frames that are searched for a name, from the innermost outwards: enough for modules inside modules
ITEMS = 1_000  # items of a list or a dictionary that are searched for values without a variable of their own
SPANS = 16_384  # instructions whose source is remembered: those of a large program, in a few MB
COPIED = 2**16  # bytes up to which a copy takes less time than statistics
WAITING = 512  # copies that wait until their statistics are asked for: 32 MB at most

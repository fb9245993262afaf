"""How much the recorder keeps and looks at, each limit with its reason."""

WHOLE = 1_000
"""Tensors of up to so many elements are kept whole with `keep="auto"`: more than a reader looks at, and cheap."""
JACOBIAN = 256
"""A local gradient that is no elementwise factor is kept as a matrix of up to so many entries: 16 by 16 can be read."""
DEPTH = 1_000
"""Nodes that may be freed inside each other: far from overflowing a stack of 1 MB, and seldom reached by a model."""
FRAMES = 32
"""Frames that are searched for a name, from the innermost outwards: enough for modules inside modules."""
ITEMS = 1_000
"""Items of a list or a dictionary that are searched for values without a variable of their own."""
SPANS = 16_384
"""Instructions whose source is remembered: those of a large program, in a few MB."""
COPIED = 2**16
"""Bytes up to which a copy takes less time than statistics."""
WAITING = 512
"""Copies that wait until their statistics are asked for: 32 MB at most."""

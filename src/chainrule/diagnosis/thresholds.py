"""Every threshold of the room with its reason; fifty healthy programs and some eighty broken ones hold them."""

# What is wrong with a gradient.
TINY = 1e-5  # a gradient is tiny if its largest entry is below this share of the largest entry among the other leaves
SMALLEST = 1e-8  # it is tiny below this, too: there the 1e-8 that Adam adds to its denominator begins to rule
HUGE = 1e4  # it is huge if its largest entry is above this times the leaf's own largest entry, or 1 if that is larger

# What an op did to it.
CANCELLED = 1e-6  # a sum of which no more than this share is left has cancelled: what is left is float32's rounding
MOST_OF_IT = 0.8  # an op that does so much of a loss, counted in powers of ten, is named as its cause
ALONE = 1e-4  # so is an op that leaves no more than this share: no healthy op does
CENTRED = 0.01  # a normalisation that leaves more than this, times the size of its input, has scaled and not cancelled
LITTLE = 1e-3  # a factor whose entries are all below this is small enough to be named
NARROW = 4.0  # no curve is flat as long as its input stays below this
CLOSE = (
    1e-3  # a number that is this close to a pole makes a gradient huge; two that are this close, relatively, are equal
)
TELLING = 1e-6  # a product above this is not 0 by rounding, in half precision either
RANGE = {  # the smallest and the largest number that a dtype holds
    "float16": (6e-8, 65504.0),
    "bfloat16": (9.2e-41, 3.3895e38),
    "float32": (1.4e-45, 3.4028e38),
    "float64": (5e-324, 1.7977e308),
}

SAME = 1e-3  # sums that differ by less than this share are the same but for rounding

# What is odd, and may be meant.
FADED = 1e-3  # a gradient fades that is below this share of the largest one at a layer: there, a sigmoid has cost much
SILENT = 0.5  # units of this share that nothing reaches are asked about; fewer are to be expected behind a relu
MANY = 8  # a loss that adds up so many entries is asked whether it is to be a mean

# How far is looked, and how much is said.
NEAR = 8  # so many calls back, an update of a leaf holds the leaf's gradient
DEEPEST = 20_000  # steps of PyTorch's graph that are walked: freeing more that Python has seen can overflow the stack
REASONS, NAMED = 5, 3  # so many reasons are given at once, each with so many names: what a reader takes in
LONGEST = 60  # names and expressions are cut after so many letters, to leave room for a sentence in a line

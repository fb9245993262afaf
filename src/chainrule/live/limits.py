"""How much a page gets, each limit with its reason."""

MOST = 200_000  # letters of an element; with the script that it may bring along, a graph stays below 300 kB
COMPUTED = 2000  # ops of a folded recording that the page gets to compute with; more would not fit
CELLS = 128  # entries of a tensor that a page only shows: so many cells have room in a box
LONG = 80  # letters of a name or an expression, where data must be lean
NARROW = 700  # below this width of the page, in pixels, the graph runs downwards
TOO_WIDE = 760  # a graph wider than this, in pixels, runs downwards on any page: shrunk to fit, it could not be read
PHONE = 366  # so broad are boxes side by side on a narrow page, in pixels, before they stand one below the other
HEARD = 12  # so many leaves and gradients are named in a picture's title; more would be too much to hear

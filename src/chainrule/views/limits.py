"""How much a view shows, each limit with its reason; sizes of the picture stand in `layout`."""

DRAWN = 60  # so many values are drawn, and so many rows of a table written, without folding: about two screens
STEPS = 24  # so many steps are drawn at most where there are groups among them: what one screen holds
FEW = 12  # groups are opened from the beginning while there are no more steps than this
BESIDE = 8  # so many values from elsewhere are drawn at most for groups to take
LETTERS = 34  # letters on one line of a box; longer text is cut in the picture and stands in full in the table
LABEL = 16  # letters of a local gradient beside an edge; what is longer is said with the step
CHANGED = 7  # letters of a number that has been changed on the page: there is room for so many from the beginning
LOCALS = 24  # so many local gradients of one op are written in a table
NARROWEST = 8  # a column of a table in print keeps so many letters, however narrow the terminal is
CHARACTERS = 200_000  # so many characters of a table are shown: a page that is longer is slow to open
PATHS = 8  # up to so many paths are derived in one nested sum; more go value by value, since they double at each fork
FACTORS = 24  # up to so many factors stand in one product, as long as a line can be
EQUATIONS = 24  # of more equations than these, the first and the last are shown
LONGEST = 2_000  # so many characters are shown of one way of writing an equation: nobody reads on

"""How much a page gets, each limit with its reason."""

MOST = 230_000
"""Letters of an element; with the script that it may bring along, a graph stays below 300 kB whatever was recorded."""
COMPUTED = 2000
"""Ops of a folded recording that the page gets to compute with; more would not fit."""
LONG = 80
"""Letters of a name or an expression, where data must be lean."""
PER_VALUE = 150
"""Letters that a value of one more view takes, about: its name, its numbers and their gradients."""
NARROW = 700
"""Below this width of the page, in pixels, the graph runs downwards."""
TOO_WIDE = 1000
"""A graph that is wider than this, in pixels, runs downwards on any page: shrunk to fit, it could not be read."""
HEARD = 12
"""So many leaves and gradients are named in a picture's title; more would be too much to hear."""

"""Ways to look at a Trace: each module turns one into something to read, and imports no other view."""

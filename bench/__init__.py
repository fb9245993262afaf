"""Measure how fast the library is: each module prints ratios, and stands beside the results it last gave."""

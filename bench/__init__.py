"""Measure speed and weight: each module prints ratios, and stands beside the results it last gave."""

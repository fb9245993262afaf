"""Settings for every test."""

import os

# Lessons draw, and no window opens. Set before anything imports matplotlib; processes started here inherit it.
os.environ["MPLBACKEND"] = "Agg"

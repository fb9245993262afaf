"""Settings for every test."""

import os

# Lessons draw, and no window opens. Set before anything imports matplotlib; processes started here inherit it.
os.environ["MPLBACKEND"] = "Agg"

# Tests work on small tensors, for which PyTorch's threads only wait for each other, the longer the busier the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

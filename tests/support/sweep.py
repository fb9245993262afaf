"""Sweeps: random cases by the hundred, of which `make sweep` runs all, and every other command the same tenth."""

import os

from hypothesis import settings

FULL = os.environ.get("CHAINRULE_SWEEP") == "1"

settings.register_profile("new each time", deadline=None)
settings.register_profile("the same each time", derandomize=True, deadline=None)
settings.load_profile("new each time" if FULL else "the same each time")


def share(cases: int) -> int:
    """Return how many of a sweep's cases to run now."""
    return cases if FULL else cases // 10

"""Settings for every test."""

import os

import pytest

from tests.installed import Installed, install

# Lessons draw, and no window opens. Set before anything imports matplotlib; processes started here inherit it.
os.environ["MPLBACKEND"] = "Agg"

# Tests work on small tensors, for which PyTorch's threads only wait for each other, the longer the busier the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Chainrule's wheel in an environment of its own, made once for each process that tests."""
    return install(tmp_path_factory.mktemp("installed") / "venv")

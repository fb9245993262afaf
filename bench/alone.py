"""Run a part of the measurements in a process of its own, with the peers at hand, and weigh its memory."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PEERS = ROOT / ".peers"
"""Where `make bench` installs them: a folder that is on the path of these processes alone."""


def environment() -> dict[str, str]:
    """Return the environment of a process that finds the project and its peers, and computes on one thread."""
    return os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{PEERS}", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}


def alone(module: str, *arguments: str) -> Any:
    """Run a module of bench's, and return the last line that it prints, read as JSON."""
    command = [sys.executable, "-W", "ignore", "-m", f"bench.{module}", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment(), cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])


def memory() -> float:
    """Return the memory that this process holds now, in MB."""
    gc.collect()
    return _status("VmRSS")


def forget_peak() -> None:
    """Let the peak begin at what is held now; Linux keeps the count."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def peak() -> float:
    """Return the most memory that this process has held since then, in MB."""
    return _status("VmHWM")


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    line = next(line for line in lines if line.startswith(name + ":"))
    return int(line.split()[1]) * 1024 / 1e6

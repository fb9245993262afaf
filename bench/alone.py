"""Run a part of the measurements in a process of its own, with the peers at hand, and weigh its memory."""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PEERS = ROOT / ".peers"
"""Where tools/peers.py installs them: a folder that is on the path of these processes alone."""


def environment() -> dict[str, str]:
    """Give the surroundings of a process that finds the project and the peers, and that computes with one thread."""
    return os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{PEERS}", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}


def alone(module: str, *arguments: str, seconds: int = 3_600) -> Any:
    """Run a module of bench's, and read the last line that it prints as JSON.

    Raises:
        TimeoutError: if it has not done after so many seconds of computing; waiting for others does not count.
        RuntimeError: if it failed; with the last line of what it said.
    """
    command = [sys.executable, "-W", "ignore", "-m", f"bench.{module}", *arguments]
    limit = partial(resource.setrlimit, resource.RLIMIT_CPU, (seconds, seconds + 5))
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment(), cwd=ROOT, preexec_fn=limit
    )
    if done.returncode == -signal.SIGXCPU:
        raise TimeoutError(f"not done after {seconds} s of computing")
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise RuntimeError(said[-1])
    return json.loads(done.stdout.splitlines()[-1])


def memory() -> float:
    """Give the memory that this process holds now, in MB."""
    gc.collect()
    return _status("VmRSS")


def forget_peak() -> None:
    """Let the peak begin at what is held now; Linux keeps the count."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def peak() -> float:
    """Give the most memory that this process has held since then, in MB."""
    return _status("VmHWM")


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    line = next(line for line in lines if line.startswith(name + ":"))
    return int(line.split()[1]) * 1024 / 1e6

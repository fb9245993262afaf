"""Installs the tools that `make bench` measures beside chainrule, into .peers, which no other command looks into.

PyTorch and NumPy are those of .venv, so that all are measured on the same.
"""

import hashlib
import shutil
import sys
from pathlib import Path

from tools.environment import LOCK, RUNNING, SetUpError, pip
from tools.one_at_a_time import one_at_a_time

FOLDER = Path(".peers")
PINS = Path("bench/peers.txt")
STAMP = FOLDER / "chainrule-stamp"


def wanted() -> str:
    """Return what the stamp of an up-to-date folder says."""
    return f"{RUNNING}\n{hashlib.sha256(PINS.read_bytes() + LOCK.read_bytes()).hexdigest()}\n"


def main() -> int:
    """Install them unless they are there; return the exit code."""
    try:
        if not STAMP.exists() or STAMP.read_text() != wanted():
            with one_at_a_time("setting up"):
                print(f"Installing the packages of {PINS} into {FOLDER}", flush=True)
                shutil.rmtree(FOLDER, ignore_errors=True)
                # what they need of requirements.lock is in .venv already
                pip("--no-deps", "--target", str(FOLDER), "-r", str(PINS))
                STAMP.write_text(wanted())
    except SetUpError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

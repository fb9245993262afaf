"""Makes requirements.lock anew from pyproject.toml: for `make lock`, which needs uv."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

LOCK = Path("requirements.lock")
HEADER = """\
# The exact versions that `make html` and `make test` install, for all platforms and Python 3.11 and later.
# Made from pyproject.toml by `make lock`, which keeps the versions that are here unless asked to upgrade.
# What torch brings for GPUs is left to torch: its CPU build needs none of it.
"""
GPU = re.compile(r"(?:nvidia-|cuda-|triton\b)")


def main(arguments: list[str]) -> int:
    """Resolve the versions, keeping those in the lock unless `arguments` for uv say otherwise."""
    uv = shutil.which("uv")
    if not uv:
        print("make lock needs uv, which is not installed here: pip install uv", file=sys.stderr)
        return 1
    # one version for all Pythons where there is one, so that everybody builds the same site
    options = ["--universal", "--python-version", "3.11", "--fork-strategy", "fewest", "--all-extras"]
    options += ["--no-annotate", "--no-header", "--quiet", "--output-file", str(LOCK)]
    done = subprocess.run([uv, "pip", "compile", *options, *arguments, "pyproject.toml"])
    if done.returncode == 0:
        pins = [line for line in LOCK.read_text().splitlines() if line[:1].isalnum() and not GPU.match(line)]
        LOCK.write_text(HEADER + "\n".join(pins) + "\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

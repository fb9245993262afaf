"""Chainrule as a reader installs it: its wheel, in an environment of its own that knows nothing of this checkout.

The environment borrows the packages that this one has, PyTorch before all, since installing them takes minutes. They
are on its path behind its own, and the link that makes this checkout importable, a `.pth` file, is not followed there.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.support.project import ROOT

BUILD = "import sys; from hatchling import build as b; print(getattr(b, 'build_' + sys.argv[1])(sys.argv[2]))"


def build(kind: str, into: Path, tree: Path = ROOT) -> Path:
    """Build a `wheel` or an `sdist` of a tree into a folder, as pip and `python -m build` do."""
    command = [sys.executable, "-c", BUILD, kind, str(into)]
    done = subprocess.run(command, cwd=tree, capture_output=True, encoding="utf-8", check=True)
    return into / done.stdout.split()[-1]


@dataclass(frozen=True)
class Installed:
    """Hold the Python of such an environment, and the wheel that was installed into it."""

    python: Path
    wheel: Path


def install(home: Path) -> Installed:
    """Make the environment, with a wheel built just now."""
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    packages = home / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    (packages / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n", "utf-8")
    wheel = build("wheel", home)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--force-reinstall", "--no-compile", str(wheel)], check=True)
    return Installed(python, wheel)

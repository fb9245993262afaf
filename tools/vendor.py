"""Joins the libraries that the playground uses into classic scripts, as the npm lock in `tools/vendor` pins them.

    .venv/bin/python -m tools.vendor

Run it after a change to that folder, and commit what it writes, with the licences of all that is in it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tools.npm import NPM, node

SOURCE, TARGET = Path("tools/vendor"), Path("docs/_static/vendor")
FOLDER = Path(".venv/vendor")


def joined() -> dict[str, str]:
    """Return the scripts, and the licences of their parts, by file."""
    shutil.copytree(SOURCE, FOLDER, dirs_exist_ok=True)
    quiet = ["--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(FOLDER)]
    if node(NPM, "ci", *quiet) or node("join.mjs", folder=FOLDER):
        sys.exit("The libraries could not be fetched from the npm registry, or not joined. Try again online.")
    files = {file.name: file.read_text("utf-8") for file in sorted((FOLDER / "joined").glob("*.js"))}
    found = sorted((FOLDER / "node_modules").glob("**/LICENSE*"))
    parts = {file.parent.relative_to(FOLDER / "node_modules"): file.read_text("utf-8") for file in found}
    texts = [f"{name.as_posix()}\n{'=' * len(name.as_posix())}\n\n{text}" for name, text in parts.items()]
    return files | {"LICENSE": "\n\n".join(text for text in texts if "esbuild" not in text.partition("\n")[0])}


def main() -> None:
    """Write them."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, text in joined().items():
        (TARGET / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()

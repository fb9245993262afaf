"""Formats the JavaScript with prettier, and makes the scripts of the live graph: joined and minified with terser.

    .venv/bin/python -m tools.minify_js

Run it after a change to the JavaScript, and commit what it writes. Until then the files are served joined, longer.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from pathlib import Path

from chainrule.live.javascript import PARTS, PLAYGROUNDS, joined, minified
from tools.npm import fetch, node

PRETTIER, TERSER = "3.10.1", "5.51.4"
OPTIONS = ("--compress", "passes=3,unsafe_arrows,unsafe_methods", "--mangle", "--ecma", "2022")
SOURCES = ("src/chainrule/live/js/*/*.js", "docs/_static/exercise.js", "docs/_static/search.js")


def prettier(how: str) -> int:
    """Format our JavaScript (`--write`), or see whether it is formatted (`--check`), as `.prettierrc.json` says."""
    return node(str(fetch("prettier", PRETTIER) / "bin" / "prettier.cjs"), how, "--log-level", "warn", *SOURCES)


def minify(part: str) -> str:
    """Minify the joined files of one script."""
    terser = fetch("terser", TERSER) / "bin" / "terser"
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "joined.js", Path(folder) / "minified.js"
        source.write_text(joined(part), "utf-8")
        if node(str(terser), str(source), *OPTIONS, "--output", str(target)):
            sys.exit("terser could not read the script: the lines above say where.")
        return target.read_text("utf-8") + "\n"


def main() -> None:
    """Write it down."""
    if prettier("--write"):
        sys.exit("prettier could not read a file: the lines above say where.")
    for part in PARTS | PLAYGROUNDS:
        file = minified(part)
        file.write_text(minify(part), "utf-8")
        text = file.read_bytes()
        print(f"Written: {file.name}, {len(text):,} bytes, {len(gzip.compress(text, 9)):,} with gzip")


if __name__ == "__main__":
    main()

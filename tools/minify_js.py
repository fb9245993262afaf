"""Makes the script of the live graph as it is served: its files, joined and minified with terser.

    .venv/bin/python -m tools.minify_js

Run it after a change to the JavaScript, and commit what it writes. Until then the files are served joined, longer.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from chainrule.script import MINIFIED, joined
from tools.npm import fetch, node

VERSION = "5.51.4"
OPTIONS = ("--compress", "passes=3,unsafe_arrows,unsafe_methods", "--mangle", "--ecma", "2022")


def minified() -> str:
    """Minify the joined files."""
    terser = fetch("terser", VERSION) / "bin" / "terser"
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "joined.js", Path(folder) / "minified.js"
        source.write_text(joined(), "utf-8")
        if node(str(terser), str(source), *OPTIONS, "--output", str(target)):
            sys.exit("terser could not read the script: the lines above say where.")
        return target.read_text("utf-8") + "\n"


def main() -> None:
    """Write it down."""
    MINIFIED.write_text(minified(), "utf-8")
    print(f"Written: {MINIFIED.name}, {MINIFIED.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

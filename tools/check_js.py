"""Checks our JavaScript: its format, the types that its comments declare, and that the minified scripts are new."""

from __future__ import annotations

import sys
from pathlib import Path

from chainrule.live.javascript import PARTS, PLAYGROUNDS, minified
from tools.minify_js import SOURCES, minify, prettier
from tools.npm import fetch, node
from tools.vendor import TARGET, joined

TYPESCRIPT = "5.9.3"
CONFIG = "src/chainrule/live/js/tsconfig.json"


def main() -> int:
    """Check, for `make lint`."""
    if node(str(fetch("typescript", TYPESCRIPT) / "bin" / "tsc"), "-p", CONFIG):
        return 1
    stale = [
        f.name
        for part in PARTS | PLAYGROUNDS
        if not (f := minified(part)).is_file() or f.read_text("utf-8") != minify(part)
    ]
    if prettier("--check") or stale:
        print("The JavaScript is not formatted, or not minified. Both: .venv/bin/python -m tools.minify_js")
        return 1
    vendored = {file.name: file.read_text("utf-8") for file in TARGET.glob("*")}
    if vendored != joined():
        print("docs/_static/vendor is not what tools/vendor pins: .venv/bin/python -m tools.vendor")
        return 1
    files = [file for pattern in SOURCES for file in Path().glob(pattern)]
    if long := [file.name for file in files if any(len(line) > 120 for line in file.read_text("utf-8").splitlines())]:
        print(f"{', '.join(long)}: a line has more than 120 columns, which prettier leaves in comments and templates")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

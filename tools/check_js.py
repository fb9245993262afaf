"""Checks the types that the live graph's JavaScript declares in its comments, with TypeScript's own checker.

It also checks that the minified scripts are what the minifier makes of the files today.
"""

from __future__ import annotations

import sys

from chainrule.live.javascript import PARTS, minified
from tools.minify_js import minify
from tools.npm import fetch, node

VERSION = "5.9.3"
CONFIG = "src/chainrule/live/js/tsconfig.json"


def main() -> int:
    """Check, for `make lint`."""
    if wrong := node(str(fetch("typescript", VERSION) / "bin" / "tsc"), "-p", CONFIG):
        return wrong
    for part in PARTS:
        file = minified(part)
        if not file.is_file() or file.read_text("utf-8") != minify(part):
            print(f"{file.name} is not made from today's files: run .venv/bin/python -m tools.minify_js")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Builds the site: every lesson and chapter that changed is executed, and docs/_build/html is written."""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tools.one_at_a_time import one_at_a_time

BUILD = Path("docs/_build")
PAGE = BUILD / "html" / "index.html"
# `-b` and not `-M`, which looks for conf.py in the wrong place when that is not in the source folder
SPHINX = ["-m", "sphinx", "-b", "html", "-nqW", "--keep-going", "-c", ".", "-d", f"{BUILD}/doctrees"]
MESSAGE = re.compile(r"\b(?:WARNING|ERROR|CRITICAL|Error|error)\b")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def build() -> int:
    """Run Sphinx, pass its messages on, and end with one line that says what to do next."""
    with subprocess.Popen(
        [sys.executable, *SPHINX, "docs", str(PAGE.parent)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        close_fds=False,
    ) as process:
        assert process.stderr is not None  # it is a pipe
        first = pass_on(process.stderr)
    if process.returncode:
        fault = first or "the reason stands above."
        print(f"The site was not built: {fault} - Mend this and run the same command again.", file=sys.stderr)
        return 1
    print(f"The site is built. Open {PAGE}", flush=True)
    return 0


def pass_on(lines: Iterable[str]) -> str:
    """Print Sphinx's messages, with paths as seen from here, and return the first that tells of a fault."""
    here = f"{Path.cwd()}/"
    first = ""
    for line in lines:
        shown = line.replace(here, "")
        print(shown, end="", file=sys.stderr, flush=True)
        plain = COLOURS.sub("", shown).strip()
        if not first and MESSAGE.search(plain):
            first = plain
    return first


def main() -> int:
    """Build the site, after any other run in this folder; return the exit code."""
    try:
        with one_at_a_time("building"):
            return build()
    except KeyboardInterrupt:
        print("\nbuild interrupted; the next one picks up where it stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())

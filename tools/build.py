"""Builds the site: every lesson and chapter that changed is executed, and docs/_build/html is written.

Sphinx with its extensions needs seconds to find that there is nothing to do. So what a good build was made of, and what
it made, is noted; if neither has changed, Sphinx is not started.
"""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tools.one_at_a_time import one_at_a_time

BUILD = Path("docs/_build")
NOTE = BUILD / "made-of"
SOURCES = ("conf.py", "requirements.lock", "bench", "docs", "examples", "src", "tools/build.py")
MADE = {"_build", "lessons", "jupyter_execute"}
"""The folders in docs that a build makes."""
TOLD = ("CHAINRULE_", "READTHEDOCS", "GITHUB_")
"""How the variables begin by which a host tells a build where it is."""
PAGE = BUILD / "html" / "index.html"
# `-b` and not `-M`, which looks for conf.py in the wrong place when that is not in the source folder
SPHINX = ["-m", "sphinx", "-b", "html", "-nqW", "--keep-going", "-c", ".", "-d", f"{BUILD}/doctrees"]
MESSAGE = re.compile(r"\b(?:WARNING|ERROR|CRITICAL|Error|error)\b")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def files(folder: Path) -> Iterator[Path]:
    """Go through the files below a folder, in order; what Python compiled is none."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def state() -> str:
    """Return a digest of what a build is made of, by content, and of what it has made, by size and time."""
    digest = hashlib.sha256(f"{sys.version} {sys.prefix}".encode())
    for name in sorted(name for name in os.environ if name.startswith(TOLD)):
        digest.update(f"{name}={os.environ[name]}\0".encode())
    for source in map(Path, SOURCES):
        for path in [source] if source.is_file() else files(source):
            if not (path.parts[0] == "docs" and path.parts[1] in MADE):
                digest.update(f"{path.as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    for folder in (PAGE.parent, BUILD / "doctrees", Path("docs/lessons")):
        for path in files(folder):
            found = path.stat()
            digest.update(f"{path.as_posix()}\0{found.st_size} {found.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def build() -> int:
    """Build if there is anything to build, and end with one line that says what to do next."""
    if NOTE.is_file() and PAGE.is_file() and NOTE.read_text() == state():
        print("nothing has changed: no page to write")
        print(f"The site is built. Open {PAGE}", flush=True)
        return 0
    NOTE.unlink(missing_ok=True)
    status = run_sphinx()
    if not status:
        NOTE.parent.mkdir(parents=True, exist_ok=True)
        NOTE.write_text(state())
    return status


def run_sphinx() -> int:
    """Run Sphinx, pass its messages on, and say how it ended."""
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

"""Builds the site: every lesson and chapter that changed is executed, and docs/_build/html is written anew.

The pages are written beside the site, which they replace once all of them are good. Sphinx needs seconds to find that
there is nothing to do; so a digest of what a good build was made of is kept, and with the same one it is not started.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tools.faults import in_our_words
from tools.one_at_a_time import one_at_a_time

BUILD = Path("docs/_build")
MADE_OF, SITE, NEW, DOCTREES = (BUILD / name for name in ("made-of", "html", "new", "doctrees"))
PAGE, DONE = SITE / "index.html", NEW / ".done"
SOURCES = (
    "LICENSE",
    "README.md",
    "conf.py",
    "pyproject.toml",
    "requirements.lock",
    "bench",
    "examples",
    "src",
    "tools/build.py",
)
MADE = {"_build", "lessons", "jupyter_execute"}
"""The folders in docs that a build makes."""
TOLD = ("CHAINRULE_", "READTHEDOCS", "GITHUB_")
"""How the variables begin by which a host tells a build where it is."""
# `-b` and not `-M`, which looks for conf.py in the wrong place when that is not in the source folder
SPHINX = ["-m", "sphinx", "-b", "html", "-nqW", "--keep-going", "-c", ".", "-d", str(DOCTREES), "docs", str(NEW)]
MESSAGE = re.compile(r"\b(?:WARNING|ERROR|CRITICAL|Error|error)\b")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def files(root: Path, names: Iterable[str]) -> Iterator[Path]:
    """Yield files by name, and those below folders, in order; what Python compiled is none."""
    for path in map(root.joinpath, names):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                yield file


def digest(root: Path, names: Iterable[str]) -> str:
    """Return a digest of files and folders by name and content, and of Python's version."""
    found = hashlib.sha256(sys.version.encode())
    for file in files(root, names):
        found.update(f"{file.relative_to(root).as_posix()}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    return found.hexdigest()


def state() -> str:
    """Return what the site is made of, what a host told, and what the site holds, by size and time."""
    documents = [str(path) for path in sorted(Path("docs").iterdir()) if path.name not in MADE]
    told = {name: value for name, value in sorted(os.environ.items()) if name.startswith(TOLD)}
    held = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files(SITE, ["."])]
    return f"{digest(Path(), [*SOURCES, *documents])}\n{told}\n{held}"


def build() -> int:
    """Build if there is anything to build, and end with one line that says what to do next."""
    if MADE_OF.is_file() and PAGE.is_file() and MADE_OF.read_text("utf-8") == state():
        print("nothing has changed: no page to write")
    else:
        for path in (MADE_OF, NEW, DOCTREES):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        status, fault = run_sphinx()
        if status or not DONE.is_file():  # docs/_ext/execute/failure.py leaves it, when all is over and went well
            return not_built(fault or f"Sphinx ended with exit code {status} before all pages were written")
        DONE.unlink()
        shutil.rmtree(SITE, ignore_errors=True)
        NEW.rename(SITE)
        MADE_OF.write_text(state(), "utf-8")
    print(f"The site is built. Open {PAGE}", flush=True)
    return 0


def not_built(fault: str) -> int:
    """Say in one line why there is no new site, and return the exit code."""
    shutil.rmtree(NEW, ignore_errors=True)
    advice = in_our_words(fault) or f"{fault} - Mend this and run the same command again."
    print(f"The site was not built: {advice}", file=sys.stderr)
    return 1


def run_sphinx() -> tuple[int, str]:
    """Write all pages, pass Sphinx's messages on, and return the exit code and the first fault."""
    with subprocess.Popen(
        [sys.executable, *SPHINX],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        close_fds=False,
    ) as process:
        assert process.stderr is not None  # it is a pipe
        fault = pass_on(process.stderr)
    return process.returncode, fault


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
    except OSError as error:
        return not_built(str(error))
    except KeyboardInterrupt:
        print("\nbuild interrupted; the next one picks up where it stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())

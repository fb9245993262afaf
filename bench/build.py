"""Measures how long a build takes, against the least that it could: running the lessons and chapters in one process.

    make bench

The results are kept in bench/build.md, with their date.
"""

from __future__ import annotations

import datetime
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import starmap
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).with_name("build.md")
PARTS = ("LICENSE", "conf.py", "requirements.lock", "bench", "docs", "examples", "src", "tools")
COLD, UNCHANGED = 1.5, 1.5
"""Goals: a cold build against the floor, and one that finds nothing to do against that of an empty furo project."""
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n((?::[^\n]*\n)*)(.*?)^```$", re.MULTILINE | re.DOTALL)
FLOOR = """\
import sys
from pathlib import Path
import torch
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot
for path in sys.argv[1:]:
    scope = {"__name__": "__main__"}
    exec(compile(Path(path).read_text("utf-8"), path, "exec"), scope)
"""


def seconds(folder: Path, *command: str | Path) -> float:
    """Run a command in a folder, and return how long it took."""
    begin = time.perf_counter()
    environment = os.environ | {"MPLBACKEND": "Agg"}
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def programs(scratch: Path) -> list[Path]:
    """Return all lessons, and each chapter's cells as a program."""
    found = sorted((ROOT / "examples").glob("[0-9]*/*.py"))
    for page in sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("docs/[!_]*/*.md")]):
        if cells := CELL.findall(page.read_text("utf-8")):
            program = scratch / f"{page.stem}.py"
            program.write_text("import contextlib\n" + "\n".join(starmap(runnable, cells)), "utf-8")
            found.append(program)
    return found


def runnable(options: str, cell: str) -> str:
    """Return a cell as lines of a program, which go on after it where the page goes on."""
    if "raises-exception" not in options:
        return cell
    return f"with contextlib.suppress(Exception):\n    exec({cell!r})"


def main() -> None:
    """Measure, and write the results down."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        floor = seconds(scratch, sys.executable, "-c", FLOOR, *programs(scratch))
        print(f"floor {floor:.1f} s", flush=True)
        copy, empty = scratch / "copy", scratch / "empty"
        copy.mkdir()
        ignored = shutil.ignore_patterns("_build", "jupyter_execute", "__pycache__")
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, copy / part, ignore=ignored)
            else:
                shutil.copy(source, copy / part)
        shutil.rmtree(copy / "docs" / "lessons", ignore_errors=True)
        build = (sys.executable, "-m", "tools.build")
        cold = seconds(copy, *build)
        print(f"cold {cold:.1f} s", flush=True)
        unchanged = statistics.median(seconds(copy, *build) for _ in range(5))
        empty.mkdir()
        (empty / "conf.py").write_text("html_theme = 'furo'\n", "utf-8")
        (empty / "index.rst").write_text("Empty\n=====\n", "utf-8")
        bare = (sys.executable, "-m", "sphinx", "-b", "html", "-q", ".", "_out")
        seconds(empty, *bare)
        rebuild = statistics.median(seconds(empty, *bare) for _ in range(5))
    lines = [
        "# How long a build takes",
        "",
        f"Measured on {datetime.date.today()} with `make bench` on {os.cpu_count()} cores.",
        "",
        "| what | time | against | goal |",
        "|---|---|---|---|",
        f"| all lessons and chapters in one process: the floor | {floor:.1f} s | | |",
        f"| a cold build | {cold:.1f} s | {cold / floor:.2f} of the floor | {COLD} |",
        f"| the rebuild of an empty furo project | {rebuild:.2f} s | | |",
        f"| a build that finds nothing to do | {unchanged:.2f} s | {unchanged / rebuild:.2f} of that | {UNCHANGED} |",
    ]
    _, heading, notes = RESULTS.read_text("utf-8").partition("\n## ")
    RESULTS.write_text("\n".join(lines) + "\n" + heading + notes, "utf-8")
    print(RESULTS.read_text("utf-8"))


if __name__ == "__main__":
    main()

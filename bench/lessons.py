"""Measures how long the lessons take: each as a reader runs it, and all of them in one process, as a build does.

    make bench

The results are kept in bench/lessons.md, with their date.
"""

from __future__ import annotations

import datetime
import os
import sys
import tempfile
from pathlib import Path

from bench.build import seconds

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).with_name("lessons.md")
EACH, ALL = 15, 90
"""Goals, in seconds."""
ONE_AFTER_ANOTHER = "import runpy, sys\nfor path in sys.argv[1:]: runpy.run_path(path, run_name='__main__')"


def main() -> None:
    """Measure, and write the results down."""
    lessons = sorted((ROOT / "examples").glob("[0-9]*/*.py"))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for lesson in lessons:
            taken = seconds(Path(folder), sys.executable, lesson)
            rows.append((lesson.relative_to(ROOT / "examples").as_posix(), taken))
            print(f"{rows[-1][0]:40} {taken:5.1f} s", flush=True)
        whole = seconds(Path(folder), sys.executable, "-c", ONE_AFTER_ANOTHER, *lessons)
    slowest = max(rows, key=lambda row: row[1])
    lines = [
        "# How long the lessons take",
        "",
        f"Measured on {datetime.date.today()} with `make bench` on {os.cpu_count()} cores; each time imports PyTorch.",
        "",
        f"- The slowest alone: `{slowest[0]}`, {slowest[1]:.1f} s. The goal is at most {EACH}.",
        f"- All {len(rows)} in one process: {whole:.0f} s. The goal is at most {ALL}.",
        "",
        "| lesson | alone |",
        "|---|---|",
        *(f"| {name} | {taken:.1f} s |" for name, taken in rows),
    ]
    RESULTS.write_text("\n".join(lines) + "\n", "utf-8")
    print(f"Written to {RESULTS.name}. All in one process: {whole:.0f} s")


if __name__ == "__main__":
    main()

"""Tests of what code on a page can do to the build: stop it, with its file and line, or nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project import Project

pytestmark = pytest.mark.site

LESSON = "examples/1_part/20_two.py", "print(x)"
CHAPTER = "docs/chapter.md", 'print(6 * 7, end=""); time.sleep(0.3); print("\\nin two pieces")'
FAULTS = [
    (LESSON, "import os; os._exit(0)", ":12: ERROR: RuntimeError: os._exit would end Python"),
    (LESSON, "raise SystemExit(0)", ":12: ERROR: SystemExit: 0"),
    (LESSON, "while True: pass", ":12: ERROR: TimeoutError: the lesson ran longer than 4 seconds"),
    (LESSON, "for _ in range(3_000): print('x' * 60)", ":12: ERROR: RuntimeError: this page prints more than 100,000"),
    (LESSON, "import ctypes; ctypes.string_at(0)", ":12: ERROR: Fatal Python error: Segmentation fault"),
    (
        LESSON,
        "import os; os.kill(os.getpid(), 9)",
        ": ERROR: the process of the lesson ended by itself, with exit",
    ),
    (CHAPTER, "sys.exit(3)", ":12: ERROR: RuntimeError: sys.exit would end Python"),
    (CHAPTER, "while True: pass", ":11: ERROR: CellTimeoutError: A cell timed out"),
    (CHAPTER, "for _ in range(3_000): print('x' * 60)", ":12: ERROR: RuntimeError: this page prints more than 100,000"),
    (CHAPTER, "import os; os.kill(os.getpid(), 9)", ": ERROR: DeadKernelError"),
]
CHANGES = """\
import os, sys, threading, time, warnings, matplotlib, torch
os.chdir("/"); os.environ["LEFT"] = "1"; sys.path.append("left"); warnings.simplefilter("error")
matplotlib.rcParams["font.size"] = 1; torch.set_default_dtype(torch.float64); torch.set_grad_enabled(False)
threading.Thread(target=time.sleep, args=(1000,)).start()
import subprocess; subprocess.Popen(["sleep", "1000"], start_new_session=True)
if not os.fork(): print("a copy")
"""
LOOK = """\
import os, sys, threading, matplotlib, torch
print(os.path.basename(os.getcwd()), "LEFT" in os.environ, "left" in sys.path, matplotlib.rcParams["font.size"])
import warnings; warnings.warn("careful")
print(torch.get_default_dtype(), torch.is_grad_enabled(), threading.active_count())
"""


@pytest.mark.parametrize(("page", "code", "says"), FAULTS)
def test_code_cannot_hurt_the_build(page: tuple[str, str], code: str, says: str, small: Project) -> None:
    """What ends Python, never ends, or prints without end stops the build at its line, and the site stays whole."""
    before = small.times()
    small.edit("conf.py", "nb_execution_timeout = 120", "nb_execution_timeout = 4")
    file, line = page
    small.edit(file, line, code)
    small.build()
    assert small.status != 0
    assert f"{file}{says}" in small.complained
    assert ("raise `nb_execution_timeout` in conf.py" in small.complained) == ("Timeout" in says)
    assert "github.com" not in small.complained
    assert len(small.complained) < 10_000
    assert small.times() == before


def test_a_lesson_leaves_nothing_to_the_next(small: Project) -> None:
    """A lesson changes settings, leaves a thread, a process and a copy of itself: the next one sees none of it."""
    small.edit("examples/1_part/10_one.py", "print(x)", CHANGES)
    small.edit("examples/1_part/20_two.py", "print(x)", LOOK)
    small.build()
    assert small.status == 0, small.complained
    assert small.executed() == ["10_one.py", "20_two.py"]
    page = small.page("lessons/1_part/20_two.html")
    assert "UserWarning: careful" in page
    assert str(small.folder) not in page
    assert "1_part False False 10.0\n" in page
    assert "torch.float32 True 1\n" in page


def test_a_build_that_just_ends_is_no_success(small: Project) -> None:
    """When the process ends as if all were well, before the build has said so, the site stays as it was."""
    before = small.times()
    small.edit("conf.py", "project = ", "import atexit, os\natexit.register(os._exit, 0)\nproject = ")
    small.edit("docs/index.md", "# Front", "# Front {nothing}`x`")
    command = [sys.executable, "-m", "tools.build"]
    done = subprocess.run(command, cwd=small.folder, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("The site was not built: docs/index.md:1: WARNING: ")
    assert small.times() == before


def test_a_lesson_that_is_gone_leaves_nothing(small: Project) -> None:
    """A lesson that made a build fail, and was then removed, is nowhere in the site and its downloads."""
    bad = small.folder / "examples/1_part/99_bad.py"
    bad.write_text('"""\nBad\n===\n\nSee.\n"""\n\n# %%\n# See :doc:`/nowhere`.\n\nprint(1)\n', "utf-8")
    small.build()
    assert small.status != 0
    assert "unknown document: '/nowhere'" in small.complained
    bad.unlink()
    small.build()
    assert small.status == 0, small.complained
    for folder in ("docs/_build/html", "docs/lessons"):
        assert not [path for path in Path(small.folder, folder).rglob("*") if "99_bad" in path.name]

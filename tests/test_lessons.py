"""Lessons: each runs on its own, and what its recordings show is what PyTorch did."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.course import CHAPTERS, LESSONS, name, walk
from tests.pages import read

# Each lesson gets a process of its own, forked from one that has imported PyTorch, which takes longest.
FRESH = multiprocessing.get_context("forkserver")
FRESH.set_forkserver_preload(["tests.course", "chainrule.plots", "sklearn.datasets"])


def run_alone(path: Path, folder: Path) -> None:
    """Run a lesson as `python lesson.py` does, in a folder, with what it says in files of their own."""
    os.chdir(folder)
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        file = os.open(folder.with_suffix(f".{descriptor}"), os.O_CREAT | os.O_WRONLY)
        os.dup2(file, descriptor)
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.argv = [str(path)]
    runpy.run_path(str(path), run_name="__main__")


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_a_lesson_runs_on_its_own(path: Path, tmp_path: Path) -> None:
    """A lesson runs in a fresh process, from any folder, without complaint and without writing files.

    It prints the same there as after the others, so it depends on nothing that they leave behind.
    """
    folder = tmp_path / "empty"
    folder.mkdir()
    process = FRESH.Process(target=run_alone, args=(path, folder))
    process.start()
    process.join()
    complaints = folder.with_suffix(".2").read_text("utf-8")
    assert (process.exitcode, complaints) == (0, "")
    assert list(folder.iterdir()) == []
    assert folder.with_suffix(".1").read_text("utf-8") == walk(path).report.printed


def test_a_lesson_runs_as_a_script(tmp_path: Path) -> None:
    """`python examples/...py` is all that it takes."""
    done = subprocess.run([sys.executable, LESSONS[0]], cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == walk(LESSONS[0]).report.printed


@pytest.mark.parametrize("path", [*LESSONS, *CHAPTERS], ids=name)
def test_recorded_gradients_are_bitwise_those_of_pytorch(path: Path) -> None:
    """For every leaf in every recorded backward pass, `.grad` is what it was plus the recorded gradient, bit by bit."""
    wrong = [gradient for gradient in walk(path).gradients if not gradient.agrees]
    assert not wrong


def test_some_gradients_are_recorded() -> None:
    """The lessons do record backward passes, so that the test above compares something."""
    assert sum(len(walk(path).gradients) for path in LESSONS) >= 3


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_a_lesson_ends_with_exercises_and_solutions(path: Path) -> None:
    """At the end of a lesson stand two or three exercises, each between what it starts from and its own solution."""
    blocks = read(path).blocks
    asking = [i for i, block in enumerate(blocks) if block.kind == "text" and "**Exercise.**" in block.text]
    assert 2 <= len(asking) <= 3
    assert [blocks[i].text.count("**Exercise.**") for i in asking] == [1] * len(asking)
    assert [blocks[i + 1].kind for i in asking] == ["code"] * len(asking)
    title, first = blocks[asking[0]].text.find("On your own\n---"), blocks[asking[0]].text.index("**Exercise.**")
    assert 0 <= title < first
    code = {i for i, block in enumerate(blocks) if block.kind == "code" and i > asking[0]}
    assert code <= {i + 1 for i in asking} | {i - 1 for i in asking}


@pytest.mark.parametrize("path", [*LESSONS, *CHAPTERS], ids=name)
def test_code_fits_its_box(path: Path) -> None:
    """No line of code is longer than its box on a page is wide: 84 characters."""
    code = [line for block in read(path).code for line in block.text.splitlines()]
    assert [line for line in code if len(line) > 84] == []

"""Lessons: each runs on its own, and what its recordings show is what PyTorch did."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.course import CHAPTERS, LESSONS, name, walk
from tests.pages import read


@dataclass(frozen=True)
class Run:
    """Hold what a lesson did in a process and a folder of its own."""

    status: int
    printed: str
    complaints: str
    files: tuple[str, ...]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Path, Future[Run]]]:
    """Run each lesson as `python lesson.py`, two at a time, each from an empty folder."""

    def run(path: Path, folder: Path) -> Run:
        done = subprocess.run([sys.executable, path], cwd=folder, capture_output=True, text=True, encoding="utf-8")
        return Run(done.returncode, done.stdout, done.stderr, tuple(file.name for file in folder.iterdir()))

    with ThreadPoolExecutor(2) as pool:
        yield {path: pool.submit(run, path, tmp_path_factory.mktemp(path.stem)) for path in LESSONS}


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_a_lesson_runs_on_its_own(path: Path, alone: dict[Path, Future[Run]]) -> None:
    """`python examples/...py` runs in a fresh process, from any folder, without complaint and without writing files."""
    run = alone[path].result()
    assert (run.status, run.complaints) == (0, "")
    assert run.files == ()


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_a_lesson_prints_the_same_each_time(path: Path, alone: dict[Path, Future[Run]]) -> None:
    """A lesson prints the same on its own as after the others, so it depends on nothing that they leave behind."""
    assert alone[path].result().printed == walk(path).report.printed


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
    """At the end of a lesson stand two or three exercises, each right before the block that works its answer out."""
    blocks = read(path).blocks
    asking = [i for i, block in enumerate(blocks) if block.kind == "text" and "**Exercise.**" in block.text]
    assert 2 <= len(asking) <= 3
    assert [blocks[i].text.count("**Exercise.**") for i in asking] == [1] * len(asking)
    assert [blocks[i + 1].kind for i in asking] == ["code"] * len(asking)
    title, first = blocks[asking[0]].text.find("On your own\n---"), blocks[asking[0]].text.index("**Exercise.**")
    assert 0 <= title < first
    assert sum(block.kind == "code" for block in blocks[asking[0] :]) == len(asking)


@pytest.mark.parametrize("path", [*LESSONS, *CHAPTERS], ids=name)
def test_code_fits_its_box(path: Path) -> None:
    """No line of code is longer than its box on a page is wide: 84 characters."""
    code = [line for block in read(path).code for line in block.text.splitlines()]
    assert [line for line in code if len(line) > 84] == []

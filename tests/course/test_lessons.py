"""Lessons: each runs on its own, and what its recordings show is what PyTorch did."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.course import CHAPTERS, LESSONS, name, walk
from tests.support.installed import Installed
from tests.support.pages import read
from tests.support.warm import Warm

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runner(installed: Installed) -> Iterator[Warm]:
    """What runs scripts where chainrule is installed, and has imported PyTorch once for all lessons."""
    runner = Warm(installed.python, "sklearn.datasets", "torch._dynamo", "chainrule.plots")
    assert runner.library.is_relative_to(installed.python.parents[1])
    yield runner
    runner.stop()


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_a_lesson_runs_on_its_own(path: Path, runner: Warm, tmp_path: Path) -> None:
    """A lesson runs where chainrule is installed, far from this checkout, without complaint and without writing files.

    It prints the same there, in a fresh process, as after the others, so it depends on nothing that they leave behind.
    """
    script = tmp_path / "downloads" / path.name
    folder = tmp_path / "empty"
    for new in (script.parent, folder):
        new.mkdir()
    shutil.copy(path, script)
    assert runner.run(script, folder, os.environ, tmp_path / "said") == (0, walk(path).report.printed, "")
    assert list(folder.iterdir()) == []


def test_a_lesson_runs_as_a_script(installed: Installed, tmp_path: Path) -> None:
    """`python examples/...py` is all that it takes."""
    done = subprocess.run([installed.python, LESSONS[0]], cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == walk(LESSONS[0]).report.printed


@pytest.mark.parametrize("path", [*LESSONS, *CHAPTERS], ids=name)
def test_recorded_gradients_are_bitwise_those_of_pytorch(path: Path) -> None:
    """For every leaf in every recorded backward pass, `.grad` is what it was plus the recorded gradient, bit by bit."""
    wrong = [gradient for gradient in walk(path).gradients if not gradient.agrees]
    assert not wrong


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
    code = [line for block in read(path).code if not block.hidden for line in block.text.splitlines()]
    assert [line for line in code if len(line) > 84] == []


def test_the_first_three_parts_stay_short() -> None:
    """Up to their exercises, the first three parts have at most 11,000 words, what folds away not counted."""
    folded = re.compile(r"^\.\. answer::.*\n(?:\n| +.*\n?)*", re.MULTILINE)
    pages = [read(path).blocks for path in LESSONS if path.parts[-2] < "4"]
    texts = ["\n".join(block.text for block in blocks if block.kind == "text") for blocks in pages]
    words = [re.findall(r"[A-Za-z][\w'’-]*", folded.sub("", text).partition("On your own\n")[0]) for text in texts]
    assert sum(map(len, words)) <= 11_000

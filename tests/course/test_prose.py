"""Prose: every number that a lesson or a chapter shows is checked; first some of what must fail, then every page."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from tests.support.course import CHAPTERS, LESSONS, ROOT, name, walk
from tests.support.pages import read
from tests.support.prose import check

CODE = """\
rate = 0.1  # a tenth
w = 1.0
w = w - rate * 2
history = [1.0, 0.36]  # not 0.7
import torch
slope = torch.tensor([16.0, 8.2874, 8.0])
"""


BAD = {
    "It falls by 37 %.": "37 % stands in prose",
    "It takes 1,000 steps.": "1,000 stands in prose",
    ":doc:`Lesson 7 <20_forward>`": "7 stands in prose",
    "A Heading of 0.5\n----------------": "0.5 stands in prose",
    "=====  =====\nw      loss\n=====  =====\n0.5    0.25\n=====  =====": "0.25 stands in prose",
    "It is ``w == 0.8``, then 0.80001.": "0.80001 stands in prose",
    "It is ``w == 0.9``.": "`w == 0.9` does not hold: w is 0.8",
    "It is ``slope ≈ (16.0, 8.28, 8)``.": "slope is [16.0, 8.2874",
    "It is ``slope > 8``.": "slope is",
    "It is ``weight == 1.0``.": "cannot be evaluated here: NameError: name 'weight' is not defined",
    "It is ``dloss/dw = 2``.": "`dloss/dw = 2` is no Python",
    "It is ``w ≈ 1.0 ≈ rate``.": "more than one",
    "It is ``w ≈ rate``.": "shows no digits",
    "It is ``w == 1 and rate == 2``.": "each in code font of its own",
    "It is ``not w == 1``.": "write the one that holds",
    "It is ``0.36001``.": "`0.36001` shows 0.36001",
    "It is ``17``, or ``(17, 18)``.": "`(17, 18)` shows 18",
    ".. code-block:: python\n\n   w = 1.5": "a listing shows 1.5",
    "It is ``slope[1] == 8.28740001``.": "so does `slope[1] == 8.28740002`",
    "The comment.": "'# not 0.7' shows 0.7",
    "The formula :math:`2 \\cdot 0.7`.": "nothing checks 0.7 in the formula `2 \\cdot 0.7`",
    "``w == 0.8`` is :math:`w = -0.8`.": "nothing checks -0.8",
}
"""Texts with a number that nothing checks, and what is said about it."""


@pytest.mark.parametrize(("text", "message"), BAD.items())
def test_unchecked_numbers_fail(text: str, message: str, tmp_path: Path) -> None:
    """A number that nothing checks fails wherever it stands, with file, line and advice."""
    path = tmp_path / "lesson.py"
    comment = textwrap.indent(text, "# ", lambda _: True)
    path.write_text(f'"""Title"""\n\n{CODE}\n# %%\n{comment}\n', encoding="utf-8")
    report = check(read(path))
    found = [failure for failure in (*report.failures, *report.unnoticed) if message in failure]
    assert found, report
    assert re.match(r".*lesson\.py:\d+: ", found[0])


def test_chapters_are_checked_alike(tmp_path: Path) -> None:
    """In Markdown, claims stand in single backticks and maths in dollars, and are checked in the same way."""
    bad = "`w == 0.9` and $x = 0.71$\n\n$$0.6$$\n\n| w |\n|---|\n| 0.5 |\n\n:::{note} On 0.3\n:::\n"
    path = tmp_path / "chapter.md"
    path.write_text(f"# Title\n\n```{{code-cell}}\n{CODE}```\n\n{bad}", encoding="utf-8")
    said = "\n".join(check(read(path)).failures)
    for line, number in ((12, "0.9"), (12, "0.7"), (14, "0.6"), (18, "0.5"), (20, "0.3")):
        assert re.search(rf"chapter\.md:{line}: .*{number}", said), said


def test_claims_are_evaluated_where_they_stand(tmp_path: Path) -> None:
    """A claim sees the values above it; the opening text, those at the end."""
    path = tmp_path / "lesson.py"
    path.write_text(
        '"""Ends at ``w == 3``."""\n\nw = 1\n# %%\n# First ``w == 1``.\nw = 2\n# %%\n# Then ``w == 2``.\nw = 3\n',
        encoding="utf-8",
    )
    report = check(read(path))
    assert (report.failures, report.claims) == ((), 3)
    path.write_text(path.read_text(encoding="utf-8").replace("w = 2", "w = 1"), encoding="utf-8")
    assert check(read(path)).failures == (f"{path}:8: `w == 2` does not hold: w is 1.",)


@pytest.mark.slow
@pytest.mark.parametrize("path", [*LESSONS, *CHAPTERS], ids=name)
def test_every_number_in_prose_is_checked(path: Path) -> None:
    """Everything that a page says in numbers holds, where it says it."""
    report = walk(path).report
    tell(report.failures)
    counts = report.claims or path.parent.name == "playground"  # whose numbers are the reader's
    assert counts, f"{name(path)} claims nothing in code font, so nothing in it is checked."


@pytest.mark.slow
@pytest.mark.parametrize("path", [*LESSONS, *CHAPTERS], ids=name)
def test_a_changed_digit_fails(path: Path) -> None:
    """Whichever digit of a page's claims is changed, its check fails."""
    tell(walk(path).report.unnoticed)


def tell(failures: tuple[str, ...]) -> None:
    """Fail with one line for each failure and nothing else, so that the author can go from one to the next."""
    if failures:
        pytest.fail("\n".join(failure.removeprefix(f"{ROOT}/") for failure in failures), pytrace=False)

"""Prose: every number that a lesson or a chapter shows is checked; first some of what must fail, then every page."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from tests.support.course import CHAPTERS, LESSONS, ROOT, name, walk
from tests.support.pages import read
from tests.support.prose import Report, check

CODE = """\
rate = 0.1  # a tenth
w = 1.0
w = w - rate * 2
history = [1.0, 0.36]
import torch
slope = torch.tensor([16.0, 8.2874, 8.0])
"""


def lesson(folder: Path, text: str, code: str = CODE, opening: str = "Title", latex: tuple[str, ...] = ()) -> Report:
    """Check a lesson with one block of code and then one of text."""
    path = folder / "lesson.py"
    comment = textwrap.indent(textwrap.dedent(text).strip(), "# ", lambda _: True)
    path.write_text(f'"""{opening}"""\n\n{code}\n# %%\n{comment}\n', encoding="utf-8")
    return check(read(path), latex_of=lambda _: latex)


def chapter(folder: Path, text: str, code: str = CODE) -> Report:
    """Check a chapter with one cell and then one text."""
    path = folder / "chapter.md"
    path.write_text(f"# Title\n\n```{{code-cell}}\n{code}```\n\n{textwrap.dedent(text)}", encoding="utf-8")
    return check(read(path))


BAD = {
    "It falls to 0.37.": "0.37 stands in prose",
    "It falls by 37 %.": "37 % stands in prose",
    "It takes 1e-3.": "1e-3 stands in prose",
    "It takes 1,000 steps.": "1,000 stands in prose",
    "The 7th step.": "7 stands in prose",
    ":doc:`Lesson 7 <20_forward>`": "7 stands in prose",
    "A Heading of 0.5\n----------------": "0.5 stands in prose",
    "=====  =====\nw      loss\n=====  =====\n0.5    0.25\n=====  =====": "0.25 stands in prose",
    "It is ``w == 0.8``, then 0.80001.": "0.80001 stands in prose",
    "It is ``w == 0.8``, or -0.8.": "-0.8 stands in prose",
    "It is ``w == 0.9``.": "`w == 0.9` does not hold: w is 0.8",
    "It is ``slope ≈ (16.0, 8.28, 8)``.": "slope is [16.0, 8.2874",
    "It is ``slope == (16, 8)``.": "slope is",
    "It is ``slope > 8``.": "slope is",
    "It is ``history[:1] ≈ 1.0``.": "history[:1] is [1.0]",
    "It is ``rate = 0.12``.": "rate is 0.1",
    "It is ``weight == 1.0``.": "cannot be evaluated here: NameError: name 'weight' is not defined",
    "It is ``dloss/dw = 2``.": "`dloss/dw = 2` is no Python",
    "It is ``w ≈ 1.0 ≈ rate``.": "more than one",
    "It is ``w ≈ rate``.": "shows no digits",
    "It is ``w == 1 and rate == 2``.": "each in code font of its own",
    "It is ``not w == 1``.": "write the one that holds",
    "It is ``0.36001``.": "`0.36001` shows 0.36001",
    "It is ``17``, or ``(17, 18)``.": "`(17, 18)` shows 18",
    "First ``w = w - rate * 3``.": "`w = w - rate * 3` shows 3",
    "It is ``step(0.2)``.": "`step(0.2)` shows 0.2",
    ".. code-block:: python\n\n   w = 1.5": "a listing shows 1.5",
    "The formula :math:`2 \\cdot 0.7`.": "nothing checks 0.7 in the formula `2 \\cdot 0.7`",
    "``w == 0.8`` is :math:`w = -0.8`.": "nothing checks -0.8",
}
"""Texts with a number that nothing checks, and what is said about it."""


@pytest.mark.parametrize(("text", "message"), BAD.items())
def test_unchecked_numbers_fail(text: str, message: str, tmp_path: Path) -> None:
    """A number that nothing checks fails wherever it stands, with file, line and advice."""
    report = lesson(tmp_path, text)
    found = [failure for failure in report.failures if message in failure]
    assert found, report.failures
    assert re.match(r".*lesson\.py:\d+: ", found[0])


def test_chapters_are_checked_alike(tmp_path: Path) -> None:
    """In Markdown, claims stand in single backticks and maths in dollars, and are checked in the same way."""
    good = "`w == 0.8` and $w = 0.8$, or `rate = 0.1` and\n\n$$0.1$$\n\n| w |\n|---|\n| `history ≈ (1, 0.4)` |\n"
    assert chapter(tmp_path, good).failures == ()
    bad = "`w == 0.9` and $x = 0.7$\n\n$$0.6$$\n\n| w |\n|---|\n| 0.5 |\n\n:::{note} On 0.3\n:::\n"
    said = "\n".join(chapter(tmp_path, bad).failures)
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


def test_prose_may_say_what_the_code_says_and_prints(tmp_path: Path) -> None:
    """A number of the code, or of what it prints, may be repeated in prose, rounded; with another digit it fails."""
    code = "rate = 0.1\nprint('loss', 2 * 4.0234, 8)\n"
    assert lesson(tmp_path, "With 0.1 it is 8.05, or 8.", code=code).failures == ()
    assert len(lesson(tmp_path, "With 0.2 it is 8.06, or 9.", code=code).failures) == 3


def test_formulas_may_hold_what_a_recording_derives(tmp_path: Path) -> None:
    """A number in maths is checked when a derivation on the page has it; in prose that is not enough."""
    derived = (r"\frac{\partial loss}{\partial w} = (-2)(1.5) = -3",)
    assert lesson(tmp_path, r":math:`-2 \cdot 1.5 = -3`", latex=derived).failures == ()
    assert len(lesson(tmp_path, "It is -3.0.", latex=derived).failures) == 1


@pytest.mark.parametrize(
    ("code", "stale"),
    [
        ("w = 0.5  # now 0.5\n", []),
        ("w = 0.5  # now 0.7\n", ["0.7"]),
        ("w = 1  # after 20 steps, for Python 3.11\n", []),
        ("w = 0.5\nprint('the loss is 0.7')\n", ["0.7"]),
        ("w = 0.5\nprint(f'{w:8.3f} of 0.7')\n", ["0.7"]),
        ('def f():\n    """Give 0.7."""\n', ["0.7"]),
    ],
)
def test_comments_and_strings_of_the_code_are_checked(code: str, stale: list[str], tmp_path: Path) -> None:
    """A decimal in a comment or a string stands in the code around it or in a claim, or it fails."""
    failures = lesson(tmp_path, "Text.", code=code).failures
    assert [re.findall(r"shows (\S+)\.", failure) for failure in failures] == [[number] for number in stale]
    assert not stale or lesson(tmp_path, "Now ``7 / 10 == 0.7``.", code=code).failures == ()


def test_digits_that_claim_nothing_are_pointed_out(tmp_path: Path) -> None:
    """A claim that would hold with another digit as well is reported, since it shows more than it says."""
    code = "import numpy as np\nloss = np.float32(0.36)\n"
    report = lesson(tmp_path, "It is ``loss == 0.36000001``.", code=code)
    assert report.failures == ()
    assert any("so does `loss == 0.36000002`" in text for text in report.unnoticed)


@pytest.mark.slow
@pytest.mark.parametrize("path", [*LESSONS, *CHAPTERS], ids=name)
def test_every_number_in_prose_is_checked(path: Path) -> None:
    """Everything that a page says in numbers holds, where it says it."""
    report = walk(path).report
    tell(report.failures)
    assert report.claims, f"{name(path)} claims nothing in code font, so nothing in it is checked."


@pytest.mark.slow
@pytest.mark.parametrize("path", [*LESSONS, *CHAPTERS], ids=name)
def test_a_changed_digit_fails(path: Path) -> None:
    """Whichever digit of a page's claims is changed, its check fails."""
    tell(walk(path).report.unnoticed)


def tell(failures: tuple[str, ...]) -> None:
    """Fail with one line for each failure and nothing else, so that the author can go from one to the next."""
    if failures:
        pytest.fail("\n".join(failure.removeprefix(f"{ROOT}/") for failure in failures), pytrace=False)

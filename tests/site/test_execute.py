"""Tests of what runs the lessons and chapters, and of what makes their pages light."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import sphinxcontrib.katex
from _ext.execute import fingerprint, progress
from _ext.pages import bundle, maths

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "changed",
    [
        "src/chainrule/calculus/rules.py",
        "src/chainrule/live/js/model.js",
        "requirements.lock",
        "docs/_ext/execute/kernel.py",
    ],
)
def test_the_fingerprint_sees_a_change(changed: str, tmp_path: Path) -> None:
    """A change in the library, the lock or what runs the lessons changes the fingerprint; other site code does not."""
    for name in (
        "src/chainrule/calculus/rules.py",
        "requirements.lock",
        "docs/_ext/execute/kernel.py",
        "docs/_ext/lessons/predictions.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    before = fingerprint.fingerprint(tmp_path)
    (tmp_path / "docs/_ext/lessons/predictions.py").write_text("after")
    assert fingerprint.fingerprint(tmp_path) == before
    (tmp_path / changed).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / changed).write_text("after")
    assert fingerprint.fingerprint(tmp_path) != before


def test_a_formula_carries_mathml_and_an_error_is_said() -> None:
    """A formula is rendered with MathML beside it; one that KaTeX does not understand gives a message, not red text."""
    good, bad = maths.answer(r"\frac{1}{2}", False), maths.answer(r"\frac{1", False)
    assert "<math" in good["html"]
    assert "html" not in bad
    assert "KaTeX parse error" in bad["error"]


def test_stylesheet_and_program_are_of_one_version() -> None:
    """KaTeX's stylesheet and fonts on the site are of the version that renders the formulas."""
    sheet = (ROOT / "docs/_static/katex/katex.min.css").read_text("utf-8")
    version = re.search(r'content:"(\d+\.\d+\.\d+)"', sheet)
    assert version is not None
    assert version[1] == sphinxcontrib.katex.katex_version
    assert set(re.findall(r"fonts/[\w-]+\.\w+", sheet)) == {
        f"fonts/{font.name}" for font in (ROOT / "docs/_static/katex/fonts").iterdir()
    }


@pytest.mark.parametrize(("number", "expected"), [(1, "1 page"), (4, "4 pages")])
def test_counts_read_well(number: int, expected: str) -> None:
    """One page is a page, and four are pages."""
    assert progress.counted(number, "page") == expected


def test_parts_of_a_bundle_give_way_to_it() -> None:
    """Files that are joined are replaced where the first of them stands; unused ones go, and all others stay."""
    files = [
        SimpleNamespace(filename=name) for name in ("_static/a.css", "_static/mystnb.1.css", "_static/b.css?v=1", "x")
    ]
    whole = SimpleNamespace(filename="whole")
    bundle.replace(files, ("a.css", "b.css"), whole)
    assert [file.filename for file in files] == ["whole", "x"]

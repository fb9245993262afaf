"""Tests of what runs the lessons and chapters, and of what makes their pages light."""

import re
from pathlib import Path
from types import SimpleNamespace

import sphinxcontrib.katex
from _ext.pages import bundle, maths

ROOT = Path(__file__).parents[2]


def test_a_formula_carries_mathml_and_an_error_is_said() -> None:
    """A formula is rendered with MathML beside it; one that KaTeX does not understand gives a message, not red text."""
    html, fault = maths.render(r"\frac{1}{2}", False)
    assert "<math" in html
    assert fault == ""
    html, fault = maths.render(r"\frac{1", False)
    assert html == ""
    assert "KaTeX parse error" in fault


def test_stylesheet_and_program_are_of_one_version() -> None:
    """KaTeX's stylesheet and fonts on the site are of the version that renders the formulas."""
    sheet = (ROOT / "docs/_static/katex/katex.min.css").read_text("utf-8")
    version = re.search(r'content:"(\d+\.\d+\.\d+)"', sheet)
    assert version is not None
    assert version[1] == sphinxcontrib.katex.katex_version
    assert set(re.findall(r"fonts/[\w-]+\.\w+", sheet)) == {
        f"fonts/{font.name}" for font in (ROOT / "docs/_static/katex/fonts").iterdir()
    }


def test_parts_of_a_bundle_give_way_to_it() -> None:
    """Files that are joined are replaced where the first of them stands; unused ones go, and all others stay."""
    files = [
        SimpleNamespace(filename=name) for name in ("_static/a.css", "_static/mystnb.1.css", "_static/b.css?v=1", "x")
    ]
    whole = SimpleNamespace(filename="whole")
    bundle.replace(files, ("a.css", "b.css"), whole)
    assert [file.filename for file in files] == ["whole", "x"]

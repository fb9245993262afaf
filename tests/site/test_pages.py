"""Tests of what is done to every page: maths, links from code, and what is told to those who share it."""

import re

import pytest
import sphinxcontrib.katex
from _ext.pages import code_links, sharing
from docutils import nodes
from docutils.utils import new_document

from tests.support.built import ROOT


def test_stylesheet_and_program_are_of_one_version() -> None:
    """KaTeX's stylesheet and fonts on the site are of the version that renders the formulas."""
    sheet = (ROOT / "docs/_static/katex/katex.min.css").read_text("utf-8")
    assert re.findall(r'content:"(\d+\.\d+\.\d+)"', sheet) == [sphinxcontrib.katex.katex_version]
    fonts = {f"fonts/{font.name}" for font in (ROOT / "docs/_static/katex/fonts").iterdir()}
    assert set(re.findall(r"fonts/[\w-]+\.\w+", sheet)) == fonts


# --- links from code


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("torch.relu(x)", {"torch.relu"}),
        ("import numpy as np\nnp.abs(x)", {"numpy.abs"}),
        ("from torch import nn\nnn.Linear(2, 1)", {"torch.nn.Linear"}),
        ("with chainrule.record() as rec:\n    y\nrec.grad(y)", {"chainrule.record", "chainrule.Recording.grad"}),
        ("# torch.relu is told of\nx.y", {"x.y"}),
    ],
)
def test_code_names_what_it_uses(code: str, expected: set[str]) -> None:
    """A name is found written out, behind an abbreviation, and as a recording's; not in what a lesson tells."""
    assert code_links.used(code) == expected


# --- what is told to those who share a page


@pytest.mark.parametrize(
    ("paragraphs", "expected"),
    [
        (["Short.", "What you get: a way to see which of the numbers moves the loss."], "A way to see which of the"),
        ([], ""),
        (["word " * 100], "Word word"),
    ],
)
def test_a_page_is_described_by_its_first_words(paragraphs: list[str], expected: str) -> None:
    """The description is the first paragraph that says something, cut after a word."""
    document = new_document("page")
    section = nodes.section()
    document += section
    section += [nodes.paragraph(text, text) for text in paragraphs]
    said = sharing.description(document)
    assert said.startswith(expected)
    assert len(said) <= sharing.LONGEST + 2
    assert bool(said) == bool(expected)

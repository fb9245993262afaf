"""Tests of what is done to every page: links from code, and what is told to those who share it."""

import pytest
from _ext.pages import code_links, sharing
from docutils import nodes
from docutils.utils import new_document

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

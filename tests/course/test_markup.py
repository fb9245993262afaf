"""Markup: the text of a page, taken apart into prose, code font, maths and listings."""

from __future__ import annotations

import pytest

from tests.support.markup import Kind, spans
from tests.support.pages import Markup

INLINE: list[tuple[Markup, str, list[tuple[Kind, str]], str]] = [
    # markup, text, what stands in it beside prose, and the words of its prose
    ("rst", "the loss, ``loss ==\n1.0``, falls", [("code", "loss ==\n1.0")], "the loss, , falls"),
    ("rst", "a slip: `loss == 1.0`.", [("code", "loss == 1.0")], "a slip: ."),
    ("rst", "the slope :math:`2 x = -2` here", [("math", "2 x = -2")], "the slope here"),
    ("rst", "call :func:`torch.nn.Conv2d`", [], "call"),
    ("rst", "see :doc:`lesson 2 <20_forward>`", [], "see lesson 2"),
    ("rst", "see `the 1986 paper <https://a.b/323533>`__ now", [], "see the 1986 paper now"),
    ("rst", "see `the paper`_ or https://a.b/0.5", [], "see the paper or"),
    ("rst", ".. _target-1.5: https://a.b\n\n.. a comment, 2.5\n   and 3.5\n\nafter", [], "after"),
    ("rst", ".. math::\n\n   x = 2.5\n\nafter", [("math", "\n\n   x = 2.5\n")], "after"),
    ("rst", ".. code-block:: python\n\n   x = 2.5\n\nafter", [("listing", "\n\n   x = 2.5\n")], "after"),
    ("rst", "as here::\n\n   x = 2.5\n\nafter", [("listing", "\n\n   x = 2.5\n")], "as here:: after"),
    ("rst", ".. note:: Mind 2.5\n   :class: a1.5\n\n   and 3.5", [], "Mind 2.5 and 3.5"),
    ("rst", ".. figure:: a-1.5.svg\n   :width: 20\n\n   Caption 2.5", [], "Caption 2.5"),
    ("rst", ".. toctree::\n   :maxdepth: 2\n\n   10_nudge", [], ""),
    ("md", "the loss, `loss == 1.0`, falls", [("code", "loss == 1.0")], "the loss, , falls"),
    ("md", "the slope $2 x = -2$, {math}`x^2`", [("math", "2 x = -2"), ("math", "x^2")], "the slope ,"),
    ("md", "costs $5 and $6", [], "costs $5 and $6"),
    ("md", "`$HOME` and `$2$`", [("code", "$HOME"), ("code", "$2$")], "and"),
    ("md", "$$\nx = 2.5\n$$\nafter", [("math", "\nx = 2.5\n")], "after"),
    ("md", "call {func}`torch.nn.Conv2d`, see {doc}`lesson 2 <20_forward>`", [], "call , see lesson 2"),
    ("md", "see [lesson 2](20_forward.md) or <https://a.b/0.5>", [], "see [lesson 2] or"),
    ("md", "(label-1)=\n# Title\n% comment 2.5\n<!-- 3.5 -->", [], "# Title"),
    ("md", "```{math}\nx = 2.5\n```\nafter", [("math", "\nx = 2.5")], "after"),
    ("md", "````text\n```\n2.5\n```\n````\nafter", [("listing", "\n```\n2.5\n```")], "after"),
    ("md", ":::{note} Mind 2.5\n:class: a1.5\nand `x`\n:::", [("code", "x")], "Mind 2.5 and"),
    ("md", "::::{grid}\n:::{card} One\n`x`\n:::\n::::\n\n```\n2.5\n```", [("listing", "\n2.5"), ("code", "x")], "One"),
    ("md", "```{toctree}\n10_nudge\n```", [], ""),
]


@pytest.mark.parametrize(("markup", "text", "found", "prose"), INLINE)
def test_text_is_taken_apart(markup: Markup, text: str, found: list[tuple[Kind, str]], prose: str) -> None:
    """Code font, maths and listings are found; prose keeps the words that people read, each on its line."""
    *others, rest = spans(text, markup)
    assert [(span.kind, span.text) for span in others] == found
    assert rest.kind == "prose"
    assert rest.text.split() == prose.split()
    lines = zip(text.split("\n"), rest.text.split("\n"), strict=True)
    assert all(word in line for line, left in lines for word in left.split())


@pytest.mark.parametrize(
    ("markup", "text"),
    [("rst", "One ``a``\ntwo ``b``.\n\n.. math:: c\n\nFive ``d``."), ("md", "One `a`\ntwo `b`.\n\n$$c$$\n\nFive `d`.")],
)
def test_each_span_knows_its_line(markup: Markup, text: str) -> None:
    """A span's line is that of the file, counted from the line that its block starts on."""
    found = {span.text.strip(): span.line for span in spans(text, markup, line=11) if span.kind != "prose"}
    assert found == {"a": 11, "b": 12, "c": 14, "d": 16}

"""Graphs: the picture in the page is well formed, follows light and dark, and comes with its table."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import unquote
from xml.etree import ElementTree

import torch
from hypothesis import given, settings

import chainrule
from chainrule.live.graph import Graph
from chainrule.views.colors import DARK, LIGHT
from tests.support.graphs import Plan, plans, record
from tests.support.slips import fork
from tests.views.test_svg import contrast


@settings(max_examples=30, deadline=None)
@given(plans())
def test_pictures_are_well_formed(plan: Plan) -> None:
    """For any graph both pictures are well-formed SVG, and arrive in the page as they were drawn."""
    graph = record(plan)[0].graph()
    for svg in (graph.wide, graph.narrow):
        ElementTree.fromstring(svg)
    page = graph._repr_html_()
    pictures = re.findall(r'<(?:img|source)\b[^>]* (?:src|srcset)="data:image/svg\+xml,([^"\s]*)"', page)
    assert [unquote(picture) for picture in pictures] == [graph.narrow, graph.wide]
    assert [unescape(text) for text in re.findall('<img[^>]* alt="([^"]*)"', page)] == [graph.title]


def test_a_graph_says_what_it_shows() -> None:
    """The title counts the operations and names the leaves, the result and the gradients, and is the picture's text."""
    graph = fork().graph()
    assert str(graph) == "Graph of 3 operations, from a = 3 to d = 42. Gradients: a 26."
    assert f'alt="{graph.title}"' in graph._repr_html_()


def test_the_table_stands_below_the_picture() -> None:
    """Without style or script there are the picture and, folded away, the same numbers as a table."""
    rec = fork()
    shown = rec.graph().element
    assert shown.index("<picture>") < shown.index("<details>") < shown.index(rec.table()._repr_html_())
    assert shown.count("<script") == shown.count('<script type="application/json">') == 1
    assert not re.search(r"\sid=", shown)


def test_pictures_follow_light_and_dark() -> None:
    """A picture brings its colours for both backgrounds, and text that can be told from each."""
    before, _, dark = fork().graph().wide.partition("@media(prefers-color-scheme:dark)")
    for part, palette in ((before, LIGHT), (dark, DARK)):
        for colour in (palette.value, palette.gradient, palette.text, palette.faint):
            assert f"fill:{colour}" in part
            assert contrast(colour, palette.box) >= 4.5
            assert contrast(colour, palette.page) >= 4.5


def test_the_forward_pass_alone_has_no_way_back() -> None:
    """With `backward=None` there are no gradients in the picture, the title or the table."""
    graph = fork().graph(backward=None)
    assert "grad " not in graph.wide
    assert "class='b'" not in graph.wide
    assert "Gradients" not in graph.title
    assert graph.table.count("<th ") == 3


def test_a_graph_that_is_too_wide_for_a_page_runs_downwards() -> None:
    """A short chain runs to the right on a wide page; a long one, which would be shrunk until unreadable, does not."""

    def chain(steps: int) -> Graph:
        h = torch.tensor(1.0, requires_grad=True)
        with chainrule.record() as rec:
            for _ in range(steps):
                h = h * 2
            h.backward()
        return rec.graph()

    short, long = chain(3), chain(12)
    assert short.wide != short.narrow
    assert long.wide == long.narrow


def test_arguments_by_keyword_cost_the_graph_nothing() -> None:
    """Where an op's arguments were given by keyword, its graph is shown all the same, with no code to run."""
    w = torch.tensor([0.5], requires_grad=True)
    with chainrule.record() as rec:
        torch.exp(input=w).sum().backward()
    assert '"code":null' in rec.graph().data

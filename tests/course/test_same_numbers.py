"""The same numbers: what one view of a recording shows, every other view shows too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import NamedTuple

import pytest

import chainrule
from tests.support.course import CHAPTERS, LESSONS, name, walk
from tests.support.terminal import printed

pytestmark = pytest.mark.slow


class Shown(NamedTuple):
    """Hold what a view shows of one value: its name, its numbers, and its gradient (empty if it has none)."""

    name: str
    value: str
    gradient: str


def in_print(rec: chainrule.Recording) -> list[list[str]]:
    """Read the cells of the printed table, cut at the columns that its rule marks."""
    head, rule, *lines = printed(rec.table()).split("\n")
    columns = [match.span() for match in re.finditer("-+", rule)]
    return [[line[start:end].rstrip() for start, end in columns] for line in (head, *lines)]


def in_html(rec: chainrule.Recording) -> list[list[str]]:
    """Read the cells of the table in the page; an op with several local gradients has further lines, as in print."""
    rows: list[list[str]] = []
    for row in re.findall(r"<tr.*?</tr>", rec.graph()._repr_html_(), re.DOTALL):
        cells = re.findall(r"<t[dh]\b[^>]*>(.*?)</t[dh]>", row, re.DOTALL)
        parts = [[unescape(re.sub("<[^>]*>", "", line)) for line in cell.split("<br>")] for cell in cells]
        lines = max(map(len, parts))
        rows.extend([(part + [""] * lines)[i] for part in parts] for i in range(lines))
    return rows


def in_table(rec: chainrule.Recording) -> list[Shown]:
    """Read names, values and gradients off the table; a hook's row belongs to the value above it."""
    rows = [row for row in rec.table().rows if row.op != "hook"]
    return [Shown(row.expression.split(" = ")[0], row.value, row.gradient) for row in rows]


def in_picture(texts: Iterator[str]) -> list[Shown]:
    """Read names, values and gradients off a picture's texts: each box has its name, then a value, then a gradient.

    In a box of one line a number stands beside the name, and its gradient behind ▽.
    """
    shown: list[Shown] = []
    box = ""
    for text in texts:
        kind, _, rest = text.partition(" ")
        if kind == "value" and rest:
            shown.append(Shown(box, rest.strip(), ""))
        elif re.fullmatch(r"\[*-?(\d+(\.\d+)?(e-?\d+)?|nan|inf|True|False)\]*", text):
            shown.append(Shown(box, text, ""))
        elif kind in ("grad", "▽"):
            shown[-1] = shown[-1]._replace(gradient=rest.strip())
        elif kind not in ("=", "×"):
            box = text
    return shown


def in_svg(svg: str) -> Iterator[str]:
    """Give the texts of an SVG, a box's name without the expression after it."""
    for text in re.findall(r"<text[^>]*>(.*?)</text>", svg):
        yield unescape(re.sub(r"<[^>]*>", "", text.split("</tspan>")[0]))


def agree(picture: list[Shown], table: list[Shown]) -> bool:
    """Tell whether a picture shows what the table does; long texts are cut in a picture, and end in an ellipsis."""

    def same(one: str, other: str) -> bool:
        return other.startswith(one[:-1]) if one.endswith("…") else one == other

    def place(shown: Shown) -> tuple[str, ...]:
        return shown.name[:20], *shown[1:]

    pairs = zip(sorted(picture, key=place), sorted(table, key=place), strict=True)
    return all(same(one, other) for drawn, listed in pairs for one, other in zip(drawn, listed, strict=True))


def differences(rec: chainrule.Recording) -> list[str]:
    """List the views of a recording that do not show the numbers of its table; what folds is looked at elsewhere."""
    if len(rec.table().rows) < len(rec.table(fold=False).rows):
        return []
    table = in_table(rec)
    graph = rec.graph()
    pictures = {
        "wide graph": in_svg(graph.wide),
        "narrow graph": in_svg(graph.narrow),
        "figure": (text.get_text() for axes in rec.figure().axes for text in axes.texts),
    }
    wrong = [view for view, texts in pictures.items() if not agree(in_picture(texts), table)]
    if in_print(rec) != in_html(rec):
        wrong.append("table in the page")
    names = {shown.name for shown in table}
    for shown in table:
        # of several values with one name, the bare name asks for the last
        if rec.trace.passes and shown.gradient and f"{shown.name}#2" not in names:
            derived = rec.derivation(shown.name)
            if str(derived).rpartition("= ")[2] != shown.gradient:
                wrong.append(f"derivation of {shown.name}")
    return wrong


@pytest.mark.parametrize("path", [*LESSONS, *CHAPTERS], ids=name)
def test_every_view_shows_the_same_numbers(path: Path) -> None:
    """Table, graph, figure and derivation show the same value and gradient for each value that a page records."""
    recordings = walk(path).recordings
    assert {i: found for i, rec in enumerate(recordings) if (found := differences(rec))} == {}

"""A recording as a graph in the page: a picture that follows light and dark, and a table with every number."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from urllib.parse import quote

from chainrule.live.graph_data import Drawn, Program, path
from chainrule.live.javascript import script, version
from chainrule.trace import Trace
from chainrule.views.colors import DARK, LIGHT, Palette
from chainrule.views.folding import Folded, Group
from chainrule.views.layout import LINE, PADDING, Arrow, Box, Direction, Layout, Point, layout
from chainrule.views.limits import STEPS

NARROW = 700
"""Below this width of the page, in pixels, the graph runs downwards."""

WIDEST = 1000
"""A graph that is wider than this, in pixels, runs downwards on any page: shrunk to fit, it could not be read."""

MOST = 230_000
"""Letters of an element; with the script that it may bring along, a graph stays below 300 kB whatever was recorded."""

WAYS: tuple[Direction, Direction] = ("right", "down")

BRINGS_SCRIPT = True
"""Whether a graph brings along the script that makes it live; a site that loads it once for all sets it to `False`."""


@dataclass(frozen=True)
class Graph:
    """Hold the picture, drawn for wide and for narrow pages, the table that says the same, and the data to replay."""

    wide: str
    narrow: str
    title: str
    table: str
    data: str

    def __str__(self) -> str:
        """Say in a sentence what the picture shows."""
        return self.title

    def _repr_html_(self) -> str:
        """Write the element with its picture and its table; without the script, these are what one sees."""
        return self.element + (f"<script>{script()}</script>" if BRINGS_SCRIPT else "")

    @property
    def element(self) -> str:
        """Write the element alone, for a page that has the script."""
        return (
            '<chainrule-graph><figure class="chainrule-figure"><picture>'
            f'<source media="(max-width: {NARROW}px)" srcset="{_uri(self.narrow)}">'
            f'<img src="{_uri(self.wide)}" alt="{html.escape(self.title)}"></picture></figure>'
            f"<details><summary>The same as a table</summary>{self.table}</details>"
            f'<script type="application/json">{self.data}</script></chainrule-graph>'
        )

    @property
    def page(self) -> str:
        """Write a whole page that needs nothing else."""
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{html.escape(self.title)}</title><style>body{{font:16px system-ui,sans-serif;max-width:60rem;"
            "margin:2rem auto;padding:0 1rem}figure{margin:0}img{max-width:100%}table{border-collapse:collapse}"
            "td,th{padding:.25rem .75rem;text-align:left;border-bottom:1px solid #8886}details{overflow-x:auto}"
            f"</style></head><body>{self.element}<script>{script()}</script></body></html>\n"
        )


def graph(trace: Trace, backward: int | None, table: str) -> Graph:
    """Draw the graph of one backward pass, or of the whole forward pass with `backward=None`; a large one, folded."""
    if len(table) > MOST // 4:
        table = "<p>There are too many rows for a page: <code>print(rec.table())</code> writes them.</p>"
    for limit, lean in ((STEPS, False), (STEPS, True), (STEPS // 2, True), (STEPS // 4, True)):
        folded = Folded(trace, backward, limit)
        program = Program(folded, lean)
        if not lean and program.letters() > MOST:  # nothing is written that would be thrown away
            continue
        made = _graph(folded, program, table)
        if len(made.element) <= MOST:
            break
    return made


def _graph(folded: Folded, made: Program, table: str) -> Graph:
    trace, backward = folded.trace, folded.backward
    views = [_drawn(folded, None)]
    inside: dict[tuple[int, int], int] = {}
    wide, narrow = views[0][1:]

    def write() -> str:
        plain = {"version": version(), **made.write(views, inside)}
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")

    title = _title(trace, wide, backward)
    shown = Graph(_svg(wide), _svg(narrow), title, table, write())
    room = MOST - len(shown.element)
    # the insides of groups, the outermost first, as far as there is room for them
    for at, (view, _, _) in enumerate(views):
        for i, step in enumerate(view.steps):
            if step.group is None or room <= 0:
                continue
            views.append(_drawn(folded, step.group))
            room -= made.size(views[-1]) + 150 * len(views[-1][0].values)
            if room > 0:
                inside[at, i] = len(views) - 1
            else:
                views.pop()
    return Graph(shown.wide, shown.narrow, title, table, write()) if inside else shown


def _drawn(folded: Folded, group: Group | None) -> Drawn:
    view = folded.view(group)
    wide, narrow = (layout(folded.trace, folded.backward, way, view) for way in WAYS)
    return view, narrow if wide.width > WIDEST else wide, narrow


def _title(trace: Trace, drawn: Layout, backward: int | None) -> str:
    if not drawn.boxes:
        return "An empty graph: nothing was recorded."
    made = {arrow.target for arrow in drawn.arrows}
    leaves = _listed([f"{box.name} = {box.number}" for box in drawn.boxes if box.value not in made])
    ops = len(trace.ops_of(backward))
    steps = "one operation" if ops == 1 else f"{ops} operations"
    last = (
        drawn.boxes[-1]
        if backward is None
        else next((b for b in drawn.boxes if b.value in trace.backward(backward).roots), drawn.boxes[-1])
    )
    said = f"Graph of {steps}, from {leaves} to {last.name} = {last.number}."
    gradients = [f"{box.name} {box.gradient}" for box in drawn.boxes if box.gradient and box.value not in made]
    return f"{said} Gradients: {_listed(gradients)}." if gradients else said


def _listed(parts: list[str]) -> str:
    """Join with commas, and count what would be too much to hear."""
    return ", ".join(parts[:12] + ([f"and {len(parts) - 12} more"] if len(parts) > 12 else []))


def _uri(svg: str) -> str:
    """Write an SVG as an address that holds it; a space would end it where a browser reads a list of pictures."""
    return "data:image/svg+xml," + quote(svg, safe="=:/;,.!()'*+-_~@?")


def _svg(drawn: Layout) -> str:
    """Draw a layout as an SVG document that brings its own colours, for light and for dark."""
    width, height = round(drawn.width), round(drawn.height)
    parts = [*map(_arrow, drawn.arrows), *map(_box, drawn.boxes)]
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' viewBox='0 0 {width} {height}'>"
        f"<style>text{{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}}.n{{font-weight:700}}"
        f".f,.b{{fill:none;stroke-width:1.5}}.b{{stroke-dasharray:5 3}}"
        f".h{{paint-order:stroke;stroke-width:4px}}{_colours(LIGHT)}@media(prefers-color-scheme:dark){{{_colours(DARK)}}}</style>{''.join(parts)}</svg>"
    )


def _colours(palette: Palette) -> str:
    return (
        f"text{{fill:{palette.text}}}rect{{fill:{palette.box};stroke:{palette.faint}}}.e{{fill:{palette.faint}}}"
        f".v,.fh{{fill:{palette.value}}}.g,.bh{{fill:{palette.gradient}}}"
        f".h{{stroke:{palette.page}}}.f{{stroke:{palette.value}}}.b{{stroke:{palette.gradient}}}"
    )


def _box(box: Box) -> str:
    left, top = box.x - box.width / 2, box.y - box.height / 2
    x, y = left + PADDING, top + PADDING + LINE * 0.75
    expression = f" <tspan class='e'>= {_escape(box.expression)}</tspan>" if box.expression else ""
    lines = [
        f"<text x='{x:.0f}' y='{y:.0f}'><tspan class='n'>{_escape(box.name)}</tspan>{expression}</text>",
        f"<text x='{x:.0f}' y='{y + LINE:.0f}' class='v'>value {_escape(box.number)}</text>",
    ]
    if box.gradient:
        lines.append(f"<text x='{x:.0f}' y='{y + 2 * LINE:.0f}' class='g'>grad  {_escape(box.gradient)}</text>")
    return f"<rect x='{left:.0f}' y='{top:.0f}' width='{box.width:.0f}' height='{box.height:.0f}' rx='6'/>" + " ".join(
        lines
    )


def _arrow(arrow: Arrow) -> str:
    drawn = f"<path class='f' d='{path(arrow.forward)}'/>{_head(arrow.forward, 'fh')}"
    if arrow.backward:
        drawn += f"<path class='b' d='{path(arrow.backward)}'/>{_head(arrow.backward, 'bh')}"
    if arrow.local:
        x, y = arrow.label
        drawn += f"<text x='{x:.0f}' y='{y + 4:.0f}' text-anchor='middle' class='g h'>× {_escape(arrow.local)}</text>"
    return drawn


def _head(points: tuple[Point, ...], kind: str) -> str:
    """Draw an arrow's head, in the direction in which its curve arrives."""
    (x0, y0), (x, y) = points[-2], points[-1]
    size = max(abs(x - x0), abs(y - y0)) or 1
    dx, dy = 7 * (x - x0) / size, 7 * (y - y0) / size
    tail = (x - dx, y - dy)
    return (
        f"<path class='{kind}' d='M{x:.0f} {y:.0f}L{tail[0] - dy / 2:.1f} {tail[1] + dx / 2:.1f}"
        f"L{tail[0] + dy / 2:.1f} {tail[1] - dx / 2:.1f}Z'/>"
    )


def _escape(text: str) -> str:
    return html.escape(text, quote=True)

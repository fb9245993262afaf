"""A recording as a graph in the page: a picture that follows light and dark, and a table with every number."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import quote

from chainrule.live.graph_data import GraphData, PlacedView, path
from chainrule.live.javascript import script, version
from chainrule.live.limits import HEARD, MOST, NARROW, PHONE, TOO_WIDE
from chainrule.trace import Trace
from chainrule.views.colors import DARK, LIGHT, Palette
from chainrule.views.folding import Folded, Group
from chainrule.views.layout import Arrow, Box, Layout, Point, layout
from chainrule.views.limits import STEPS
from chainrule.views.table import table

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

    __repr__ = __str__

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
            f"<title>{html.escape(self.title.partition(', from')[0])}</title>"
            "<style>body{font:16px system-ui,sans-serif;margin:1rem;--chainrule-height:max(20rem,calc(100vh - 13rem))}"
            "figure{margin:0}img{max-width:100%}table{border-collapse:collapse}"
            "td,th{padding:.25rem .75rem;text-align:left;border-bottom:1px solid #8886}details{overflow-x:auto}"
            f"</style></head><body>{self.element}<script>{script()}</script></body></html>\n"
        )


def graph(trace: Trace, backward: int | None) -> Graph:
    """Draw the graph of one backward pass, or of the whole forward pass with `backward=None`; a large one, folded."""
    rows = table(trace, backward)._repr_html_()
    if len(rows) > MOST // 4:
        rows = "<p>There are too many rows for a page: <code>print(rec.table())</code> writes them.</p>"
    for steps, lean in ((STEPS, False), (STEPS, True), (STEPS // 2, True), (STEPS // 4, True)):
        data = GraphData(Folded(trace, backward, steps), lean)
        if not lean and data.letters() > MOST:  # nothing is written that would be thrown away
            continue
        made = _made(data, rows)
        if len(made.element) <= MOST:
            break
    return made


def _made(data: GraphData, rows: str) -> Graph:
    """Draw the whole, and bring along the insides of groups, the outermost first, as far as there is room for them."""
    views, inside = [_placed(data, None)], dict[tuple[int, int], int]()
    _, wide, narrow = views[0]
    title = _title(data.trace, wide, data.backward)
    shown = Graph(_svg(wide), _svg(narrow), title, rows, _json(data, views, inside))
    room, known = MOST - len(shown.element), {*views[0].view.values}
    for at, (view, _, _) in enumerate(views):  # what is opened is looked into in its turn
        for i, step in enumerate(view.steps):
            if step.group is None or len(step.ops) == 1 or room <= 0:
                continue
            opened = _placed(data, step.group)
            room -= data.size(opened, known)
            if room > 0:
                known |= {*opened.view.values}
                inside[at, i] = len(views)
                views.append(opened)
    return replace(shown, data=_json(data, views, inside)) if inside else shown


def _placed(data: GraphData, group: Group | None) -> PlacedView:
    view = data.folded.view(group)
    shown = partial(layout, data.trace, data.backward, view=view, cells=data.most)
    wide = shown("right")
    if wide.width > TOO_WIDE:
        wide = shown("down", room=NARROW, flat=True)
        if wide.width > NARROW:  # with what passes beside the boxes
            wide = shown("down", room=2 * NARROW - wide.width, flat=True)
    return PlacedView(view, wide, shown("down", room=PHONE, flat=True))


def _json(data: GraphData, views: Sequence[PlacedView], inside: Mapping[tuple[int, int], int]) -> str:
    """Write the data for a script element, which `</script>` must not end."""
    plain = {"version": version(), **data.write(views, inside)}
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _title(trace: Trace, drawn: Layout, backward: int | None) -> str:
    if not drawn.boxes:
        return "An empty graph: nothing was recorded."
    made = {arrow.target for arrow in drawn.arrows}
    leaves = [box for box in drawn.boxes if box.value not in made]
    start = _listed([f"{box.name} = {box.number}" for box in leaves])
    ops = len(trace.ops_of(backward))
    steps = "one operation" if ops == 1 else f"{ops} operations"
    roots = () if backward is None else trace.backward(backward).roots
    last = next((box for box in drawn.boxes if box.value in roots), drawn.boxes[-1])
    said = f"Graph of {steps}, from {start} to {last.name}{', which ' if last.raised else ' = '}{last.number}."
    gradients = [f"{box.name} {box.gradient}" for box in leaves if box.gradient]
    return f"{said} Gradients: {_listed(gradients)}." if gradients else said


def _listed(parts: list[str]) -> str:
    more = [f"and {len(parts) - HEARD} more"] if len(parts) > HEARD else []
    return ", ".join(parts[:HEARD] + more)


def _uri(svg: str) -> str:
    """Write an SVG as an address that holds it; a space would end it where a browser reads a list of pictures."""
    return "data:image/svg+xml," + quote(svg, safe="=:/;,.!()'*+-_~@?")


def _svg(drawn: Layout) -> str:
    """Draw a layout as an SVG document that brings its own colours, for light and for dark."""
    width, height = round(drawn.width), round(drawn.height)
    style = (
        "text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}.n{font-weight:700}"
        ".f,.b{fill:none;stroke-width:1.5}.c{stroke-opacity:.45;stroke-width:5}"
        ".o{stroke-width:3;stroke-dasharray:10 4}.b{stroke-dasharray:5 3}.h{paint-order:stroke;stroke-width:4px}"
        f"{_colours(LIGHT)}@media(prefers-color-scheme:dark){{{_colours(DARK)}}}"
    )
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' viewBox='0 0 {width} {height}'>"
        f"<style>{style}</style>{''.join([*map(_arrow, drawn.arrows), *map(_box, drawn.boxes)])}</svg>"
    )


def _colours(palette: Palette) -> str:
    return (
        f"text{{fill:{palette.text}}}rect{{fill:{palette.box};stroke:{palette.faint}}}.e{{fill:{palette.faint}}}"
        f".v,.fh{{fill:{palette.value}}}.g,.bh{{fill:{palette.gradient}}}"
        f".o{{stroke:{palette.text}}}.h{{stroke:{palette.page}}}.f{{stroke:{palette.value}}}.b{{stroke:{palette.gradient}}}"
    )


def _box(box: Box) -> str:
    left, top = box.x - box.width / 2, box.y - box.height / 2
    lines = (f"<text x='{x:.0f}' y='{y:.0f}' class='{k}'>{html.escape(text)}</text>" for k, text, x, y in box.words)
    raised = " class='o'" if box.raised else ""
    frame = f"<rect{raised} x='{left:.0f}' y='{top:.0f}' width='{box.width:.0f}' height='{box.height:.0f}' rx='6'/>"
    return frame + " ".join(lines)


def _arrow(arrow: Arrow) -> str:
    if not arrow.forward:
        return ""
    cord = " c" if arrow.backward and arrow.backward[-1] == arrow.forward[0] else ""
    drawn = f"<path class='f{cord}' d='{path(arrow.forward)}'/>{_head(arrow.forward, 'fh')}"
    if arrow.backward:
        drawn += f"<path class='b' d='{path(arrow.backward)}'/>{_head(arrow.backward, 'bh')}"
    if arrow.local:
        x, y = arrow.label
        text = f"× {html.escape(arrow.local)}"
        drawn += f"<text x='{x:.0f}' y='{y + 4:.0f}' text-anchor='middle' class='g h'>{text}</text>"
    return drawn


def _head(points: tuple[Point, ...], kind: str) -> str:
    """Draw an arrow's head, in the direction in which its curve arrives."""
    (x0, y0), (x, y) = points[-2], points[-1]
    size = max(abs(x - x0), abs(y - y0)) or 1
    dx, dy = 7 * (x - x0) / size, 7 * (y - y0) / size
    return (
        f"<path class='{kind}' d='M{x:.0f} {y:.0f}L{x - dx - dy / 2:.1f} {y - dy + dx / 2:.1f}"
        f"L{x - dx + dy / 2:.1f} {y - dy - dx / 2:.1f}Z'/>"
    )

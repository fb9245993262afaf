"""A recording as a matplotlib figure: the same picture as in the page, to save, print or put on a slide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from chainrule.trace import Trace
from chainrule.views.colors import LINES
from chainrule.views.layout import LINE, Arrow, Direction, layout
from chainrule.views.svg import Figure

INCH = 90.0
"""Pixels of the layout in one inch of the figure."""
TEXT: dict[str, Any] = {"size": 9, "family": "monospace", "parse_math": False}
COLOURS = {"v": LINES.value, "g": LINES.gradient}
ARROW: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 9, "lw": 1.2, "shrinkA": 0, "shrinkB": 0, "fill": False}


def figure(trace: Trace, backward: int | None, direction: Direction = "right") -> Figure:
    """Draw the graph of one backward pass, or of the whole forward pass with `backward=None`."""
    drawn = layout(trace, backward, direction)
    made = Figure(figsize=(drawn.width / INCH, drawn.height / INCH))
    axes = made.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, drawn.width)
    axes.set_ylim(drawn.height, 0)
    for arrow in (arrow for arrow in drawn.arrows if arrow.forward):
        for patch in _arrow(arrow):
            axes.add_patch(patch)
        if arrow.local:
            x, y = arrow.label
            axes.text(x, y, f"× {arrow.local}", color=LINES.gradient, ha="center", va="center", **TEXT)
    for box in drawn.boxes:
        left, top = box.x - box.width / 2, box.y - box.height / 2
        corner = (left + 3, top + 3)
        edge: dict[str, Any] = {"ec": LINES.text, "lw": 2.5, "ls": "--"} if box.raised else {"ec": LINES.faint}
        shape = FancyBboxPatch(corner, box.width - 6, box.height - 6, boxstyle="round,pad=3", fc="none", **edge)
        axes.add_patch(shape)
        for kind, text, x, y in box.words:
            weight = "bold" if kind == "n" else "normal"
            axes.text(x, y - LINE / 4, text, color=COLOURS.get(kind, LINES.text), weight=weight, va="center", **TEXT)
    made.set_label(", ".join(f"{box.name} = {box.number}" for box in drawn.boxes))
    return made


def _arrow(arrow: Arrow) -> Iterator[FancyArrowPatch]:
    for points, colour, line in ((arrow.forward, LINES.value, "-"), (arrow.backward, LINES.gradient, "--")):
        if points:
            way = Path(points, [Path.MOVETO, *[Path.CURVE4] * (len(points) - 1)])
            yield FancyArrowPatch(path=way, color=colour, linestyle=line, **ARROW)

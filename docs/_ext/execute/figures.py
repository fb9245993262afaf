"""Turn a matplotlib figure into inline SVG that follows the page: its text is text, its colours are the page's own.

Used by the lessons (gallery.py) and, inside the kernel, by the chapters (kernel.py).
"""

from __future__ import annotations

import html
import io
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = Path(__file__).with_name("site.mplstyle")

# As SVG, a point costs about thirty bytes: this is where some 2,000 of them may make a page heavy.
HEAVY = 60_000


def description(figure: Figure) -> str:
    """Return what the figure shows, in words: its label, else its title, else the titles of its axes."""
    title = figure.get_suptitle()
    axes = ", ".join(text for one in figure.axes if (text := one.get_title()))
    return str(figure.get_label() or title or axes)


def inline(figure: Figure, prefix: str) -> str:
    """Return the figure as HTML; `prefix` keeps its ids apart from those of other figures on the page."""
    svg = _svg(figure)
    if len(svg) > HEAVY:
        svg = min(svg, _svg_with_drawn_parts_as_pixels(figure), key=_sent)
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{prefix}-", svg)
    svg = svg.replace("xlink:href", "href")
    for colour, of_page in colours().items():
        svg = re.sub(rf"{colour}\b", of_page, svg)
    label = html.escape(description(figure))
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{label}" fill="currentColor"', 1)
    return f'<div class="chainrule-plot">{svg.rstrip()}</div>'


def colours() -> dict[str, str]:
    """Return what the page has for a figure's colours, whichever theme it shows: ink, paper, and one for each meaning.

    A figure alone stands on white and black alike, with colours between; here, where it stands is known.
    """
    from chainrule.views.colors import LINES

    return {
        "#000000": "currentColor",
        "#ffffff": "var(--color-background-primary, #fff)",
        LINES.value: f"var(--chainrule-value, {LINES.value})",
        LINES.gradient: f"var(--chainrule-gradient, {LINES.gradient})",
        LINES.faint: f"var(--color-foreground-muted, {LINES.faint})",
    }


def _sent(text: str) -> int:
    """Return how many bytes a host sends for a text."""
    return len(zlib.compress(text.encode()))


def _svg(figure: Figure) -> str:
    """Return the figure as SVG text, the same in every build."""
    import matplotlib

    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "chainrule", "savefig.bbox": "tight"}):
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata=nothing, dpi=200, pad_inches=0.05)
    return out.getvalue()


def _svg_with_drawn_parts_as_pixels(figure: Figure) -> str:
    """Return the figure as SVG whose curves and surfaces are a picture, while its text and axes stay sharp."""
    drawn = [artist for axes in figure.axes for artist in (*axes.lines, *axes.collections, *axes.patches)]
    for artist in drawn:
        artist.set_rasterized(True)
    try:
        return _svg(figure)
    finally:
        for artist in drawn:
            artist.set_rasterized(False)

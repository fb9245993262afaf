"""A matplotlib figure that shows itself as inline SVG, which takes its colours from the page that it stands on."""

from __future__ import annotations

import html
import io
import re
from hashlib import sha256
from typing import Any

import matplotlib
import matplotlib.figure
from matplotlib.axes import Axes
from matplotlib.rcsetup import cycler

from chainrule.views.colors import LINES

CURVES = (LINES.value, LINES.gradient, "#16877a", "#a25bc4", "#7c7c7c")
"""Colours of curves; each has a contrast of 3 on white and on near black."""
STYLE: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=CURVES) * cycler(linewidth=[2]),
}
SAVED: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "chainrule", "savefig.bbox": "tight"}
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
PAGE_COLOURS = {
    "#000000": "currentColor",
    "#ffffff": "var(--color-background-primary, #fff)",
    LINES.value: f"var(--chainrule-value, {LINES.value})",
    LINES.gradient: f"var(--chainrule-gradient, {LINES.gradient})",
    LINES.faint: f"var(--color-foreground-muted, {LINES.faint})",
}
"""What a page has for a figure's colours in either theme: ink, paper, and one for each meaning."""


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure in our style that shows itself as inline SVG, in a notebook and on a page.

    Give it a label (`set_label`) or a title: it is read out to those who cannot see the figure.

    >>> figure = Figure(figsize=(4, 2))
    >>> lines = figure.subplots().plot([0, 1], [1, 0])
    >>> figure.set_label("a line that falls")
    >>> 'aria-label="a line that falls"' in figure._repr_html_()
    True
    """

    def add_subplot(self, *args: Any, **kwargs: Any) -> Axes:
        """Add axes in our style; `subplots` and `subplot_mosaic` add theirs by this, too."""
        with matplotlib.rc_context(STYLE):
            axes: Axes = super().add_subplot(*args, **kwargs)
            return axes

    def _repr_html_(self) -> str:
        svg = self._svg()
        prefix = f"f{sha256(svg.encode()).hexdigest()[:8]}-"  # no other figure on the page has it
        svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\1{prefix}", svg).replace("xlink:href", "href")
        for colour, of_page in PAGE_COLOURS.items():
            svg = re.sub(rf"{colour}\b", of_page, svg)
        titles = ", ".join(title for axes in self.axes if (title := axes.get_title()))
        says = str(self.get_label() or self.get_suptitle() or titles)
        head = f'<svg role="img" aria-label="{html.escape(says)}" fill="currentColor"'
        return f'<div class="chainrule-plot">{svg.replace("<svg", head, 1).rstrip()}</div>'

    def _svg(self) -> str:
        """Return the figure as SVG, the same each time: no date, no random ids."""
        out = io.StringIO()
        with matplotlib.rc_context(SAVED):
            self.savefig(out, format="svg", transparent=True, metadata=NO_METADATA, dpi=200, pad_inches=0.05)
        return out.getvalue()[out.getvalue().index("<svg") :]

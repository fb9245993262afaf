"""Pictures of numbers: a loss with its tangent. Functions of arrays; each returns a figure of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from chainrule.colors import LINES


def tangent(
    weights: Sequence[float], losses: Sequence[float], at: tuple[float, float], slope: float, name: str = "w"
) -> Figure:
    """Draw a loss over one weight, and at the point `at` (weight, loss) a straight line with the given slope.

    >>> figure = tangent([0, 1, 2], [1, 0, 1], at=(2, 1), slope=2.0)
    >>> [line.get_label() for line in figure.axes[0].lines][:2]
    ['loss', 'slope 2']
    """
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    x, y = np.asarray(weights, dtype=float), np.asarray(losses, dtype=float)
    axes.plot(x, y, color=LINES.value, label="loss")
    reach = 0.22 * (x.max() - x.min())
    ends = np.array([at[0] - reach, at[0] + reach])
    line = at[1] + slope * (ends - at[0])
    axes.plot(ends, line, color=LINES.gradient, linestyle="--", label=f"slope {slope:.4g}")
    axes.plot(*at, "o", color=LINES.value)
    axes.annotate(f"{name} = {at[0]:.4g}, loss = {at[1]:.4g}", at, (10, 10), textcoords="offset points")
    axes.set(xlabel=name, ylabel="loss")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.set_label(f"The loss over {name}, with its tangent at {name} = {at[0]:.4g}: slope {slope:.4g}.")
    return figure

"""Pictures of numbers: curves, descents, decision regions. Functions of arrays; each returns a figure of its own."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, cycle, pairwise, product

import numpy as np
from numpy.typing import ArrayLike

from chainrule.errors import needs_matplotlib
from chainrule.views.colors import LINES

with needs_matplotlib():
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap

    from chainrule.views.svg import CURVES, Figure

STROKES = tuple(zip(CURVES, ("-", "--", "-.", ":"), ("o", "s", "^", "D"), strict=False))
"""A colour, a line style and a marker for each curve, so that no two differ in colour alone."""


def tangent(
    weights: Sequence[float], losses: Sequence[float], at: tuple[float, float], slope: float, name: str = "w"
) -> Figure:
    """Draw a loss over one weight, and at the point `at` (weight, loss) a straight line with the given slope.

    >>> figure = tangent([0, 1, 2], [1, 0, 1], at=(2, 1), slope=2.0)
    >>> [line.get_label() for line in figure.axes[0].lines][:2]
    ['loss', 'slope 2']
    """
    figure, axes = _loss_over(weights, losses, name)
    x = np.asarray(weights, dtype=float)
    reach = 0.22 * (x.max() - x.min())
    ends = np.array([at[0] - reach, at[0] + reach])
    line = at[1] + slope * (ends - at[0])
    axes.plot(ends, line, color=LINES.gradient, linestyle="--", label=f"slope {slope:.4g}")
    axes.plot(*at, "o", color=LINES.value)
    axes.annotate(f"{name} = {at[0]:.4g}, loss = {at[1]:.4g}", at, (10, 10), textcoords="offset points")
    axes.legend(frameon=False)
    figure.set_label(f"The loss over {name}, with its tangent at {name} = {at[0]:.4g}: slope {slope:.4g}.")
    return figure


def descent(
    weights: Sequence[float], losses: Sequence[float], path: Sequence[tuple[float, float]], name: str = "w"
) -> Figure:
    """Draw a loss over one weight, and on it the points (weight, loss) that a descent went through, in order.

    >>> figure = descent([-1, 0, 1], [1, 0, 1], path=[(1.0, 1.0), (0.5, 0.25)])
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['loss', 'one step']
    """
    figure, axes = _loss_over(weights, losses, name)
    walked = np.asarray(path, dtype=float)
    axes.plot(walked[:, 0], walked[:, 1], "--o", color=LINES.gradient, markersize=5, linewidth=1, label=_steps(path))
    axes.annotate("start", walked[0], (8, -4), textcoords="offset points")
    axes.legend(frameon=False)
    (first, at), (last, end) = path[0], path[-1]
    figure.set_label(
        f"The loss over {name}, and a descent of {_steps(path)} on it: from {name} = {first:.4g} with loss {at:.4g} "
        f"to {name} = {last:.4g} with loss {end:.4g}."
    )
    return figure


def curves(
    series: Mapping[str, Sequence[float]], xlabel: str = "step", ylabel: str = "loss", log: bool = False
) -> Figure:
    """Draw one curve for each named series over its steps 0, 1, 2, ...; with `log`, on a logarithmic scale.

    >>> curves({"rate 0.1": [4.0, 1.0], "rate 0.2": [4.0, 0.0]}).get_label()
    'loss by step. rate 0.1: from 4 to 1. rate 0.2: from 4 to 0.'

    What goes further than where it ends is said, too.

    >>> curves({"swings": [4.0, 0.5, 2.0]}).get_label()
    'loss by step. swings: from 4 to 2, and 0.5 on the way.'
    """
    figure = Figure(figsize=(5.4, 3.3), layout="constrained")
    axes = figure.subplots()
    for (label, values), (color, line, marker) in zip(series.items(), cycle(STROKES), strict=False):
        few = marker if len(values) <= 30 else ""
        axes.plot(np.asarray(values, dtype=float), line, color=color, marker=few, markersize=4, label=label)
    axes.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    axes.legend(frameon=False)
    said = [f"{label}: {_course(values)}." for label, values in series.items()]
    figure.set_label(f"{ylabel} by {xlabel}{', on a logarithmic scale' if log else ''}. {' '.join(said)}")
    return figure


def _course(values: Sequence[float]) -> str:
    """Say where a curve begins and ends, and how far it goes beyond both in between, if that can be seen."""
    low, high = sorted((values[0], values[-1]))
    between = [value for value in values if math.isfinite(value)] or [low]
    beyond = [f"{far:.4g}" for far in (min(between), max(between)) if max(low - far, far - high) > 0.1 * (high - low)]
    passed = f", and {' and '.join(beyond)} on the way" if beyond else ""
    return f"from {values[0]:.4g} to {values[-1]:.4g}{passed}"


def regions(
    across: ArrayLike,
    up: ArrayLike,
    outputs: ArrayLike,
    points: Sequence[tuple[float, float]],
    targets: Sequence[float],
    names: tuple[str, str] = ("x1", "x2"),
) -> Figure:
    """Draw a model's output over a plane, the line where it is 0.5, and samples as open (0) or full (1) marks.

    `across` and `up` are evenly spaced; `outputs` has a row for each number in `up` and a column for each in `across`,
    and lies between 0 and 1. Samples that stand in the same place are drawn once and counted.

    >>> figure = regions([0, 1], [0, 1], [[0.0, 0.0], [1.0, 1.0]], points=[(0, 0), (0, 1)], targets=[0, 1])
    >>> figure.get_label()
    'Output over x1 and x2, and the line where it is 0.5. Samples: (0, 0) with target 0; (0, 1) with target 1.'
    """
    figure = Figure(figsize=(4.7, 3.8), layout="constrained")
    axes = figure.subplots()
    x, y = np.asarray(across, dtype=float), np.asarray(up, dtype=float)
    half = ((x[1] - x[0]) / 2, (y[1] - y[0]) / 2)
    extent = (x[0] - half[0], x[-1] + half[0], y[0] - half[1], y[-1] + half[1])
    # the blue of values, from nothing to full, so that it reads on white and on black
    blue = LinearSegmentedColormap.from_list("output", [f"{LINES.value}00", f"{LINES.value}cc"])
    shade = axes.imshow(
        outputs, cmap=blue, vmin=0, vmax=1, origin="lower", extent=extent, aspect="auto", interpolation="none"
    )
    axes.contour(x, y, outputs, levels=[0.5], colors=[LINES.text], linestyles="--", linewidths=1.5)
    same = Counter((round(a, 2), round(b, 2), target) for (a, b), target in zip(points, targets, strict=True))
    for (a, b, target), count in same.items():
        face = LINES.text if target else "#ffffff"
        axes.plot(a, b, "s" if target else "o", color=LINES.text, markerfacecolor=face, markersize=10, clip_on=False)
        if count > 1:
            axes.annotate(f"{count} samples", (a, b), (10, 6), textcoords="offset points")
    axes.plot([], [], "o", color=LINES.text, markerfacecolor="#ffffff", label="target 0")
    axes.plot([], [], "s", color=LINES.text, label="target 1")
    axes.plot([], [], "--", color=LINES.text, linewidth=1.5, label="output 0.5")
    axes.set(xlabel=names[0], ylabel=names[1])
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    figure.colorbar(shade, ax=axes, label="output", ticks=[0, 0.5, 1])
    listed = "; ".join(f"({a:.4g}, {b:.4g}) with target {target:g}" for a, b, target in same)
    figure.set_label(f"Output over {names[0]} and {names[1]}, and the line where it is 0.5. Samples: {listed}.")
    return figure


def network(*layers: Sequence[str], weights: Sequence[ArrayLike] = ()) -> Figure:
    """Draw a network: its units layer by layer, from left to right, and a line for each weight between two layers.

    `weights` has a table for each two layers, with a row for each unit on the left and a column for each on the right.
    With it a line is as thick as its weight is large, and dashed where that is negative.

    >>> network(["x1", "x2"], ["y_hat"], weights=[[[0.5], [-2]]]).get_label()
    'A network, layer by layer: x1, x2; y_hat. Weights: x1 to y_hat 0.5; x2 to y_hat -2.'
    """
    figure = Figure(figsize=(1.9 * len(layers), 0.85 * max(map(len, layers)) + 0.2), layout="constrained")
    axes = figure.subplots()
    places = [[(i, (len(names) - 1) / 2 - k) for k in range(len(names))] for i, names in enumerate(layers)]
    tables = [np.asarray(table, dtype=float) for table in weights]
    largest = max((np.abs(table).max() for table in tables), default=1.0)
    said = []
    for i, (left, right) in enumerate(pairwise(places)):
        for (j, a), (k, b) in product(enumerate(left), enumerate(right)):
            weight = tables[i][j, k] if tables else largest / 3
            line, width = ("-" if weight > 0 else "--"), 0.5 + 3 * abs(weight) / largest
            axes.plot(*zip(a, b, strict=True), line, color=LINES.value, linewidth=width, zorder=1)
            said += [f"{layers[i][j]} to {layers[i + 1][k]} {weight:.4g}"] if tables else []
    for name, (x, y) in zip(chain(*layers), chain(*places), strict=True):
        axes.plot(x, y, "o", markersize=38, color="#ffffff", markeredgecolor=LINES.text, zorder=2)
        axes.annotate(name, (x, y), ha="center", va="center", zorder=3)
    axes.set(xlim=(-0.4, len(layers) - 0.6), ylim=(-max(map(len, layers)) / 2, max(map(len, layers)) / 2))
    axes.set_axis_off()
    listed = "; ".join(", ".join(names) for names in layers)
    figure.set_label(f"A network, layer by layer: {listed}." + (f" Weights: {'; '.join(said)}." if said else ""))
    return figure


def _loss_over(weights: Sequence[float], losses: Sequence[float], name: str) -> tuple[Figure, Axes]:
    """Draw a loss over one weight."""
    figure = Figure(figsize=(5.4, 3.3), layout="constrained")
    axes = figure.subplots()
    axes.plot(np.asarray(weights, dtype=float), np.asarray(losses, dtype=float), color=LINES.value, label="loss")
    axes.set(xlabel=name, ylabel="loss")
    return figure, axes


def _steps(path: Sequence[tuple[float, float]]) -> str:
    return "one step" if len(path) == 2 else f"{len(path) - 1} steps"

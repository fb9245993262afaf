"""Plots: pictures of numbers hold the numbers that they were given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from chainrule.plots import tangent


def test_a_tangent_has_the_slope_and_touches_the_curve() -> None:
    """The straight line goes through the point with the given slope, and the curve is the given one."""
    weights = np.linspace(-1, 3, 9)
    figure = tangent(weights.tolist(), (weights**2).tolist(), at=(2.0, 4.0), slope=4.0, name="v")
    curve, line, point = figure.axes[0].lines
    np.testing.assert_allclose(np.asarray(curve.get_ydata(), dtype=float), weights**2)
    x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    np.testing.assert_allclose((y - 4.0) / (x - 2.0), 4.0)
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (2.0, 4.0)  # type: ignore[index]


def test_a_plot_describes_itself() -> None:
    """A figure's label says in a sentence what it shows, for who cannot see it."""
    label = tangent([0, 1, 2], [1, 0, 1], at=(2, 1), slope=2.0).get_label()
    assert label == "The loss over w, with its tangent at w = 2: slope 2."


def test_a_plot_is_nobodys_window() -> None:
    """A figure is the caller's own: pyplot does not know it, so nothing opens and nothing piles up."""
    before = plt.get_fignums()
    tangent([0, 1], [0, 1], at=(1, 1), slope=1.0)
    assert plt.get_fignums() == before

"""Plots: pictures of numbers hold the numbers that they were given."""

from __future__ import annotations

import numpy as np

from chainrule.plots import STROKES, curves, descent, regions, tangent
from chainrule.views.colors import LINES


def test_a_tangent_has_the_slope_and_touches_the_curve() -> None:
    """The straight line goes through the point with the given slope, and the curve is the given one."""
    weights = np.linspace(-1, 3, 9)
    figure = tangent(weights.tolist(), (weights**2).tolist(), at=(2.0, 4.0), slope=4.0, name="v")
    curve, line, point = figure.axes[0].lines
    np.testing.assert_allclose(np.asarray(curve.get_ydata(), dtype=float), weights**2)
    x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    np.testing.assert_allclose((y - 4.0) / (x - 2.0), 4.0)
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (2.0, 4.0)  # type: ignore[index]


def test_a_descent_goes_through_its_points_in_order() -> None:
    """The walked line has the given points in the given order, on the given curve, and the label says both ends."""
    path = [(2.0, 4.0), (1.0, 1.0), (0.5, 0.25)]
    figure = descent([-2, 0, 2], [4, 0, 4], path)
    curve, walked = figure.axes[0].lines
    np.testing.assert_allclose(np.asarray(curve.get_ydata(), dtype=float), [4, 0, 4])
    np.testing.assert_allclose(np.column_stack([np.asarray(walked.get_xdata()), np.asarray(walked.get_ydata())]), path)
    assert figure.get_label() == (
        "The loss over w, and a descent of 2 steps on it: from w = 2 with loss 4 to w = 0.5 with loss 0.25."
    )


def test_curves_differ_in_more_than_colour() -> None:
    """Each named series is a curve over its own steps, and no two have the same line and marker."""
    figure = curves({name: [1.0, 2.0, 4.0] for name in "abcd"}, log=True)
    lines = figure.axes[0].lines
    assert len({line.get_linestyle() for line in lines}) == len({line.get_marker() for line in lines}) == len(STROKES)
    assert all(list(np.asarray(line.get_xdata())) == [0, 1, 2] for line in lines)
    assert figure.axes[0].get_yscale() == "log"
    assert "on a logarithmic scale" in str(figure.get_label())


def test_regions_shade_the_output_where_it_is() -> None:
    """The shade has the given outputs with the first row at the bottom, centred on the given places."""
    outputs = [[0.0, 0.25, 0.5], [0.5, 0.75, 1.0]]
    figure = regions([0, 1, 2], [10, 20], outputs, points=[(0, 10), (2, 20)], targets=[0, 1], names=("a", "b"))
    axes = figure.axes[0]
    (shade,) = axes.images
    np.testing.assert_allclose(np.asarray(shade.get_array()), outputs)
    assert shade.origin == "lower"
    assert tuple(shade.get_extent()) == (-0.5, 2.5, 5, 25)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("a", "b")
    assert shade.cmap(0.0)[3] == 0  # nothing is drawn for an output of 0, so that it is the page's own paper


def test_samples_show_their_target_by_form_and_are_counted() -> None:
    """A sample is an open circle or a full square by its target; those in one place are drawn once and counted."""
    places = [(0.0, 0.0), (1.0, 0.0), (1.001, 0.0)]
    figure = regions([0, 1], [0, 1], [[0, 1], [1, 1]], points=places, targets=[0, 1, 1])
    marks = [line for line in figure.axes[0].lines if len(np.asarray(line.get_xdata()))]
    assert [(line.get_marker(), line.get_markerfacecolor()) for line in marks] == [("o", "#ffffff"), ("s", LINES.text)]
    assert [text.get_text() for text in figure.axes[0].texts] == ["2 samples"]
    assert str(figure.get_label()).endswith("Samples: (0, 0) with target 0; (1, 0) with target 1.")

"""Figures: matplotlib draws the layout, with every box and arrow in it."""

from __future__ import annotations

import io
from typing import Literal

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

import chainrule
from chainrule.views.colors import LINES
from chainrule.views.layout import layout


@pytest.fixture
def rec() -> chainrule.Recording:
    """Record a fork with a name that matplotlib could take for maths."""
    w = torch.tensor(3.0, requires_grad=True)
    table = {"$a_1$": torch.tensor(2.0)}
    with chainrule.record() as rec:
        b = w * table["$a_1$"]
        c = b * w
        c.backward()
    return rec


@pytest.mark.parametrize("direction", ["right", "down"])
def test_each_box_and_arrow_is_drawn_once(rec: chainrule.Recording, direction: Literal["right", "down"]) -> None:
    """There is a box for each value, an arrow each way where a gradient flows, and one where none does."""
    axes = rec.figure(direction=direction).axes[0]
    drawn = layout(rec.trace, -1, direction)
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    arrows = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    assert len(boxes) == len(drawn.boxes) == 4
    assert len(arrows) == sum(2 if arrow.backward else 1 for arrow in drawn.arrows) == 7
    texts = [text.get_text() for text in axes.texts]
    assert any("$a_1$" in text for text in texts)
    assert not any(text.get_parse_math() for text in axes.texts)
    for box in drawn.boxes:
        assert box.name in texts
        assert f"value {box.number}" in texts


def test_values_are_solid_and_gradients_dashed(rec: chainrule.Recording) -> None:
    """What flows forward is solid in one colour, what flows back dashed in the other."""
    arrows = [patch for patch in rec.figure().axes[0].patches if isinstance(patch, FancyArrowPatch)]
    kinds = {(to_hex(arrow.get_edgecolor()), arrow.get_linestyle()) for arrow in arrows}
    assert kinds == {(LINES.value, "-"), (LINES.gradient, "--")}


def test_a_figure_is_the_users_own(rec: chainrule.Recording) -> None:
    """A figure can be saved anywhere, pyplot does not know it, its text is text, and it says what it shows."""
    before = plt.get_fignums()
    figure = rec.figure()
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == before
    assert str(figure.get_label()).endswith("c = 18")
    for kind in ("svg", "png"):
        figure.savefig(out := io.BytesIO(), format=kind)
        assert out.getvalue()

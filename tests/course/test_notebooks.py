"""The five notebooks that the course grows out of: each figure is on a page, or is listed as wrong with the right one.

A notebook is called by its number, a cell by its label, or by its place where it has none.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import chainrule
from tests.support.course import ROOT, walk

pytestmark = pytest.mark.slow

BACKWARD = "examples/1_one_weight/40_backward_pass.py"
PARABOLA = "examples/2_descent/10_parabola.py"
VECTOR = "examples/2_descent/20_weight_vector.py"
BY_HAND = "examples/2_descent/30_line_by_hand.py"
AUTOGRAD = "examples/2_descent/40_line_with_autograd.py"
MODULE = "examples/2_descent/60_module.py"
ONE_STEP = "examples/3_xor/10_one_step.py"
TRAINED = "examples/3_xor/20_trained.py"
MISTAKES = "docs/how-to/mistakes.md"


class Printed(NamedTuple):
    """Hold figures that a notebook printed, and the expression that gives them again in what a page leaves behind."""

    cells: str
    page: str
    expression: str
    figures: str
    decimals: int


PRINTED = [
    Printed(
        "000 In [22], 002 In [9] and [10], 003 2: w", BY_HAND, "descend(gradient_two, 0.01)[1:11]",
        "1.200 1.680 1.872 1.949 1.980 1.992 1.997 1.999 1.999 2.000", 3,
    ),
    Printed(
        "the same: loss", BY_HAND, "[loss_at(w) for w in descend(gradient_two, 0.01, 13)]",
        "30 4.79999924 0.76800019 0.12288000 0.01966083 0.00314570 0.00050332 0.00008053 0.00001288 0.00000206 "
        "0.00000033 0.00000005 0.00000001 0", 8,
    ),
    Printed(
        "the same: gradient", BY_HAND, "[gradient_two(w) for w in descend(gradient_two, 0.01, 14)]",
        "-120 -48 -19.2 -7.680 -3.072 -1.229 -0.492 -0.197 -0.079 -0.031 -0.013 -0.005 -0.002 -0.001 0", 3,
    ),
    Printed(
        "the same: f(5)", BY_HAND, "[5 * descend(gradient_two, 0.01)[step] for step in (0, 10, 20)]", "0 9.999 10", 3,
    ),
    Printed(
        "000 In [20], 003 In [20]: w", AUTOGRAD, "weights[1:92:10]",
        "0.300 1.665 1.934 1.987 1.997 1.999 2.000 2.000 2.000 2.000", 3,
    ),
    Printed(
        "the same: loss", AUTOGRAD, "[loss_at(w) for w in weights[:91:10]]",
        "30 1.16278565 0.04506890 0.00174685 0.00006770 0.00000262 0.00000010 0 0 0", 8,
    ),
    Printed(
        "the same: gradient", AUTOGRAD, "gradients[:91:10]", "-30 -5.906 -1.163 -0.229 -0.045 -0.009 -0.002 0 0 0", 3,
    ),
    Printed(
        "002 In [17]: w", AUTOGRAD, "weights[1:20:2]",
        "0.300 0.772 1.113 1.359 1.537 1.665 1.758 1.825 1.874 1.909", 3,
    ),
    Printed(
        "002 In [17]: loss", AUTOGRAD, "[loss_at(w) for w in weights[:19:2]]",
        "30 15.66018772 8.17471695 4.26725292 2.22753215 1.16278565 0.60698116 0.31684780 0.16539653 0.08633806", 8,
    ),
    Printed("002 In [17], 000 In [20]: f(5)", AUTOGRAD, "(5 * weights[20], 5 * weights[100])", "9.612 10", 3),
    Printed(
        "003 1: w", PARABOLA, "[w for w, _ in path[1:]]",
        "8.0000000 6.4000001 5.1199999 4.0959997 3.2767997 2.6214397 2.0971518 1.6777214 1.3421772 1.0737417 0.8589934 "
        "0.6871947 0.5497558 0.4398046 0.3518437", 7,
    ),
    Printed(
        "003 1: loss", PARABOLA, "[loss for _, loss in path[:15]]",
        "100 64 40.9600029 26.2143993 16.7772141 10.7374163 6.8719459 4.3980455 2.8147490 1.8014395 1.1529212 "
        "0.7378696 0.4722366 0.3022314 0.1934281", 7,
    ),
    Printed(
        "003 1: gradient", PARABOLA, "[2 * w for w, _ in path[:15]]",
        "20 16 12.8000002 10.2399998 8.1919994 6.5535994 5.2428794 4.1943035 3.3554428 2.6843543 2.1474833 1.7179867 "
        "1.3743894 1.0995115 0.8796092", 7,
    ),
    Printed(
        "003 In [27]: w", MODULE, "[row[1] for row in ladder[:21]]",
        "0.750 1.388 1.929 2.390 2.781 3.114 3.397 3.638 3.842 4.016 4.163 4.289 4.395 4.486 4.563 4.629 4.684 4.732 "
        "4.772 4.806 4.835", 3,
    ),
    Printed(
        "003 In [27]: loss", MODULE, "[((w * x - y) ** 2).mean() for w in (0.0, *(row[1] for row in ladder[:19]))]",
        "187.5 135.46875 97.87616730 70.71553040 51.09196854 36.91394043 26.67032433 19.26930809 13.92207718 "
        "10.05869961 7.26741409 5.25070572 3.79363537 2.74090099 1.98030066 1.43076599 1.03372908 0.74686909 "
        "0.53961229 0.38987094", 8,
    ),
    Printed(
        "003 In [27]: gradient", MODULE, "[(2 * x * (w * x - y)).mean() for w in (0.0, *(r[1] for r in ladder[:19]))]",
        "-75 -63.75 -54.188 -46.059 -39.150 -33.278 -28.286 -24.043 -20.437 -17.371 -14.766 -12.551 -10.668 -9.068 "
        "-7.708 -6.552 -5.569 -4.734 -4.023 -3.420", 3,
    ),
    Printed("004 In [31], [44], [47], [50]: loss", VECTOR, "wrong[:4]", "16 8.2944 0.9094 1.5371", 4),
    Printed(
        "the same: prediction", VECTOR, "[*(3 + loss**0.5 for loss in wrong[:3]), 3 - wrong[3] ** 0.5]",
        "7 5.88 3.9536 1.7602", 4,
    ),
    Printed(
        "004 In [45] and [48]: gradient", MISTAKES, "[g * v / 2 for g in gradients[1:3] for v in inputs]",
        "27.52 41.28 13.76 31.3344 47.0016 15.6672", 4,
    ),
    Printed(
        "004 In [43], [46], [49]: w", MISTAKES,
        "[w - 0.01 * sum(gradients[:n]) * v / 2 for n in (1, 2, 3) for w, v in zip((1, 1, 2), inputs)]",
        "0.84 0.76 1.92 0.5648 0.3472 1.7824 0.2515 -0.1228 1.6257", 4,
    ),
    Printed(
        "001 4", ONE_STEP, "(*relu(samples[0] @ w1 + b1), sigmoid(relu(samples[0] @ w1 + b1) @ w2 + b2), before[0])",
        "0.2 0 0.5050 0.2550", 4,
    ),
    Printed(
        "001 6", ONE_STEP, "(b1[0] - 0.01 * 0.0252, w2[0] - 0.01 * 0.0505, b2 - 0.01 * 0.2525)",
        "0.1997 0.0995 -0.0025", 4,
    ),
    Printed(
        "001 8: losses", TRAINED, "[losses[epoch] for epoch in (1, 1001, 2001, 3001, 4001)]",
        "0.24752041697502136 0.2040688395500183 0.13945071399211884 0.05831518396735191 0.025512760505080223", 17,
    ),
    Printed(
        "001 8: weights", TRAINED, "[number for name in ('w1', 'b1', 'w2', 'b2') for number in kept(rec, name)]",
        "1.6383 2.2101 1.6393 2.2098 -5.1987e-4 -2.2097 2.2965 -3.8227 -1.5349", 4,
    ),
    Printed("001 8: answers", TRAINED, "answers", "0.1773 0.9028 0.9025 0.0789", 4),
]  # fmt: skip

CLAIMED = {
    "004 In [5]": (BACKWARD, "loss == 1.0"),
    "000 In [21], 004 In [6]": (BACKWARD, "w.grad == -2.0"),
    "002 In [6]": (BY_HAND, "predict(5, 0.0) == 0.0"),
    "004 In [32]": (VECTOR, "w.grad == (16.0, 24.0, 8.0)"),
    "001 5: w2": (ONE_STEP, "w2.grad ≈ [[0.0505], [0.0000]]"),
    "001 5: b2": (ONE_STEP, "b2.grad ≈ 0.2525"),
    "001 5: w1": (ONE_STEP, "(first == 0).all() == True"),
    "001 5: b1": (ONE_STEP, "b1.grad ≈ (0.0252, 0.0000)"),
    # and what is printed or said in a notebook and is not so
    "-120, since a dot product has added up already, and `.mean()` does nothing": (
        BY_HAND,
        "gradient_one(0.0) == -30.0",
    ),
    "30 beside w = 1.200, which belongs to w = 0": (MISTAKES, "loss_at(1.2) ≈ 4.800"),
    "100 beside w = 8, which belongs to w = 10": (PARABOLA, "path[1] == (8.0, 64.0)"),
    "a gradient of 0 that is left over from the loop before": (MISTAKES, "w.grad == -30.0"),
    '"by iteration 15, the loss is completely 0"': (MISTAKES, "losses[14] ≈ 0.00000000022"),
    '"the w is now correct", where it stands still before it': (AUTOGRAD, "weights[1000] ≈ 1.99999964"),
    '"not as exact as numerical gradient computation"': (MISTAKES, "gradient_at(1.0) == -15.0"),
    "27.52, which holds 16 from the round before": (VECTOR, "2 * 2.88 * 2 ≈ 11.52"),
    '"the gradient is equal to -2x": only where wx - y is -1': (BACKWARD, "w.grad == 2.0"),
    "a last loss of 0.0255, which is that of epoch 4001": (TRAINED, "losses[5000] ≈ 0.0142"),
}
"""What stands on a page as a claim, which test_prose.py evaluates."""


def kept(rec: chainrule.Recording, name: str) -> list[float]:
    """Return the numbers of a value that was recorded."""
    value = next(value for value in rec.trace.values if value.name == name)
    assert value.tensor.data is not None
    return [float(number) for number in value.tensor.data.flatten()]


@cache
def left_behind(page: str) -> dict[str, Any]:
    """Return what is there once a page has run."""
    return {**walk(ROOT / page).report.namespace, "kept": kept, "relu": torch.relu, "sigmoid": torch.sigmoid}


@pytest.mark.parametrize("row", PRINTED, ids=lambda row: f"{row.cells} {row.expression}")
def test_a_printed_figure_is_found_again(row: Printed) -> None:
    """What a notebook printed comes out of a page today, to 1e-5 and to the decimals that were printed."""
    scope = left_behind(row.page)
    with torch.no_grad():
        found = [float(number) for number in eval(row.expression, scope)]
    printed = [float(figure) for figure in row.figures.split()]
    np.testing.assert_allclose(found, printed, rtol=1e-5, atol=0.5000001 * 10.0**-row.decimals)


@pytest.mark.parametrize("cells", CLAIMED)
def test_a_figure_is_claimed(cells: str) -> None:
    """The page claims the figure, or the right one in place of one that is wrong in a notebook."""
    page, claim = CLAIMED[cells]
    text = " ".join(re.sub("^# ?", "", (ROOT / page).read_text("utf-8"), flags=re.MULTILINE).split())
    assert f"`{claim}`" in text

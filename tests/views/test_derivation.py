"""Derivations: the numbers on each line give the gradient, paths nest, and nothing grows without bound."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from _ext.pages.maths import render
from hypothesis import given, settings

import chainrule
from chainrule.calculus.maths import latex, mathml
from chainrule.calculus.notation import number
from chainrule.views.derivation import Line
from tests.support.graphs import Plan, plans, record

Numbers = np.ndarray[Any, np.dtype[np.float64]]


def evaluate(figures: str, shape: tuple[int, ...] = (), magnitude: bool = False) -> Numbers:
    """Work a line's numbers out to a result of a shape; with `magnitude`, without signs, as a scale for rounding."""
    if magnitude:
        figures = re.sub(r"(?<!e)-", "", figures.replace(" - ", " + "))
    arrays = re.sub(r"(?<![\[ ])\[|(?<=[^,] )\[|^\[", "array([", figures)
    arrays = re.sub(r"\](?![\],])", "])", arrays)

    def summed(broadcast: Numbers) -> Numbers:
        inner = broadcast.sum(axis=tuple(range(broadcast.ndim - len(shape))))
        return np.asarray(inner.sum(axis=tuple(i for i, size in enumerate(shape) if size == 1), keepdims=True))

    words = {"array": np.array, "nan": np.nan, "inf": np.inf, "sum": summed}
    return np.asarray(eval(arrays.replace(")(", ") * ("), {"__builtins__": {}}, words), dtype=np.float64)


def wrong(line: Line) -> str | None:
    """Describe a line whose numbers do not give its result, up to the rounding of what is shown."""
    _, figures, result = map(str, line.steps)
    if "from" in figures + result:  # of a large tensor only shape and range are shown
        return None
    exact = evaluate(result)
    shown, scale = evaluate(figures, exact.shape), evaluate(figures, exact.shape, magnitude=True)
    if "@" in figures and shown.size == exact.size:  # a Jacobian acts on the entries in a row
        shown = shown.reshape(exact.shape)
    slack = 2e-3 * max(1, figures.count("(")) * np.max(scale, initial=0) + 1e-12
    good = shown.shape == exact.shape or shown.size == exact.size == 1
    good = good and np.allclose(shown, exact, rtol=0, atol=slack, equal_nan=True)
    return None if good else f"{line.left}: {figures} = {shown}, not {result}"


@settings(max_examples=150, deadline=None)
@given(plans(shapes=[()], steps=9))
def test_the_numbers_give_the_gradient(plan: Plan) -> None:
    """For any graph of single numbers, each line's numbers, worked out, are the result behind them."""
    rec, leaves = record(plan)
    for leaf in leaves:
        derived = rec.derivation(leaf)
        assert [found for line in derived.lines if (found := wrong(line))] == []
        assert leaf.grad is not None
        assert str(derived.lines[-1].result) == number(leaf.grad.item())
        assert str(derived).endswith(f"= {number(leaf.grad.item())}")


@settings(max_examples=60, deadline=None)
@given(plans(steps=8))
def test_every_notation_has_the_numbers_that_give_the_gradient(plan: Plan) -> None:
    """For small tensors too, each line's numbers are the result behind them.

    Text, LaTeX and MathML of a line hold the same numbers, in the same order, and the same names.
    """
    rec, leaves = record(plan)
    for leaf in leaves:
        derived = rec.derivation(leaf)
        assert [found for line in derived.lines if (found := wrong(line))] == []
    ElementTree.fromstring(derived._repr_html_())
    for side in [side for line in derived.lines for side in (line.left, *line.aligned().values())]:
        tex, marked = latex.write(side), mathml.write(side)
        bare = re.sub("<[^>]*>", " ", marked.replace("<mo>×</mo><msup><mn>10</mn>", "")).replace("&gt;  0 ", "")
        written = (str(side), tex.replace(r"\times 10^", "").replace(" > 0]", ""), bare)
        text, *others = (re.findall(r"\d+(?:\.\d+)?", one) for one in written)
        assert others == [text, text]
        for name in re.findall("name='(.*?)'", repr(side)):
            assert latex.name(name) in tex
            assert mathml.name(name) in marked


def one_path() -> tuple[torch.Tensor, torch.Tensor]:
    """Give the loss of the first lessons."""
    x, w = torch.tensor(1.0), torch.tensor(1.0, requires_grad=True)
    error = w * x - 2
    return w, error**2


def fork() -> tuple[torch.Tensor, torch.Tensor]:
    """Use a value twice."""
    a = torch.tensor(1.0, requires_grad=True)
    b = 2 * a
    c = b + 1
    return a, b * c


def nested_forks() -> tuple[torch.Tensor, torch.Tensor]:
    """Use a value that was made from a value used twice."""
    a = torch.tensor(2.0, requires_grad=True)
    b = a * 3
    c = b * b
    return a, c + c * b


def minus() -> tuple[torch.Tensor, torch.Tensor]:
    """Change the sign twice."""
    a = torch.tensor(2.0, requires_grad=True)
    b = -a
    return a, 1 - b


def of_itself() -> tuple[torch.Tensor, torch.Tensor]:
    """Differentiate a value by itself."""
    a = torch.tensor(2.0, requires_grad=True)
    b = a * 1
    return b, b


def hooked() -> tuple[torch.Tensor, torch.Tensor]:
    """Scale a gradient in a hook."""
    w = torch.tensor(2.0, requires_grad=True)
    y = w * 3
    y.register_hook(lambda gradient: gradient * 10)
    return w, y**2


LINES: dict[str, tuple[Callable[[], tuple[torch.Tensor, torch.Tensor]], str]] = {
    "one path": (one_path, "dloss/dw = 2 error * 1 * x = (-2)(1)(1) = -2"),
    "fork": (fork, "dloss/da = (c + b * 1) * 2 = (3 + (2)(1))(2) = 10"),
    "nested forks": (
        nested_forks,
        (
            "dloss/da = (1 * c + (1 + 1 * b) * b + (1 + 1 * b) * b) * 3 "
            "= ((1)(36) + (1 + (1)(6))(6) + (1 + (1)(6))(6))(3) = 360"
        ),
    ),
    "minus": (minus, "dloss/da = (-1) * (-1) = (-1)(-1) = 1"),
    "of itself": (of_itself, "dtarget/dtarget = 1"),
    "changed by a hook": (hooked, "dloss/dw = hook(2 y) * 3 = (120)(3) = 360"),
}


@pytest.mark.parametrize("name", LINES)
def test_derivations_read_like_by_hand(name: str) -> None:
    """Forks nest value by value, signs stand in parentheses, and a hook of the user's is not passed over."""
    make, text = LINES[name]
    with chainrule.record() as rec:
        target, loss = make()
        loss.backward()
    assert str(rec.derivation(target)) == text


def test_latex_can_be_rendered() -> None:
    """KaTeX renders derivations of single numbers and of tensors, with awkward names and numbers too."""
    awkward = {"</b> $%^~_\\{": torch.tensor([2.0, float("nan")], requires_grad=True)}
    formulas = []
    for make in (*(make for make, _ in LINES.values()), None):
        with chainrule.record() as rec:
            if make:
                target, loss = make()
            else:
                target = awkward["</b> $%^~_\\{"]
                größe = torch.softmax(target * 1e-9, 0)
                loss = (größe / torch.tensor(-1e-12)).sum()
            loss.backward()
        formulas.append(rec.derivation(target).latex)
    assert [fault for formula in formulas if (fault := render(formula, True)[1])] == []


def test_many_paths_go_by_sub_result() -> None:
    """With 30 residual additions there are 2**30 paths; each sub-result has one short line, and few are printed."""
    w = torch.tensor(0.1, requires_grad=True)
    with chainrule.record() as rec:
        h = w
        for _ in range(30):
            h = h + torch.tanh(h)
        h.backward()
    derived = rec.derivation("w")
    assert len(derived.lines) == 30
    shown = str(derived).splitlines()
    assert (len(shown), shown[6]) == (13, "... 18 more lines, which are in `.lines` ...")
    assert max(map(len, shown)) < 150
    assert derived.latex.count(r"\vdots") == 1
    assert [found for line in derived.lines if (found := wrong(line))] == []


@pytest.mark.parametrize(("paths", "lines"), [(8, 1), (16, 4)])
def test_up_to_eight_paths_are_one_sum(paths: int, lines: int) -> None:
    """Eight paths are one nested line, more go by sub-result."""
    w = torch.tensor(1.5, requires_grad=True)
    with chainrule.record() as rec:
        h = w
        while paths > 1:
            h = h * h
            paths //= 2
        h.backward()
    assert len(rec.derivation("w").lines) == lines


def test_another_start_stands_in_front() -> None:
    """What `backward` was given is the first factor, also where one root is on the way to another."""
    w = torch.tensor(2.0, requires_grad=True)
    with chainrule.record() as rec:
        y = w * 3
        y.backward(torch.tensor(4.0))
    assert str(rec.derivation("w")) == "dy/dw = 4 * 3 = (4)(3) = 12"
    with chainrule.record() as rec:
        y = w * 3
        loss = y**2
        torch.autograd.backward([loss, y])
    assert str(rec.derivation("w")) == "d(loss + y)/dw = (1 + 2 y) * 3 = (1 + 12)(3) = 39"


def test_tensors_go_value_by_value() -> None:
    """Each value between has its line: entry by entry, by a matrix, or as the op's vector-Jacobian product."""
    w, b = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor(3.0, requires_grad=True)
    with chainrule.record() as rec:
        h = w * b
        s = torch.softmax(h, 0)
        p, q = s.unbind()
        loss = p - q
        loss.backward()
    assert str(rec.derivation("b")).splitlines() == [
        "dloss/dq = -1",
        "dloss/dp = 1",
        "dloss/ds = vjp_unbind(dloss/dp, dloss/dq) = [1, -1]",
        "dloss/dh = dloss/ds @ ds/dh = [1, -1] @ [[0.04518, -0.04518], [-0.04518, 0.04518]] = [0.09035, -0.09035]",
        "dloss/db = sum(dloss/dh * w) = sum([0.09035, -0.09035] * [1, 2]) = -0.09035",
    ]


def test_derivations_show_themselves() -> None:
    """In a page a derivation is MathML that is well-formed, scrolls by itself and takes the focus; in a PDF LaTeX."""
    with chainrule.record() as rec:
        target, loss = one_path()
        loss.backward()
    derived = rec.derivation(target)
    assert derived._repr_latex_() == f"$$ {derived.latex} $$"
    assert r"\frac{\partial\,\mathrm{loss}}{\partial\,\mathrm{error}} \cdot " in derived.latex
    box = ElementTree.fromstring(derived._repr_html_())
    assert (box.get("class"), box.get("tabindex")) == ("chainrule-derivation", "0")
    rows = ["".join(row.itertext()) for row in box.iter("mtr")]
    assert rows == ["∂loss∂w=∂loss∂error·∂error∂(w * x)·∂(w * x)∂w", "=2error·1·x", "=(−2)(1)(1)", "=−2"]


def made(*shape: int) -> torch.Tensor:
    """Give a leaf with a number of its own at each entry."""
    return (torch.arange(1.0, 1 + torch.Size(shape).numel()).reshape(shape) / 2).requires_grad_()


@pytest.mark.parametrize(
    ("call", "first", "second"),
    [
        (lambda a, b: a @ b, made(2, 3), made(3, 2)),
        (lambda a, b: a @ b, made(2), made(2, 3)),
        (lambda a, b: a @ b, made(3, 2), made(2)),
        (lambda a, b: a @ b, made(2), made(2, 1)),
        (torch.mm, made(1, 3), made(3, 1)),
        (torch.nn.functional.linear, made(2, 3), made(2, 3)),
        (torch.nn.functional.linear, made(3), made(2, 3)),
    ],
)
def test_a_product_of_matrices_is_carried_back_by_products(
    call: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], first: torch.Tensor, second: torch.Tensor
) -> None:
    """Back through a product of matrices or a linear layer leads a product again, whose numbers give the result."""
    a, b = first.detach().clone().requires_grad_(), second.detach().clone().requires_grad_()
    with chainrule.record() as rec:
        out = call(a, b)
        loss = (out**2).sum()
        loss.backward()
    for leaf in (a, b):
        derived = rec.derivation(leaf)
        line = derived.lines[-1]
        assert all(" @ " in str(step) for step in line.steps[:2])
        assert [found for line in derived.lines if (found := wrong(line))] == []
        assert render(derived.latex, True)[1] == ""


def test_a_large_product_of_matrices_shows_its_result() -> None:
    """Where the factors have too many numbers to be shown, the words stay and the result stands for them."""
    a, b = made(4, 5), made(5, 4)
    with chainrule.record() as rec:
        product = a @ b
        loss = product.sum()
        loss.backward()
    line = rec.derivation(a).lines[-1]
    assert str(line.words) == "(dloss/dproduct) @ b.T"
    assert line.steps[1] == line.steps[2]


def test_a_value_times_itself_is_no_single_product() -> None:
    """Where both factors are one matrix, two parts add up, and none is shown for the whole."""
    a = made(2, 2)
    with chainrule.record() as rec:
        loss = (a @ a).sum()
        loss.backward()
    assert "a.T" not in str(rec.derivation(a).lines[-1].words)


def test_an_expression_without_a_name_stands_in_parentheses() -> None:
    """In maths, too, what has no name is not torn apart by what stands beside it."""
    w = torch.tensor(3.0, requires_grad=True)
    with chainrule.record() as rec:
        loss = (w - 1) ** 2
        loss.backward()
    latex = rec.derivation("w").latex
    assert r"2\,\left(\texttt{w - 1}\right)" in latex
    assert r"\partial\left(\texttt{w - 1}\right)" in latex


def test_a_list_of_one_number_is_multiplied_as_a_number() -> None:
    """Numbers in tensors of one element stand without brackets inside a product."""
    w = torch.tensor([3.0], requires_grad=True)
    with chainrule.record() as rec:
        error = w - 1
        loss = error**2
        loss.backward()
    assert str(rec.derivation("w")).splitlines()[-1] == "dloss/dw = 2 error * 1 = (4)(1) = [4]"

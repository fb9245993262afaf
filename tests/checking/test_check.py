"""Checks: right answers are right, each slip is known by what it leads to, and wrong gradients are found."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings

import chainrule
from chainrule.checking.answers import Answered, Report
from chainrule.checking.custom import SAID
from chainrule.checking.slips import WORDS
from chainrule.trace import Trace
from tests.support.graphs import Plan, plans, record
from tests.support.slips import chain, fork


def test_the_factor_and_the_value_are_named() -> None:
    """A lost factor is named as the derivative that it is, a lost path by the value that is used twice."""
    assert chain().check(w=-4.0).answers[0].says.endswith("the local gradient dy_hat/dw.")
    assert "`b` is used in more than one place" in str(fork().check(a=14.0))


@settings(max_examples=40, deadline=None)
@given(plans())
def test_a_right_answer_is_right(plan: Plan) -> None:
    """PyTorch's own gradient is right in any form: a tensor, an array, a list; also when it is 0."""
    rec, leaves = record(plan)
    for leaf in leaves:
        (name,) = {rec.trace.values[i].name for i in rec._values_of(leaf)}
        name = name if "#" in name else f"{name}#1"
        assert leaf.grad is not None
        answers: tuple[Any, ...] = (leaf.grad, leaf.grad.numpy(), leaf.grad.tolist())
        assert all(rec.check(**{name: answer}) for answer in answers)


@pytest.mark.parametrize("upstream", [float("nan"), float("inf"), 1e-30, 1e30])
def test_right_answers_of_every_size(upstream: float) -> None:
    """Tiny, huge and not finite gradients are right when they are equal, and only then."""
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    with chainrule.record() as rec:
        (w * torch.tensor([upstream, 1.0])).sum().backward()
    assert rec.check(w=[upstream, 1.0])
    assert not rec.check(w=[5.0, 1.0])
    with chainrule.record() as rec:
        (w[0] * upstream).backward()
    assert rec.check(w=[upstream, 0.0])
    assert not rec.check(w=[upstream, upstream + 1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_an_answer_is_compared_as_the_dtype_allows(dtype: torch.dtype) -> None:
    """An answer by hand is right when the dtype cannot be closer to it."""
    w = torch.tensor(0.3, dtype=dtype, requires_grad=True)
    with chainrule.record() as rec:
        (w * 0.1 * 0.7).backward()
    assert rec.check(w=0.07)
    assert not rec.check(w=0.072)


TENSORS: tuple[Callable[[Any], torch.Tensor], ...] = (
    *(partial(torch.tensor, dtype=dtype) for dtype in (torch.bfloat16, torch.float16, torch.float64, torch.int8)),
    partial(torch.tensor, dtype=torch.float32, requires_grad=True),
    lambda numbers: torch.tensor(numbers, dtype=torch.float32).to_sparse(),
)


@pytest.mark.parametrize("kind", [float, int, Fraction, Decimal, np.float16, np.int8, *TENSORS])
def test_a_right_answer_is_right_in_any_number_type(kind: Any) -> None:
    """Python's, NumPy's and PyTorch's number types all say the same, alone and in lists."""
    rec = chain()
    right = rec.grad("w").item()
    assert rec.check(w=kind(right))
    assert not rec.check(w=kind(right + 1))
    v = torch.tensor([1.0, 2.0], requires_grad=True)
    with chainrule.record() as several:
        (v**2).sum().backward()
    assert several.check(v=kind([2, 4]) if kind in TENSORS else [kind(2), kind(4)])


def test_an_answer_is_as_exact_as_its_type_allows() -> None:
    """A third in bfloat16 is right, though it differs from one in float32; a hundredth more is not."""
    w = torch.tensor(1.0, requires_grad=True)
    with chainrule.record() as rec:
        (w / 3).backward()
    third = torch.tensor(1 / 3, dtype=torch.bfloat16)
    assert rec.check(w=third)
    assert rec.check(w=Fraction(1, 3))
    assert not rec.check(w=third.float())
    assert not rec.check(w=third * 1.1)


def test_a_complex_answer_can_be_right() -> None:
    """The gradient of a complex value is checked like any other; a wrong one is not explained by real steps."""
    z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    with chainrule.record() as rec:
        (z * z.conj()).real.sum().backward()
    right = rec.grad("z")
    assert rec.check(z=right)
    assert rec.check(z=right.tolist())
    assert "wrong sign" in str(rec.check(z=-right))
    assert "no common slip" in str(rec.check(z=right + 1j))


def test_an_answer_that_is_not_a_number_is_no_slip() -> None:
    """What is not known on the way is not what the answer is."""
    x, w = torch.arange(1200.0), torch.tensor(1.0, requires_grad=True)
    with chainrule.record() as rec:
        (w * x).sin().sum().backward()
    assert "no common slip" in str(rec.check(w=math.nan))


def test_a_huge_value_on_the_way_costs_nothing() -> None:
    """A wrong answer is explained in the memory of what was kept, however large a value was of which nothing was."""
    w = torch.tensor(1.0, requires_grad=True)
    with chainrule.record() as rec:
        (w * torch.arange(1200.0)).sin().mean().backward()
    plain = json.loads(json.dumps(rec.trace.to_dict()).replace("1200", str(10**14)))
    trace = Trace.from_dict(plain)
    assert "no common slip" in str(chainrule.Recording(lambda: trace).check(w=123.0))


def test_a_report_is_true_when_all_answers_are_right() -> None:
    """One wrong answer among right ones makes the report false; each has its line."""
    assert chain().check(w=-12.0, y_hat=-4.0)
    report = chain().check(w=-12.0, y_hat=4.0)
    assert not report
    assert str(report).splitlines()[0] == "w = -12: right."
    assert str(report) == repr(report)


def test_a_weight_that_is_used_very_often_is_checked_at_once() -> None:
    """A weight with 200 uses has 2**200 sums of some of them; the report does not try them all."""
    w = torch.tensor(0.5, requires_grad=True)
    with chainrule.record() as rec:
        h = torch.tensor(1.0)
        for _ in range(200):
            h = torch.tanh(h * w)
        h.backward()
    assert not rec.check(w=99.0)


@pytest.mark.parametrize(
    ("answers", "error", "said"),
    [
        ({"w": "two"}, chainrule.AnswerError, "such as `w=0.0`"),
        ({"w": [[1.0], [2.0, 3.0]]}, chainrule.AnswerError, "such as `w=0.0`"),
        ({"w": None}, chainrule.AnswerError, "such as `w=0.0`"),
        ({"w": {}}, chainrule.AnswerError, "such as `w=0.0`"),
        ({"w": 10**400}, chainrule.AnswerError, "such as `w=0.0`"),
        ({"w": 1j}, chainrule.AnswerError, "such as `w=0.0`"),
        ({"w": torch.tensor(-2.0, device="meta")}, chainrule.AnswerError, "such as `w=0.0`"),
        ({}, chainrule.TraceError, r"rec.check\(w=-2.0\)"),
        ({"y_hut": 1.0}, chainrule.TraceError, "Did you mean `y_hat`"),
        ({"x": 1.0}, chainrule.TraceError, "`x` has no gradient"),
    ],
)
def test_what_cannot_be_checked_is_refused(answers: dict[str, Any], error: type[Exception], said: str) -> None:
    """What is no number, nothing at all, a name that is not there, and one without a gradient say what to do."""
    with pytest.raises(error, match=said):
        chain().check(**answers)


def test_what_was_not_kept_cannot_be_checked() -> None:
    """Without the numbers of a gradient an answer to it is an error, not wrong."""
    w = torch.tensor(1.0, requires_grad=True)
    with chainrule.record(keep="shapes") as rec:
        (w * 2).backward()
    with pytest.raises(chainrule.AnswerError, match="was not kept"):
        rec.check(w=2.0)


# check_gradient -----------------------------------------------------------------------------------------------


class Wrong(torch.autograd.Function):
    """Square, with a backward that forgets the factor 2."""

    @staticmethod
    def forward(ctx: Any, a: torch.Tensor) -> torch.Tensor:
        """Square."""
        ctx.save_for_backward(a)
        return a**2

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        """Forget the factor."""
        (a,) = ctx.saved_tensors
        carried: torch.Tensor = gradient * a
        return carried


def float32_only(w: torch.Tensor) -> torch.Tensor:
    """Refuse any other dtype, as many kernels do."""
    if w.dtype != torch.float32:
        raise RuntimeError("expected scalar type Float but found Double")
    return (w**2).sum()


def changed_in_place(w: torch.Tensor) -> torch.Tensor:
    """Change the argument itself."""
    w.mul_(3)
    return (w**2).sum()


FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "polynomial": lambda w: (w**3).sum(),
    "product": torch.prod,
    "softmax": lambda w: torch.softmax(w, 0).max(),
    "with a float32 weight": lambda w: (w.float() * torch.ones(3)).pow(2).sum(),
    "float32 only": float32_only,
    "in place": changed_in_place,
    "random": lambda w: (torch.nn.functional.dropout(w, 0.5) * torch.rand(3)).sum(),
    "constant in the argument": lambda w: w.sum() * 0,
    "one element, not a scalar": lambda w: w.sum().reshape(1, 1),
    "in double": lambda w: w.double().exp().sum(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_right_gradients_agree(name: str, dtype: torch.dtype) -> None:
    """Autograd agrees with central differences; tensors, `.grad` and the random state stay as they were."""
    w = torch.tensor([0.5, -1.5, 2.0], dtype=dtype, requires_grad=True)
    if name == "float32 only" and dtype == torch.float64:
        with pytest.raises(RuntimeError, match="expected scalar type Float"):
            chainrule.check_gradient(FUNCTIONS[name], w)
        return
    kept, state = w.detach().clone(), torch.get_rng_state()
    report = chainrule.check_gradient(FUNCTIONS[name], w)
    assert report, report
    assert "central differences agree" in str(report)
    assert w.equal(kept)
    assert w.grad is None
    assert torch.get_rng_state().equal(state)
    assert report.autograd[0].shape == report.numerical[0].shape == (3,)


def test_a_wrong_gradient_is_found() -> None:
    """A custom backward that forgets a factor does not agree, and the report says by how much."""
    report = chainrule.check_gradient(
        lambda w: Wrong.apply(w).sum(),  # type: ignore[no-untyped-call]
        torch.tensor([1.0, 2.0]),
    )
    assert not report
    assert report.error == pytest.approx(0.5, rel=1e-3)
    assert "do not agree: largest difference 0.5" in str(report)


class Product(torch.autograd.Function):
    """The mean of (x @ w)**2, with a backward that a test gives."""

    wrong: Callable[..., Any]

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """Multiply, square, and take the mean."""
        out = x @ w
        ctx.save_for_backward(x, w, out)
        return (out**2).mean()

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> Any:
        """Give no gradient to x, and to w what the test says."""
        x, _, out = ctx.saved_tensors
        return None, Product.wrong(upstream, x, out)


WRONG_BACKWARDS: dict[str, tuple[Callable[..., Any], str | None]] = {
    "right": (lambda up, x, out: up * x.T @ (2 * out) / out.numel(), None),
    "sum for mean": (lambda up, x, out: up * x.T @ (2 * out), "sum"),
    "without the 2": (lambda up, x, out: up * x.T @ out / out.numel(), "half"),
    "sign": (lambda up, x, out: -up * x.T @ (2 * out) / out.numel(), "sign"),
    "transposed": (lambda up, x, out: (up * x.T @ (2 * out) / out.numel()).T, "transposed"),
    "without upstream": (lambda up, x, out: x.T @ (2 * out) / out.numel(), "upstream"),
    "without the square": (lambda up, x, out: up * x.T @ torch.ones_like(out) / out.numel(), "factor"),
    "nothing that is known": (lambda up, x, out: up * x.T @ out**2 + 1, "none"),
}


@pytest.mark.parametrize("name", WRONG_BACKWARDS)
def test_a_wrong_backward_is_told_its_slip(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A custom backward is held against the steps of its own forward, and the report names the slip."""
    wrong, kind = WRONG_BACKWARDS[name]
    monkeypatch.setattr(Product, "wrong", staticmethod(wrong), raising=False)
    report = chainrule.check_gradient(
        lambda x, w: 3 * Product.apply(x, w),  # type: ignore[no-untyped-call]
        torch.tensor([[1.0, 2.0], [3.0, 5.0]]),
        torch.tensor([[0.5, -1.0], [2.0, 1.5]]),
    )
    if kind is None:
        assert not report.slips[1:] or not report.slips[1]
    else:
        pattern = re.sub(r"\\\{\w+\\\}", ".+", re.escape(WORDS[kind]))
        assert re.fullmatch(pattern, report.slips[1])
        assert "argument 2: " in str(report)


class Custom(torch.autograd.Function):
    """Something of x, with a forward and a backward that a test gives."""

    there: Callable[..., Any]
    back: Callable[..., Any]
    kept: torch.Tensor

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> Any:
        """Compute it."""
        return Custom.there(ctx, x)

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> Any:
        """Give what the test says."""
        return Custom.back(upstream, *ctx.saved_tensors)


def kept(ctx: Any, saved: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """Save something for the backward."""
    ctx.save_for_backward(saved)
    return out


def written_over(ctx: Any, x: torch.Tensor) -> torch.Tensor:
    """Change the result after it was saved."""
    out = x.exp()
    ctx.save_for_backward(out)
    return out.add_(1)


def hung_on(ctx: Any, x: torch.Tensor) -> torch.Tensor:
    """Keep the result as an attribute."""
    ctx.kept = Custom.kept = x.exp()
    return Custom.kept


def custom(x: torch.Tensor) -> Any:
    """Run the custom function."""
    return Custom.apply(x)  # type: ignore[no-untyped-call]


TAKEN: Callable[..., Any] = Custom.apply


def slope(x: torch.Tensor) -> torch.Tensor:
    """Differentiate within the function."""
    (found,) = torch.autograd.grad((custom(x) * x).sum(), x, create_graph=True)
    return found


SLIPS_OF_FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "none": (lambda ctx, x: kept(ctx, x, x**2), lambda up, x: None, lambda x: custom(x) ** 2),
    "zeros": (lambda ctx, x: kept(ctx, x, x**2), lambda up, x: up * 0, lambda x: custom(x) ** 2),
    "over by an attribute": (hung_on, lambda up, *_: up * Custom.kept, lambda x: TAKEN(x).mul_(2)),
    "over": (written_over, lambda up, out: up * out, lambda x: custom(x) ** 2),
    "repeated": (
        lambda ctx, x: kept(ctx, x, x[[0, 0, 1]]),
        lambda up, x: torch.zeros_like(x).index_put_((torch.tensor([0, 0, 1]),), up),
        lambda x: custom(x) ** 2,
    ),
    "no graph": (
        lambda ctx, x: kept(ctx, s := x.sin(), s**2),
        lambda up, s: up * 2 * s * (1 - s**2).sqrt(),
        slope,
    ),
    "zero": (lambda ctx, x: x, lambda up: up, lambda x: x.detach() ** 2 + 0 * x),
}


@pytest.mark.parametrize("kind", SLIPS_OF_FUNCTIONS)
def test_what_a_custom_function_does_wrong_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slips that custom functions are made of are seen while one runs, the second derivative's too."""
    there, back, function = SLIPS_OF_FUNCTIONS[kind]
    monkeypatch.setattr(Custom, "there", staticmethod(there), raising=False)
    monkeypatch.setattr(Custom, "back", staticmethod(back), raising=False)
    report = chainrule.check_gradient(lambda x: function(x).sum(), torch.tensor([0.3, 0.7]))
    assert report.slips == (SAID[kind.partition(" by ")[0]].format(name="Custom", place=1),)


def test_a_right_second_derivative_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that differentiates is measured, too."""
    monkeypatch.setattr(Custom, "there", staticmethod(lambda ctx, x: kept(ctx, x, x**3)), raising=False)
    monkeypatch.setattr(Custom, "back", staticmethod(lambda up, x: up * 3 * x**2), raising=False)
    assert chainrule.check_gradient(lambda x: slope(x).sum(), torch.tensor([0.3, 0.7]))


def cut(w: torch.Tensor) -> torch.Tensor:
    """Use w twice, once cut off."""
    return (w**2 * w.detach()).sum()


def cut_without_grad(w: torch.Tensor) -> torch.Tensor:
    """Use w twice, once where nobody takes notes."""
    with torch.no_grad():
        scale = w * 3
    return (w**2 * scale).sum()


@pytest.mark.parametrize("function", [cut, cut_without_grad])
def test_a_path_that_was_cut_is_told(function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Where `detach` or `no_grad` cuts one of several paths, the report says that a path is missing, and whose."""
    report = chainrule.check_gradient(function, torch.tensor([1.0, 2.0]))
    assert not report
    assert report.slips == (WORDS["path"].format(name="w"),)


def through_numpy(w: torch.Tensor) -> torch.Tensor:
    """Use what cannot be taken apart."""
    return (w * torch.from_numpy(w.detach().numpy())).sum()


def test_a_function_that_cannot_be_taken_apart_is_told_by_its_numbers() -> None:
    """Where the steps cannot be followed, the numbers alone say what fits."""
    report = chainrule.check_gradient(through_numpy, torch.tensor([1.0, 2.0]))
    assert report.slips == (WORDS["half"],)


def test_a_gradient_that_is_not_a_number_is_found() -> None:
    """NaN agrees with nothing, wherever among the inputs it stands."""
    good, bad = torch.tensor([1.0]), torch.tensor([0.0])
    for inputs in ((good, bad), (bad, good)):
        assert not chainrule.check_gradient(lambda a, b: (a * b).sqrt().sum() * 0 + a.sum(), *inputs)


def test_several_inputs_of_several_shapes() -> None:
    """Inputs may be several, without contiguous memory, scalars, and of no use to the result."""
    a = torch.arange(6.0).reshape(2, 3).t()
    b, c = torch.tensor(2.0), torch.tensor([1.0, 2.0])
    report = chainrule.check_gradient(lambda a, b, c: (a[1:].sin() * b).sum(), a, b, c)
    assert report
    assert [found.shape for found in report.numerical] == [(3, 2), (), (2,)]
    np.testing.assert_allclose(report.autograd[0][1:], 2 * np.cos(a.numpy()[1:]))
    assert not report.autograd[2].any()


def test_one_wrong_gradient_among_right_ones_is_found() -> None:
    """It is enough that one of several inputs has a wrong gradient."""
    good, bad = torch.tensor([3.0]), torch.tensor([2.0])
    for inputs in ((good, bad), (bad, good)):
        report = chainrule.check_gradient(
            lambda a, b: Wrong.apply(a if a < 2.5 else b).sum() + a.sum() + b.sum(),  # type: ignore[no-untyped-call]
            *inputs,
        )
        assert not report


W = torch.tensor([1.0, 2.0])


@pytest.mark.parametrize(
    ("function", "inputs", "said"),
    [
        (lambda a, b: a.sum(), (torch.tensor(1.0), torch.tensor([1])), r"Argument 2 is torch\.int64"),
        (lambda a: a, (1.0,), r"Argument 1 is float, .*torch.tensor\(1.0\)"),
        (lambda: torch.tensor(1.0), (), r"check_gradient\(loss_of, w\)"),
        (lambda w: w * 2, (W,), r"shape \(2,\).*`loss.mean\(\)`"),
        (lambda w: w.sum().item(), (W,), "returned float"),
        (lambda w: (w > 0).sum(), (W,), "dtype int64, and a gradient needs one real floating-point number"),
        (lambda w: (w * 1j).sum(), (W,), "dtype complex128, and a gradient needs one real"),
        (lambda w: w.abs(), (torch.tensor(1j),), r"Argument 1 is torch\.complex64"),
        (lambda w: w.sum(), (W.to("meta"),), "on meta"),
        (lambda w: w.to_dense().sum(), (W.to_sparse(),), r"torch\.sparse_coo"),
        (None, (W,), r"None is no function. Call `check_gradient\(loss_of, w\)`"),
        (lambda w: w.detach().sum(), (W,), r"without `.detach\(\)`"),
    ],
)
def test_what_has_no_gradient_is_refused(function: Callable[..., Any], inputs: tuple[Any, ...], said: str) -> None:
    """Inputs that are no float tensors, and results that cannot be differentiated, say what would do instead."""
    with pytest.raises(chainrule.AnswerError, match=said):
        chainrule.check_gradient(function, *inputs)


def test_a_check_in_no_grad_works_too() -> None:
    """Whether gradients are switched off around the call makes no difference."""
    with torch.no_grad():
        assert chainrule.check_gradient(lambda w: (w**2).sum(), torch.tensor([3.0]))


def test_a_long_verdict_is_wrapped() -> None:
    """A terminal shows a whole verdict: no line is longer than 79, and nothing of the sentence is lost."""
    report = chain().check(y_hat=1.0)
    assert all(len(line) < 80 for line in str(report).splitlines())
    assert WORDS["upstream"] in " ".join(str(report).split())


def test_a_page_shows_each_verdict() -> None:
    """In a page a report is a list with the same words, and a name's markup comes out as text."""
    shown = chain().check(w=2.0, y_hat=1.0)._repr_html_()
    assert shown.count("<li>") == 2
    assert WORDS["upstream"] in shown
    answered = Answered("<script>", "1", False, "<b>")
    assert "<script>" not in Report((answered,))._repr_html_()
    assert "<b>" not in Report((answered,))._repr_html_()

"""The first circle: on real PyTorch code, what is recorded is what PyTorch did."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings

import chainrule
from chainrule.calculus.notation import numbers
from chainrule.trace import Trace
from chainrule.views.derivation import derivation
from tests.support.cases import CASES
from tests.support.graphs import Plan, plans, record, same
from tests.support.oracle import Known, carried, differences, everything, states, sums
from tests.support.sweep import share
from tests.support.witness import leaves
from tests.views.test_derivation import wrong

KNOWN = Known()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_what_is_recorded_is_what_pytorch_did(name: str) -> None:
    """Numbers, `.grad`, random streams, sums of contributions and local gradients are PyTorch's, derivations right."""
    found, rec = differences(CASES[name], KNOWN)
    assert found == []
    trace = rec.trace
    assert Trace.from_dict(trace.to_dict()).to_dict() == trace.to_dict()
    for number, run in enumerate(trace.passes):
        for value in run.gradients:
            lines = derivation(trace, value, number).lines
            assert [bad for line in lines if (bad := wrong(line))] == []


def test_few_local_gradients_are_not_known() -> None:
    """Most local gradients are shown, most of those were held against `torch.func`, and few ops could not be."""
    shown, unknown = sum(KNOWN.shown.values()), sum(KNOWN.unknown.values())
    assert shown > 2 * unknown
    assert KNOWN.alone > 0.9 * shown
    assert len(KNOWN.other) < 0.05 * (shown + unknown)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*CASES][::16])
def test_a_recorded_run_is_what_an_unrecorded_one_is(name: str) -> None:
    """With what is kept by default, too, all numbers and the random streams are the same, and `rec.grad` is `.grad`."""
    torch.manual_seed(1)
    plain, after = everything(CASES[name]()), states()
    torch.manual_seed(1)
    with chainrule.record() as rec:
        made = CASES[name]()
        assert states() == after
    assert all(map(same, plain, everything(made)))
    once = [leaf for leaf in leaves(made) if leaf.grad is not None and len(rec.trace.passes) == 1]
    assert all(same(rec.grad(leaf), leaf.grad) for leaf in once)


@pytest.mark.parametrize(
    "name",
    [
        *(f"two inputs: {name}" for name in ("mul", "div")),
        *(f"reduction: {name}" for name in ("sum", "mean", "a.cumsum(1)", "a[:1].cumsum(0)", "amax", "norm")),
        *("matrix: a @ b", "loss: a.softmax(1) * b", "loss: F.layer_norm(a, (3,)) * b", "selection: a[1]"),
        "shape: torch.cat([a, a * 2], 1)",
    ],
)
def test_common_local_gradients_are_all_shown(name: str) -> None:
    """Of ops that a course begins with, no local gradient is unknown."""
    with chainrule.record() as rec:
        CASES[name]()
    assert [rec.trace.ops[term.op].expression for term in rec.trace.terms() if term.local is None] == []


@pytest.mark.sweep
@settings(max_examples=share(1_000))
@given(plans())
def test_random_graphs_are_recorded_exactly(plan: Plan) -> None:
    """For any graph, leaf gradients, sums of contributions and local gradients are those of PyTorch."""
    rec, leaves = record(plan)
    plain = plan.fresh()
    plan.run(plain).backward()
    assert all(same(rec.grad(a), a.grad) and same(a.grad, b.grad) for a, b in zip(leaves, plain, strict=True))
    assert [*sums(rec.trace, {0: [torch.ones(())]}), *carried(rec.trace)] == []


def test_each_hook_is_a_step_of_its_own() -> None:
    """A hook says what arrived and what it made of it, also where it only looks; one that was removed is no step."""
    w = torch.tensor(2.0, requires_grad=True)
    w.register_hook(lambda g: g + 1)
    with chainrule.record() as rec:
        h = w * 3
        h.register_hook(lambda g: g * 10)
        h.register_hook(lambda g: None)
        gone = h.register_hook(lambda g: g * 0)
        gone.remove()
        loss = h**2
        loss.backward()
    steps = [(hook.name, numbers(hook.before), numbers(hook.after)) for hook in rec.trace.passes[0].hooks]
    assert steps == [
        ("h.register_hook(lambda g: g * 10)", "12", "120"),
        ("h.register_hook(lambda g: None)", "120", "120"),
        ("hooks that were there before", "360", "361"),
    ]
    assert w.grad is not None
    assert (rec.grad("h").item(), rec.grad("w").item(), w.grad.item()) == (120, 361, 361)
    rows = [row for row in rec.table().rows if row.op == "hook"]
    assert [row.local_gradients for row in rows] == [("360 -> 361",), ("120 -> 120",), ("12 -> 120",)]
    assert str(rec.derivation("w")) == "dloss/dw = hook(hook(2 h) * 3) = 361"
    back = chainrule.trace.Trace.from_dict(rec.trace.to_dict())
    assert back.to_dict() == rec.trace.to_dict()
    assert len(w._backward_hooks) == 1  # type: ignore[arg-type]


def test_a_result_that_the_op_uses_itself_has_a_gradient() -> None:
    """The state of an LSTM cell has the gradient that PyTorch has for it, although the call alone uses it."""
    cell = torch.nn.LSTMCell(3, 4)
    with chainrule.record() as rec:
        h, c = cell(torch.ones(2, 3))
        c.retain_grad()
        h.sum().backward()
    assert same(rec.grad("c"), c.grad)

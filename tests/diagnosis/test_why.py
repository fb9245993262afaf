"""Questions put to a recording: each broken program is told its cause and its line, and healthy ones are left alone."""

from __future__ import annotations

import copy
import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
import torch.utils.checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chainrule
from chainrule.diagnosis.evidence import code
from chainrule.diagnosis.report import why_all
from chainrule.diagnosis.thresholds import DEEPEST
from chainrule.trace import BackwardPass, Edge, Flow, Node, Op, Snapshot, Trace, Value, Visit
from tests.support.broken import BROKEN, Apart, Broken
from tests.support.graphs import Plan, plans
from tests.support.healthy import healthy

AFTER = ("integer", "requires_grad", "not a leaf", "detached", "not used", "replaced", "freed", "no backward pass")


def record(broken: Broken, **how: object) -> chainrule.Recording:
    """Run a broken program under a recording."""
    torch.manual_seed(0)
    with chainrule.record(**how) as rec:  # type: ignore[arg-type]
        broken.run()
    return rec


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.program.__name__)
def test_each_cause_is_found_at_its_line(broken: Broken) -> None:
    """For each broken program the right cause is named, and the line that did it."""
    reason = record(broken).why(broken.leaf).reasons[0]
    assert (reason.cause, reason.line) == (broken.cause, broken.line), reason
    if reason.line is not None:
        assert reason.file == "tests/support/broken.py" or Path(reason.file or "").name == "broken.py"
        assert f"broken.py:{reason.line}" in reason.says


def test_every_cause_is_tried_in_three_shapes() -> None:
    """The main causes are each tried on three programs at least."""
    count = Counter(broken.cause for broken in BROKEN)
    main = {"dead relu", "saturated", "times zero", "cancels", "not picked", "clamped", "dropout", "masked", "flat"}
    main |= {"root at 0", "log of 0", "divided by 0", "overflow", "in the data", "vanished", "exploded"}
    main |= {"changed unseen", "detached", "integer", "no_grad", "not used", "replaced", "requires_grad"}
    assert {cause for cause in main if count[cause] < 3} == set()


# Without a recording ----------------------------------------------------------------------------------------------


def w_of(*numbers: float) -> torch.Tensor:
    """Make a leaf of these numbers."""
    return torch.tensor(numbers, requires_grad=True)


def afterwards(case: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Run a program, and give what is asked about: the loss and a leaf without a gradient."""
    w, c = w_of(1.0, 2.0), w_of(3.0, 4.0)
    loss = (w * c).sum()
    match case:
        case "integer":
            return loss, torch.arange(2)
        case "requires_grad":
            return loss, torch.ones(2)
        case "requires_grad under no_grad":
            with torch.no_grad():
                w = w * 2
        case "not a leaf":
            loss.backward()
            w = w - 0.1 * w.grad  # type: ignore[operator]
            loss = (w * c).sum()
            loss.backward()
        case "not a leaf scaled":
            w = torch.ones(2, requires_grad=True) * 0.1
            loss = (w * c).sum()
            loss.backward()
        case "not a leaf converted":
            w = torch.ones(2, requires_grad=True).double()
            loss = (w * c).sum()
            loss.backward()
        case "detached":
            loss = (w.detach() * 2).sum()
        case "detached as data":
            loss = (w.data * 2).sum()
        case "detached as numbers":
            loss = torch.tensor(w.tolist()).sum()
        case "detached and made a leaf":
            loss = torch.tensor(loss.item(), requires_grad=True)
            loss.backward()
        case "integer loss":
            loss = (w > 0).sum()
        case "not used":
            loss = (c * 2).sum()
            loss.backward()
        case "not used but detached":
            loss = (w.detach() * c).sum()
            loss.backward()
        case "not used but as a number":
            loss = (c * w.norm().item()).sum()
            loss.backward()
        case "replaced":
            loss = (torch.nn.Parameter(w) * c).sum()
            loss.backward()
        case "replaced by a copy":
            loss = (w.detach().clone().requires_grad_() * c).sum()
            loss.backward()
        case "replaced by a deep copy":
            model = torch.nn.Linear(3, 2)
            loss = copy.deepcopy(model)(torch.ones(1, 3)).sum()
            loss.backward()
            return loss, model.weight
        case "freed":
            loss.backward()
            w.grad = None
        case "freed by grad":
            torch.autograd.grad(loss, w)
        case "freed by other inputs":
            loss.backward(inputs=[c])
        case "no backward pass":
            pass
        case "no backward pass through a checkpoint":
            loss = torch.utils.checkpoint.checkpoint(lambda t: t.exp(), w, use_reentrant=False).sum()
        case "no backward pass of a leaf":
            loss = w = torch.tensor(1.0, requires_grad=True)
    return loss, w


@pytest.mark.parametrize(
    ("case", "cause"),
    [
        (case, next(cause for cause in AFTER if case.startswith(cause)))
        for case in (
            "integer", "integer loss", "requires_grad", "requires_grad under no_grad", "not a leaf",
            "not a leaf scaled", "not a leaf converted", "detached", "detached as data",
            "detached as numbers", "detached and made a leaf", "not used",
            "not used but detached", "not used but as a number", "replaced", "replaced by a copy",
            "replaced by a deep copy", "freed", "freed by grad", "freed by other inputs", "no backward pass",
            "no backward pass through a checkpoint", "no backward pass of a leaf",
        )
    ],
)  # fmt: skip
def test_a_missing_gradient_is_explained_after_the_fact(case: str, cause: str) -> None:
    """Without a recording, the graph that is left tells why a leaf has no gradient."""
    loss, w = afterwards(case)
    found = chainrule.why(loss, w)
    assert found.reasons[0].cause == cause
    assert found.reasons[0].names == ("w",)
    assert found.reasons[0].says.startswith("`w` has no `.grad`: ")


def test_a_gradient_that_is_there_is_described_after_the_fact() -> None:
    """If there is a gradient after all, no reason is made up, and its size is said."""
    w = w_of(1.0, 0.0)
    loss = (w**2).sum()
    loss.backward()
    assert chainrule.why(loss, w).reasons == ()
    assert "of its 2 entries 1 are 0, and its largest entry is 2" in str(chainrule.why(loss, w))


def test_asking_after_the_fact_changes_nothing() -> None:
    """The graph can be used as before: the backward pass gives what it gives."""
    w = w_of(1.0, 2.0)
    loss = (w**3).sum()
    chainrule.why(loss, w)
    loss.backward()
    assert w.grad is not None
    assert w.grad.tolist() == [3.0, 12.0]


def test_what_cannot_be_asked_after_the_fact_says_so() -> None:
    """No tensor, and a graph too deep to be looked at, are errors of ours."""
    w = w_of(1.0)
    with pytest.raises(chainrule.ChainruleError, match="The loss is float, and only tensors"):
        chainrule.why(1.0, w)  # type: ignore[arg-type]
    deep = torch.ones(1, requires_grad=True)
    for _ in range(DEEPEST + 1):
        deep = deep + 1
    with pytest.raises(chainrule.ChainruleError, match="more than 20,000 steps"):
        chainrule.why(deep, w)


def test_a_graph_that_was_freed_is_told_with_pytorchs_own_error() -> None:
    """A second backward pass through a freed graph keeps PyTorch's error, with a note in the user's names."""
    w = w_of(1.0)

    def twice() -> None:
        with chainrule.record():
            loss = (w**2).sum()
            loss.backward()
            loss.backward()

    with pytest.raises(RuntimeError, match="second time") as caught:
        twice()
    assert "an earlier backward pass has run through the graph of `loss` and freed it" in caught.value.__notes__[0]


# Nothing wrong ----------------------------------------------------------------------------------------------------


def quiet(seed: int) -> list[str]:
    """Run the healthy programs from one seed, and list those of which something is said."""
    torch.manual_seed(seed)
    loud = []
    for name, run in healthy():
        with chainrule.record(local_gradients=False) as rec:
            run()
        if rec.why().reasons:
            loud.append(f"{name}: {rec.why()}")
    return loud


def test_healthy_programs_are_left_alone() -> None:
    """Of fifty healthy programs at most one is said to have lost a gradient."""
    assert len(list(healthy())) >= 50
    loud = quiet(seed=0)
    assert len(loud) <= 1, "\n\n".join(loud)


def test_a_model_that_was_made_by_copies_is_left_alone() -> None:
    """An encoder made inside the block copies a layer that is never used itself, and that is as it should be."""
    torch.manual_seed(0)
    with chainrule.record(local_gradients=False) as rec:
        layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        model = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        model(torch.randn(2, 5, 8)).pow(3).mean().backward()
    assert rec.why().reasons == ()


def test_nothing_found_is_said_with_the_size() -> None:
    """A healthy leaf's gradient is described by its numbers, all leaves together by the smallest and the largest."""
    w, v = w_of(1.0, 0.0), w_of(3.0, 4.0)
    with chainrule.record() as rec:
        h = w * v
        (h**2).sum().backward()
    assert str(rec.why("w")) == (
        "Nothing is wrong with `w.grad`: its 2 entries run from 0 to 18, 1 of them 0; its norm is 18."
    )
    assert "`h` is no leaf, so PyTorch leaves its `.grad` at None; `rec.grad` has it." in str(rec.why(h)).replace(
        "\n", " "
    )
    assert "of the 2 leaves" in str(rec.why())
    assert "between 6 (`v.grad`) and 18 (`w.grad`)" in str(rec.why()).replace("\n", " ")


def test_a_bias_that_a_normalisation_takes_away_is_told_when_asked() -> None:
    """A gradient that is rounding alone is no reason to worry, and is explained by name."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    with chainrule.record() as rec:
        net(torch.randn(32, 6)).pow(2).mean().backward()
    assert rec.why().reasons == ()
    assert rec.why("0.bias").reasons[0].cause == "rounding"
    assert "0 up to rounding" in rec.why("0.bias").reasons[0].says


@pytest.mark.parametrize("width", [1, 3])
def test_a_product_that_is_zero_honestly_is_not_blamed_on_a_change(width: int) -> None:
    """A gradient that cancels over what was broadcast is told as that; a weight that is read through `.data`, too."""
    w, c = torch.tensor(2.0, requires_grad=True), torch.tensor([1.0, 1.0])
    signs = torch.tensor([[1.0, -1.0]] * width)
    with chainrule.record() as rec:
        read = w.data + c.data.sum()
        loss = ((w * c) * signs).sum()
        loss.backward()
    assert read.item() == 4
    assert rec.why("w").reasons[0].cause != "changed unseen"


# All leaves together ----------------------------------------------------------------------------------------------


def test_leaves_with_one_cause_are_told_in_one_sentence() -> None:
    """Two hundred parameters behind one dead layer are one reason, with their number; so are those behind a detach."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(4, 4) for _ in range(100)]
    with torch.no_grad():
        layers[-1].bias.fill_(-1000)
    net = torch.nn.Sequential(*layers, torch.nn.ReLU(), torch.nn.Linear(4, 1))
    x = torch.randn(3, 4)
    with chainrule.record(local_gradients=False) as rec:
        net(x).sum().backward()
    (reason,) = rec.why().reasons
    assert (reason.cause, len(reason.names)) == ("dead relu", 201)
    assert "and 198 more are zero because of `relu(net.99)" in reason.says
    with chainrule.record(local_gradients=False) as rec:
        h = net[:-1](x).detach()
        (net[-1](h)).sum().backward()
    (reason, *_) = [reason for reason in rec.why().reasons if reason.cause == "detached"]
    assert len(reason.names) == 200


def test_leaves_of_one_name_are_told_apart() -> None:
    """Of two layers that no model holds, each is named with its weight, and one that was cut off is found."""
    first, second = torch.nn.Linear(1, 4), torch.nn.Linear(4, 1)
    with chainrule.record() as rec:
        hidden = first(torch.ones(3, 1))
        second(torch.tensor(hidden.tolist())).sum().backward()
    (reason,) = rec.why().reasons
    assert (reason.cause, reason.names) == ("taken out", ("first.weight", "first.bias"))


def test_several_causes_are_told_in_order() -> None:
    """What is not finite comes first, then what is zero, then what never came."""
    a, b, c, d = (w_of(0.0, 1.0) for _ in range(4))
    with chainrule.record() as rec:
        aside = c.detach() * d
        loss = torch.sqrt(a).sum() + torch.round(b).sum() + aside.sum()
        loss.backward()
    assert [reason.cause for reason in rec.why().reasons] == ["root at 0", "flat", "detached"]
    assert [reason.names for reason in rec.why().reasons] == [("a",), ("b",), ("c",)]


def test_a_zero_is_followed_to_where_it_comes_from() -> None:
    """What multiplies by 0 is blamed on the value that was 0 first: XOR's input (0, 0)."""
    x, v, w = torch.zeros(1, 2), w_of(1.0, -2.0), w_of(0.5, 1.0)
    with chainrule.record() as rec:
        h = torch.tanh(x * v) * 2
        loss = ((h * w).sum() - 1) ** 2
        loss.backward()
    assert "it multiplies by `h`, which is 0 because `x` is" in rec.why("w").reasons[0].says
    assert "it multiplies by `x`: all 2 entries of `x` are 0" in rec.why("v").reasons[0].says


def test_a_loss_that_is_not_finite_is_told_even_if_gradients_are() -> None:
    """The loss may be NaN while every gradient is finite: that is a reason, too."""
    w = w_of(-1.0)
    with chainrule.record() as rec:
        loss = torch.log(w).sum()
        loss.backward()
    (reason,) = rec.why().reasons
    assert reason.cause == "log of a negative"
    assert "`loss` is not finite" in reason.says


# Which pass, what was kept, where from ----------------------------------------------------------------------------


def test_each_pass_is_asked_for_itself() -> None:
    """`backward=` says which pass is meant, and an unknown one is the error that the other views give."""
    w, c = torch.tensor(2.0, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    with chainrule.record() as rec:
        for slope in (1.0, -1.0):
            loss = torch.relu(w * slope) + c
            loss.backward()
    assert rec.why("w", backward=0).reasons == ()
    assert rec.why("w", backward=-1).reasons[0].cause == "dead relu"
    assert rec.why(backward=0).reasons == ()
    for asked in ("w", None):
        with pytest.raises(chainrule.TraceError, match="holds 2 backward passes, so there is no backward=2"):
            rec.why(asked, backward=2)


def test_unknown_names_and_no_pass_are_the_errors_of_the_other_views() -> None:
    """A name that is not there, a tensor from elsewhere and a recording without a backward pass raise `TraceError`."""
    w = w_of(1.0)
    with chainrule.record() as rec:
        loss = (w * 2).sum()
    with pytest.raises(chainrule.TraceError, match="holds no backward pass"):
        rec.why()
    with chainrule.record() as rec:
        loss = (w * 2).sum()
        loss.backward()
    with pytest.raises(chainrule.TraceError, match="Did you mean `loss`"):
        rec.why("los")
    with pytest.raises(chainrule.TraceError, match="not in the recording"):
        rec.why(torch.tensor(1.0))


def test_shapes_alone_say_what_is_missing() -> None:
    """With `keep="shapes"` a gradient that came cannot be judged, and one that never came can."""
    w, c = w_of(1.0, 2.0), w_of(1.0, 2.0)
    with chainrule.record(keep="shapes") as rec:
        h = w.detach() * c
        h.sum().backward()
    for asked in ("c", None):
        with pytest.raises(chainrule.TraceError, match=r'no number of it was kept. Record with .*keep="auto"'):
            rec.why(asked)
    assert rec.why("w").reasons[0].cause == "detached"


@pytest.mark.parametrize("broken", BROKEN[::4], ids=lambda broken: broken.program.__name__)
def test_a_loaded_recording_says_the_same(broken: Broken, tmp_path: Path) -> None:
    """Saved and loaded, a recording gives the same answer, word by word; without local gradients, too."""
    rec = record(broken, local_gradients=False)
    rec.save(tmp_path / "rec.json")
    back = chainrule.load(tmp_path / "rec.json")
    assert str(back.why(broken.leaf)) == str(rec.why(broken.leaf)) == str(record(broken).why(broken.leaf))
    assert str(back.why()) == str(rec.why())


def test_statistics_are_enough() -> None:
    """Of tensors too large to be kept, statistics prove a dead ReLU, a mask and an overflow."""
    w = torch.full((50, 50), -1.0, requires_grad=True)
    with chainrule.record() as rec:
        z = w * 2
        h = torch.relu(z)
        loss = (h - 1).sum()
        loss.backward()
    assert rec.trace.values[1].data is None
    assert "all 2,500 entries of `z` are negative (largest -2)" in rec.why("w").reasons[0].says.replace("\n", " ")


def test_names_are_text_in_html() -> None:
    """Markup in a name stands in the page as text, and code in its own element."""
    table = {"</li><script>alert(1)</script>": torch.tensor(-1.0, requires_grad=True)}
    with chainrule.record() as rec:
        loss = torch.relu(table["</li><script>alert(1)</script>"]) * 2 - 1
        loss.backward()
    shown = rec.why()._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert shown.startswith('<ul class="chainrule-report"><li data-cause="dead-relu">')
    assert shown.count("<code>") == shown.count("</code>") > 1


# At any length, of any graph --------------------------------------------------------------------------------------


def chain(length: int) -> Trace:
    """Make the trace of a chain of products with a leaf at each step, the first of them shut."""
    zero, one = Snapshot((), "float32", np.array(0.0)), Snapshot((), "float32", np.array(1.0))
    values, ops, nodes, visits = [Value("w", one, True, True)], [], [Node("AccumulateGrad", None, ())], []
    for i in range(length):
        values += [Value(f"c{i}", zero if i == length - 1 else one, True, True)]
        values += [Value(f"h{i}", one, False, True, op=i, node=2 * i + 2)]
        before = 2 * i if i else 0
        ops.append(Op("mul", (before, 2 * i + 1), (2 * i + 2,), f"h{i - 1} * c{i}", ("a", "b"), {}, "deep.py", i))
        nodes += [
            Node("AccumulateGrad", None, ()),
            Node("MulBackward0", i, (Edge(before, 0, before), Edge(2 * i + 1, 0, 2 * i + 1))),
        ]
    came = one
    for i in reversed(range(length)):
        out = zero if i == length - 1 else came
        visits += [Visit(2 * i + 2, (came,), (Flow(out), Flow(came))), Visit(2 * i + 1, (came,), ())]
        came = out
    visits.append(Visit(0, (zero,), ()))
    gradients = {2 * i + 1: (one if i == length - 1 else zero) for i in range(length)} | {0: zero}
    return Trace(tuple(values), tuple(ops), tuple(nodes), (BackwardPass((2 * length,), tuple(visits), gradients),))


def lost_at_the_start(length: int, first: float) -> Trace:
    """Make the trace of a chain of products whose first value is 0 or NaN, and with it every other."""
    lost, one = Snapshot((), "float32", np.array(first)), Snapshot((), "float32", np.array(1.0))
    whole = chain(length)
    values = [replace(v, tensor=one if v.name.startswith("c") else lost) for v in whole.values]
    visits = []
    for visit in whole.passes[0].visits:
        flows = tuple(Flow(one if i == 0 else lost) for i, _ in enumerate(visit.flows))
        visits.append(replace(visit, upstream=(one if flows or not visit.node else lost,), flows=flows))
    gradients = {i: lost if i else one for i in whole.passes[0].gradients}
    run = replace(whole.passes[0], visits=tuple(visits), gradients=gradients)
    return replace(whole, values=tuple(values), passes=(run,))


def calls(trace: Trace) -> int:
    """Count the calls that asking about all leaves takes."""
    counted = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal counted
        counted += event == "call"

    sys.setprofile(count)
    try:
        found = why_all(trace, [0])
    finally:
        sys.setprofile(None)
    (reason,) = found.reasons + found.hints  # a loss of 0 may be meant
    assert len(reason.names) == (len(trace.values) - 1) // 2
    return counted


@pytest.mark.slow
@pytest.mark.parametrize("make", [chain, lambda n: lost_at_the_start(n, 0.0), lambda n: lost_at_the_start(n, np.nan)])
def test_work_grows_with_the_length_and_no_faster(make: Callable[[int], Trace]) -> None:
    """Asking about every leaf of a chain takes ten times the calls for ten times the length, and no recursion."""
    assert calls(make(2_000)) < 11 * calls(make(200))


@pytest.mark.slow
def test_a_long_chain_is_asked_about() -> None:
    """A recording of 20,000 ops with as many leaves is no trouble, and needs no recursion."""
    (reason,) = why_all(chain(20_000), [0]).hints
    assert "`c0.grad`, `c1.grad`, `c2.grad` and 19,997 more are zero because of" in reason.says


FACTORS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "shut": lambda a: torch.relu(-a.abs() - 1),
    "none": lambda a: a * 0,
    "root": lambda a: torch.sqrt(a - a),
    "cut": lambda a: a.detach(),
    "whole": lambda a: (a > 0) * 1.0,
    "log": torch.log,
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans(), st.lists(st.sampled_from(sorted(FACTORS)), max_size=2), st.sampled_from(["auto", "all"]))
def test_any_graph_is_answered_in_its_own_names(plan: Plan, factors: list[str], keep: Literal["auto", "all"]) -> None:
    """Whatever the graph, `why` does not raise, and what it shows as code is in the recording."""
    leaves = plan.fresh()
    with chainrule.record(keep=keep) as rec:
        loss = plan.run(leaves)
        for factor in factors:
            loss = loss + FACTORS[factor](leaves[0]).sum()
        loss.backward()
    trace = rec.trace
    known = {value.name for value in trace.values} | {f"{value.name.partition('#')[0]}.grad" for value in trace.values}
    known |= {op.expression for op in trace.ops} | {op.name for op in trace.ops} | {node.name for node in trace.nodes}
    known = {code(text) for text in known}
    for found in (rec.why(), *(rec.why(i.name) for i in trace.values)):
        for reason in found.reasons:
            assert set(reason.names) <= {value.name for value in trace.values}
            assert {f"`{text}`" for text in re.findall("`(.*?)`", reason.says)} <= known | {"`.grad`", "`no_grad`"}


def test_a_function_of_several_results_hands_on_what_each_result_gets() -> None:
    """Of a result that is not used comes no gradient, and the function is named, whichever value was met first."""
    c, w = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    with chainrule.record() as rec:
        h, g = Apart.apply(c, w)  # type: ignore[no-untyped-call]
        h.sum().backward()
    assert w.grad is None
    for (reason,) in (rec.why("w").reasons, rec.why().reasons):
        assert (reason.cause, reason.names) == ("stopped", ("w",))
        assert "`Apart(c, w)` had a gradient, and handed on none to `w`" in " ".join(reason.says.split())
    assert g.requires_grad

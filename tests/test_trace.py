"""The trace: plain data that holds what happened, with every question answered from it alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings

import chainrule
from chainrule import trace_file
from chainrule.trace import Trace
from tests.support.graphs import Plan, plans, record


def test_a_file_of_the_first_version_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording saved by version 0.1.0 reads as it did then, also without what has been added since."""
    text = (Path(__file__).parent / "support" / "format_1.json").read_text("utf-8")
    plain = json.loads(text)
    monkeypatch.setattr(trace_file, "SMALL", 1000)  # it had all arrays as lists
    again = Trace.from_dict(plain).to_dict()
    assert {(len(held.pop("aliases")), held.pop("before")) for held in again["values"]} == {(0, None)}
    added = ("notes", "arrays", "modules", "updates", "events", "failed_passes")
    assert [again.pop(word) for word in added] == [[]] * 6
    assert again.pop("failed") is None
    assert {len(op.pop("arguments")) for op in again["ops"]} == {0}
    assert {(len(one.pop("before")), one.pop("asked")) for one in again["passes"]} == {(0, None)}
    assert json.dumps({**again, "format": 1}) == text
    assert [hook["name"] for hook in plain["passes"][0].pop("hooks")] == ["h.register_hook(lambda g: g * 2)"]
    assert Trace.from_dict(plain).passes[0].hooks == ()


@settings(max_examples=40, deadline=None)
@given(plans())
def test_positions_point_backwards_and_terms_hold_all_that_flows(plan: Plan) -> None:
    """An op comes after what it takes and before what takes it, and each value knows the op that made it.

    The contributions of all terms toward a value add up to its gradient.
    """
    trace = record(plan)[0].trace
    for number, op in enumerate(trace.ops):
        assert all(trace.values[value].op == number for value in op.outputs)
        assert all((trace.values[value].op or -1) < number for value in op.inputs)
        assert max(op.inputs) < min(op.outputs)
    for number, node in enumerate(trace.nodes):
        assert all(edge.node is None or edge.node < number for edge in node.edges)
    for value in {term.value for term in trace.terms()}:
        parts = [term.contribution for term in trace.terms() if term.value == value]
        whole = trace.gradient(value)
        assert whole is not None
        assert whole.data is not None
        if value not in trace.passes[0].roots:
            total = sum(part.data for part in parts if part is not None and part.data is not None)
            np.testing.assert_allclose(total, whole.data, rtol=1e-4, atol=1e-4)


def test_an_op_of_several_nodes_is_one_step() -> None:
    """What autograd splits into several nodes has one term for each input, with the product of what is inside."""
    w = torch.tensor(2.0, requires_grad=True)
    with chainrule.record() as rec:
        out = 3 / w
        out.backward()
    assert len(rec.trace.nodes) == 3
    (term,) = rec.trace.terms()
    assert term.local is not None
    assert term.local.data == pytest.approx(-0.75)
    assert term.outputs == (1,)


def test_an_op_of_several_outputs_has_all_of_them_in_its_term() -> None:
    """The step from both results of an op to its input is one term."""
    w = torch.tensor([2.0, 3.0], requires_grad=True)
    with chainrule.record() as rec:
        a, b = w.unbind()
        (a * b).backward()
    (term,) = [term for term in rec.trace.terms() if term.value == 0]
    assert [rec.trace.values[i].name for i in term.outputs] == ["a", "b"]
    assert term.output == term.outputs[0]


def test_a_trace_holds_what_cannot_be_changed() -> None:
    """The arrays of a trace are read-only, also after loading, so that views cannot disagree."""
    w = torch.tensor([2.0], requires_grad=True)
    with chainrule.record() as rec:
        (w * 2).sum().backward()
    for trace in (rec.trace, Trace.from_dict(rec.trace.to_dict())):
        for array in (trace.values[0].data, trace.passes[0].gradients[0].data):
            assert array is not None
            assert not array.flags.writeable


@pytest.mark.parametrize(
    ("dtype", "held"),
    [
        (torch.bfloat16, "float32"),
        (torch.float16, "float16"),
        (torch.float64, "float64"),
        (torch.int32, "int32"),
        (torch.bool, "bool"),
        (torch.complex64, "complex64"),
        (torch.float8_e4m3fn, "float32"),
    ],
)
def test_dtypes_that_numpy_lacks_are_held_wider(dtype: torch.dtype, held: str) -> None:
    """`dtype` keeps the tensor's own; the array has it too, or the next wider one that NumPy has."""
    with chainrule.record() as rec:
        torch.tensor([0.0, 1.0]).to(dtype).clone()
    value = rec.trace.values[-1]
    assert (f"torch.{value.dtype}", str(value.data.dtype)) == (str(dtype), held)  # type: ignore[union-attr]
    assert Trace.from_dict(rec.trace.to_dict()).values[-1].data.dtype == held  # type: ignore[union-attr]


def test_a_trace_needs_no_torch() -> None:
    """Whoever holds a trace needs NumPy alone: its module, like text and errors, can be read without PyTorch."""
    program = (
        "import sys, types; package = types.ModuleType('chainrule'); package.__path__ = [sys.argv[1]];"
        "sys.modules['chainrule'] = package; import chainrule.trace, chainrule.views.table;"
        "import chainrule.views.derivation, chainrule.live.graph, chainrule.diagnosis.report;"
        "assert not {'torch', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, chainrule.__path__[0]], check=True)


def test_a_trace_shows_itself_in_a_few_lines() -> None:
    """However much was recorded, a trace and each of its parts, typed at a prompt, is read at a glance."""
    w = torch.rand(30, 30, requires_grad=True)
    with chainrule.record(keep="all") as rec:
        h = w
        for _ in range(200):
            h = torch.sin(h)
        h.sum().backward()
    trace = rec.trace
    none = "notes 0, modules 0, updates 0, events 0, failed_passes 0"
    assert repr(trace) == f"<Trace: values 202, ops 201, nodes 202, passes 1, {none}>"
    run = trace.passes[0]
    parts = (
        trace.values[1],
        trace.values[1].tensor,
        trace.ops[1],
        trace.nodes[1],
        run,
        run.visits[1],
        trace.terms()[1],
    )
    assert all(repr(part).startswith(f"{type(part).__name__}(") and len(repr(part)) < 500 for part in parts)
    views = (rec.table(), rec.derivation("w"), rec.derivation("w").lines[0], rec.graph(), rec.why())
    assert all(repr(view) == str(view) for view in views)

"""Folding: every op stands in one place, groups are as modules are, and whatever was recorded stays small."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule
from chainrule.live.graph import graph
from chainrule.live.javascript import script
from chainrule.trace import Op, Snapshot, Trace, Value
from chainrule.views.folding import Folded, Group, fold
from chainrule.views.limits import DRAWN
from tests.support.gpt import gpt
from tests.support.graphs import Plan, plans, record
from tests.support.shapes import SHAPES

MODULES = st.sampled_from([None, "net", "net.0", "net.1", "net.1.a", "net.1.b", "head"])
LARGEST = 300_000
"""Bytes of what a notebook's output may hold."""


def names(group: Group) -> list[str]:
    """List the groups' names, from the outermost to the innermost."""
    return [n for part in group.parts if isinstance(part, Group) for n in (part.name, *names(part))]


def widest(group: Group) -> int:
    """Give the most parts that a group has, of those inside too."""
    return max([len(group.parts), *(widest(part) for part in group.parts if isinstance(part, Group))])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(MODULES, st.integers(1, 5)), max_size=400), st.integers(4, 24))
def test_every_op_stands_in_one_place(made: list[tuple[str | None, int]], limit: int) -> None:
    """Groups hold every op once, in the order in which they ran, and no group has many more parts than it may."""
    ops = tuple(Op("add", (), (), "a + b", file="a.py", line=line, module=module) for module, line in made)
    root = fold(Trace(ops=ops), limit=limit)
    assert root.ops == tuple(range(len(made)))
    assert widest(root) <= limit + 3


def test_groups_are_as_modules_are() -> None:
    """What a module ran is one group, with its modules inside; the loss behind it stands alone."""
    block = torch.nn.Sequential(*(m for _ in range(8) for m in (torch.nn.Linear(2, 2), torch.nn.Tanh())))
    net = torch.nn.ModuleDict({"encoder": block, "decoder": torch.nn.Sequential(block, block)})
    x = torch.ones(1, 2)

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = self.net["decoder"](self.net["encoder"](x) * 2)
            return made

    model = Whole()
    with chainrule.record() as rec:
        loss = model(x).sum()
        loss.backward()
    root = fold(rec.trace, -1)
    assert any("encoder" in name for name in names(root))
    assert not isinstance(root.parts[-1], Group)
    folded = Folded(rec.trace, -1)
    view = folded.view()
    assert len(view.values) < len(rec.trace.values)
    assert view.steps[-1].outputs == rec.trace.passes[0].roots


def test_boxes_are_called_by_their_modules() -> None:
    """A module's box has its name and its class, by its path inside of what is shown; an op alone has its module's."""
    trace = gpt(2).trace
    kinds = {module.path: module.kind for module in Trace.from_dict(trace.to_dict()).modules}
    assert (kinds["blocks.1.attn.qkv"], kinds["blocks.0"], kinds["GPT"]) == ("Linear", "Block", "GPT")
    folded = Folded(trace, -1)
    outer = folded.view().steps
    called = [step.module for step in outer if step.module]
    assert called[2:5] == ["blocks.0 · Block", "blocks.1 · Block", "ln_f · LayerNorm"]
    block = next(step.group for step in outer if step.module == "blocks.0 · Block")
    inner = folded.view(block).steps
    assert [step.module for step in inner if step.module] == [
        "ln_1 · LayerNorm", "attn · Attention", "ln_2 · LayerNorm", "mlp · MLP",
    ]  # fmt: skip
    attention = folded.view(next(step.group for step in inner if "attn" in step.module))
    assert [step.module for step in attention.steps][0::6] == ["qkv · Linear", "proj · Linear"]


def test_turns_of_a_loop_are_groups() -> None:
    """Without modules, each turn of a loop is a group."""
    h = torch.tensor(1.0, requires_grad=True)
    with chainrule.record() as rec:
        for _ in range(40):
            a = h * 2
            b = a + 1
            h = b * a
        h.backward()
    root = fold(rec.trace, -1)
    innermost = next(part for part in root.parts if isinstance(part, Group))
    while any(isinstance(part, Group) for part in innermost.parts):
        innermost = next(part for part in innermost.parts if isinstance(part, Group))
    assert len(innermost.ops) == 3


@settings(max_examples=40, deadline=None)
@given(plans(steps=12))
def test_a_view_of_all_is_the_graph_itself(plan: Plan) -> None:
    """Unfolded, each step is an op with its inputs in order, and an edge for each time that it takes one."""
    trace = record(plan)[0].trace
    view = Folded(trace, -1).whole
    assert [step.ops for step in view.steps] == [(number,) for number in trace.ops_of(-1)]
    for step in view.steps:
        assert step.inputs == trace.ops[step.ops[0]].inputs
    assert len(view.edges) == sum(len(step.inputs) * len(step.outputs) for step in view.steps)
    assert sum(edge.term is not None for edge in view.edges) == len(trace.terms(-1))


def synthetic(ops: int, reach: int) -> Trace:
    """Make up a forward pass in which each op takes two values of those made before it."""
    draw = random.Random(0)
    one = Snapshot((), "float32", np.array(1.0, "float32"))
    values = [Value("w", one, leaf=True, requires_grad=True)]
    made = []
    for i in range(ops):
        taken = tuple(draw.randrange(max(0, len(values) - reach), len(values)) for _ in range(2))
        values.append(Value(f"h#{i}", one, leaf=False, op=i))
        made.append(Op("add", taken, (len(values) - 1,), "a + b", ("a", "b"), file="a.py", line=draw.randint(1, 9)))
    return Trace(tuple(values), tuple(made))


def numbers_of(tensors: int, entries: int) -> Trace:
    """Record a few tensors with many entries."""
    w = torch.rand(entries, requires_grad=True)
    with chainrule.record(keep="all") as rec:
        h = w
        for _ in range(tensors):
            h = h * w
        h.sum().backward()
    return rec.trace


@pytest.mark.parametrize(
    "make",
    [
        lambda: synthetic(20_000, 3),
        lambda: synthetic(3000, 3000),
        lambda: synthetic(100, 100),
        lambda: numbers_of(40, 1000),
        lambda: SHAPES["leaves"](300).trace,
        lambda: SHAPES["pieces"](300).trace,
    ],
    ids=["long", "tangled", "dense", "large tensors", "an op that takes many", "an op that makes many"],
)
def test_whatever_was_recorded_stays_small(make: object) -> None:
    """A graph with its script stays below 300 kB, and at most so many boxes stand in its picture."""
    trace = make()  # type: ignore[operator]
    shown = graph(trace, -1 if trace.passes else None)
    assert len(shown.element.encode()) + len(script().encode()) < LARGEST
    assert shown.wide.count("<rect") <= DRAWN

"""What holds in every trace that was recorded, and so has to in one that is read from a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chainrule.trace import Snapshot, Trace, Visit


def check(trace: Trace) -> None:
    """Raise an error, such as `ValueError`, if something points nowhere or to what comes later, or has a wrong shape.

    It takes time in proportion to the trace, however far off a position or a shape is.
    """
    if not all(_is_in_order(trace)):
        raise ValueError("something in it points nowhere, or to what comes later")
    if not all(_has_shapes(trace)):
        raise ValueError("a gradient in it does not have the shape or the dtype that it must")


def _is_in_order(trace: Trace) -> Iterator[bool]:
    """Tell of each op, value, node and pass whether it comes after what it is made from, and is known there."""
    made = [-1 if value.op is None else value.op for value in trace.values]
    within = [-1 if node.op is None else node.op for node in trace.nodes]
    outputs = {(i, value) for i, op in enumerate(trace.ops) for value in op.outputs}
    for i, op in enumerate((*trace.ops, *([trace.failed.op] if trace.failed else []))):
        yield set(op.inputs).isdisjoint(op.outputs)
        yield all(made[value] < i for value in op.inputs) and max(op.outputs, default=-1) < len(made)
        yield len(op.letters) in (0, len(op.inputs)) and all(len(name) == 1 for name in (*op.letters, *op.constants))
        yield all(int(place) < len(op.inputs) for place in re.findall(r"'@(\d+)'", repr(op.arguments)))
    for i, value in enumerate(trace.values):
        yield value.before is None or value.before < i
        yield value.op is None or (value.op, i) in outputs
        yield value.node is None or within[value.node] <= made[i]
    for i, node in enumerate(trace.nodes):
        last = len(trace.ops) if node.op is None else node.op
        yield within[i] < len(trace.ops)
        for edge in node.edges:
            yield edge.node is None or (edge.node < i and within[edge.node] <= last)
            yield edge.value is None or made[edge.value] < last
    for run in trace.passes:
        yield all(value < len(made) for value in (*run.roots, *run.before, *(run.asked or ())))
    for update in trace.updates:
        yield all(value < len(made) for value in (*update.parameters, *update.gradients))
    for failed in trace.failed_passes:
        yield all(value < len(made) for value in failed.values)
    for event in trace.events:
        yield all(value < len(made) for value in (*event.values, *event.made))


def _has_shapes(trace: Trace) -> Iterator[bool]:
    """Tell of each gradient whether it has the shape of what it belongs to."""
    slots = {(value.node, value.slot): value.shape for value in trace.values if value.node is not None}
    for value in trace.values:
        yield value.node is None or slots[value.node, value.slot] == value.shape
    for update in trace.updates:
        yield all(_is_gradient(held, trace.values[i].shape) for i, held in update.gradients.items())
    for run in trace.passes:
        for i, got in run.gradients.items():  # of a batch of them, each has that shape
            shape = trace.values[i].shape
            yield _is_gradient(got, (*got.shape[: len(got.shape) - len(shape)], *shape))
        yield all(_is_gradient(held, trace.values[i].shape) for i, held in run.before.items())
        for hook in run.hooks:
            yield all(_is_gradient(held, trace.values[hook.value].shape) for held in (hook.before, hook.after))
        for visit in run.visits:
            for slot, one in enumerate(visit.upstream):
                yield one is None or _is_gradient(one, slots.get((visit.node, slot), one.shape))
            yield from _flows_fit(trace, visit)


def _flows_fit(trace: Trace, visit: Visit) -> Iterator[bool]:
    edges, came = trace.nodes[visit.node].edges, [one for one in visit.upstream if one is not None]
    yield len(came) > 0 and len(visit.flows) == len(edges)
    for edge, flow in zip(edges, visit.flows, strict=False):
        went, local = flow.contribution, flow.local
        if went is not None:
            yield _is_gradient(went, went.shape if edge.value is None else trace.values[edge.value].shape)
        if went is None or local is None:
            yield local is None
        else:
            shapes = {"elementwise": came[0].shape, "gradient": went.shape, "jacobian": (came[0].size, went.size)}
            yield len(came) == 1 and _is_gradient(local, shapes[flow.kind or ""])


def _is_gradient(held: Snapshot, shape: tuple[int, ...]) -> bool:
    return held.shape == shape and ("float" in held.dtype or "complex" in held.dtype)

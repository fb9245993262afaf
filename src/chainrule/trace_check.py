"""What holds in every trace that was recorded, and so has to in one that is read from a file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chainrule.trace import BackwardPass, Snapshot, Trace


def check(trace: Trace) -> None:
    """Raise `ValueError` if something points nowhere or to what comes later, or does not have the shape that it must.

    It takes time in proportion to the trace, however far off a position or a shape is.
    """
    _check_positions(trace)
    if not all(_is_in_order(trace)):
        raise ValueError("it goes round in a circle, or has something before what it is made from")
    slots = {(value.node, value.slot): value.shape for value in trace.values if value.node is not None}
    if any(value.node is not None and slots[value.node, value.slot] != value.shape for value in trace.values):
        raise ValueError("two values of different shapes share one gradient")
    if not all(fits for run in trace.passes for fits in _has_shapes(trace, run, slots)):
        raise ValueError("a gradient does not have the shape or the dtype that it must")


def _check_positions(trace: Trace) -> None:
    edges = [edge for node in trace.nodes for edge in node.edges]
    values = [value for op in trace.ops for value in (*op.inputs, *op.outputs)]
    values += [edge.value for edge in edges if edge.value is not None]
    values += [value for run in trace.passes for value in (*run.roots, *run.gradients)]
    values += [hook.value for run in trace.passes for hook in run.hooks]
    nodes = [value.node for value in trace.values if value.node is not None]
    nodes += [edge.node for edge in edges if edge.node is not None]
    nodes += [visit.node for run in trace.passes for visit in run.visits]
    ops = [value.op for value in trace.values if value.op is not None]
    ops += [node.op for node in trace.nodes if node.op is not None]
    for positions, held in ((values, trace.values), (nodes, trace.nodes), (ops, trace.ops)):
        if max(positions, default=-1) >= len(held):
            raise ValueError(f"it points to number {max(positions)} of {len(held)}")


def _is_in_order(trace: Trace) -> Iterator[bool]:
    """Tell of each op, value and edge whether it comes after what it is made from, and is known there."""
    made = [-1 if value.op is None else value.op for value in trace.values]
    within = [-1 if node.op is None else node.op for node in trace.nodes]
    outputs = {(i, value) for i, op in enumerate(trace.ops) for value in op.outputs}
    for i, op in enumerate(trace.ops):
        yield max(op.inputs, default=-1) < min(op.outputs, default=math.inf)
        yield all(made[value] < i for value in op.inputs)
        yield len(op.letters) in (0, len(op.inputs)) and all(len(name) == 1 for name in (*op.letters, *op.constants))
    for i, value in enumerate(trace.values):
        yield value.op is None or (value.op, i) in outputs
        yield value.node is None or within[value.node] <= made[i]
    for i, node in enumerate(trace.nodes):
        for edge in node.edges:
            yield edge.node is None or (edge.node < i and (node.op is None or within[edge.node] <= node.op))
            yield edge.value is None or node.op is None or made[edge.value] < node.op


def _has_shapes(trace: Trace, run: BackwardPass, slots: dict[tuple[int, int], tuple[int, ...]]) -> Iterator[bool]:
    """Tell of each gradient in a backward pass whether it has the shape of what it belongs to."""
    for value, got in run.gradients.items():  # of a batch of them, each has that shape
        shape = trace.values[value].shape
        yield _is_gradient(got, (*got.shape[: len(got.shape) - len(shape)], *shape))
    for hook in run.hooks:
        yield all(_is_gradient(held, trace.values[hook.value].shape) for held in (hook.before, hook.after))
    for visit in run.visits:
        node, came = trace.nodes[visit.node], [one for one in visit.upstream if one is not None]
        yield len(came) > 0 and len(visit.flows) == len(node.edges)
        for slot, one in enumerate(visit.upstream):
            yield one is None or _is_gradient(one, slots.get((visit.node, slot), one.shape))
        for edge, flow in zip(node.edges, visit.flows, strict=False):
            went, local = flow.contribution, flow.local
            if went is not None:
                yield _is_gradient(went, went.shape if edge.value is None else trace.values[edge.value].shape)
            if local is not None:
                yield went is not None and len(came) == 1 and _is_local(local, flow.kind, came[0], went)


def _is_gradient(held: Snapshot, shape: tuple[int, ...]) -> bool:
    return held.shape == shape and ("float" in held.dtype or "complex" in held.dtype)


def _is_local(local: Snapshot, kind: str | None, came: Snapshot, went: Snapshot) -> bool:
    shapes = {"elementwise": came.shape, "gradient": went.shape, "jacobian": (came.size, went.size)}
    return kind is not None and _is_gradient(local, shapes[kind])

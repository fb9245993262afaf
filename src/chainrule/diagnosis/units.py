"""Look at the units of layers in the last backward pass: which are equal or silent, and whether gradients fade."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.diagnosis.causes import say
from chainrule.diagnosis.evidence import call, name
from chainrule.diagnosis.locate import Search
from chainrule.diagnosis.steps import Told
from chainrule.diagnosis.thresholds import FADED, MANY, SAME, SILENT
from chainrule.trace import Array, Op

_LAYERS = {"linear": 0, "matmul": 1, "addmm": 1}
"""The axis of the weights along which an op has its units."""


def units(search: Search) -> Iterator[Told]:
    """Yield what is odd about the layers, though no gradient is lost."""
    trace, ops = search.trace, [(i, op) for i, op in enumerate(search.trace.ops) if op.name in (*_LAYERS, "conv2d")]
    asked = [(op, value) for _, op in ops for value in op.inputs[1:2] if op.name in _LAYERS]
    for op, value in {value: (op, value) for op, value in asked if search.missing.is_asked(value)}.values():
        weights, gradient = trace.values[value].data, search.run.gradients.get(value)
        if weights is None or gradient is None or gradient.data is None or weights.ndim != 2 or min(weights.shape) < 2:
            continue
        yield from _odd(search, op, value, np.stack([weights, gradient.data]))
    sizes = [(search.size(search.gradient(op.outputs[0])), i) for i, op in ops if op.outputs[0] in search.reached]
    known = [(size, i) for size, i in sizes if size is not None]
    if len(known) > 3 and 0 < known[0][0] < FADED * max(known)[0] and np.isfinite(max(known)[0]):
        yield say("fades", known[0][1], size=known[0][0], most=max(known)[0], made=call(trace, known[0][1])), []
    for root in search.run.roots:
        if (made := trace.values[root].op) is None:
            continue
        words, given = (trace.ops[made].name, *trace.ops[made].call.values()), trace.ops[made].inputs[:1]
        if "sum" in words and any(trace.values[value].tensor.size >= MANY for value in given):
            yield say("sums", made, root=name(trace, root), made=call(trace, made)), [root]


def _odd(search: Search, op: Op, value: int, both: Array) -> Iterator[Told]:
    """Compare the units of one layer: rows or columns of its weights, and of their gradient."""
    rows = np.moveaxis(both, 1 + _LAYERS[op.name], 0).reshape(both.shape[1 + _LAYERS[op.name]], 2, -1)
    silent, called = int((rows[:, 1] == 0).all(axis=1).sum()), name(search.trace, search.missing.first[value])
    is_equal = (rows[:, 0] == rows[0, 0]).all() and np.allclose(rows[:, 1], rows[0, 1], SAME, 0)
    if is_equal and rows[0, 0].any() and rows[0, 1].any():
        yield say("equal units", value=called, count=len(rows)), [value]
    elif SILENT * len(rows) <= silent < len(rows):
        yield say("silent units", value=called, count=silent, of=len(rows)), [value]

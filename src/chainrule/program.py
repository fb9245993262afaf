"""A recording as plain data for the page: what the live graph computes with, and where it draws it.

The page holds no layout of its own and no second recording: it gets both layouts, the recorded numbers to check its
own arithmetic against, and the ops in the order in which they ran, forward and backward.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule import listing, mathml
from chainrule.layout import Layout, Point, local_text
from chainrule.rules import canonical, loose, written
from chainrule.text import numbers
from chainrule.trace import Snapshot, Term, Trace

Plain = dict[str, Any]


def program(trace: Trace, backward: int | None, wide: Layout, narrow: Layout) -> Plain:
    """Write down one backward pass, or the whole forward pass with `backward=None`, for the page to replay."""
    ops = trace.ops_of(backward)
    run = None if backward is None else trace.backward(backward)
    shown = dict.fromkeys(value for number in ops for value in (*trace.ops[number].inputs, *trace.ops[number].outputs))
    shown |= dict.fromkeys(run.roots if run else ())
    made = {value for number in ops for value in trace.ops[number].outputs}
    place = {value: i for i, value in enumerate(shown)}
    turn = {number: i for i, number in enumerate(ops)}
    called = listing.names(trace, list(shown))
    code = listing.lines(trace, ops, called)
    terms = () if backward is None else trace.terms(backward)
    return {
        "values": [_value(trace, value, backward, value in made) for value in shown],
        "ops": [_op(trace, number, place) for number in ops],
        "edges": [_edge(trace, edge, place, turn) for edge in _edges(trace, ops, terms)],
        "back": list(dict.fromkeys(turn[term.op] for term in terms if term.op in turn)),
        "roots": []
        if run is None or backward is None
        else [[place[root], *_parts(trace.start(root, backward))] for root in run.roots],
        "code": None if code is None else "\n".join(code),
        "called": [called[value] for value in shown],
        "wide": _layout(wide, place),
        "narrow": _layout(narrow, place),
    }


def _value(trace: Trace, value: int, backward: int | None, made: bool) -> Plain:
    held = trace.values[value]
    gradient = None if backward is None else trace.gradient(value, backward)
    plain: Plain = {
        "n": held.name,
        "m": mathml.name(held.name),
        "s": list(held.shape),
        "t": held.dtype,
        "d": _data(held.tensor),
    }
    if plain["d"] is None:
        plain["as"] = numbers(held.tensor)
    if not made:
        plain["leaf"] = 1
    if held.requires_grad:
        plain["w"] = 1
    if gradient is not None:
        plain["g"] = _data(gradient)
        if plain["g"] is None:
            plain["gas"] = numbers(gradient)
    return plain


def _op(trace: Trace, number: int, place: dict[int, int]) -> Plain:
    op = trace.ops[number]
    plain: Plain = {
        "n": canonical(op.name),
        "i": [place[value] for value in op.inputs],
        "o": [place[value] for value in op.outputs],
        "e": op.expression,
        "m": mathml.expression(op.expression, {trace.values[v].name: i for i, v in enumerate(op.inputs)}),
    }
    if canonical(op.name) in ("sum", "mean") and (dims := listing.reduced(trace, op)) is not None:
        plain["dims"] = list(dims)
    if op.letters:
        plain["a"] = "".join(op.letters)
    constants = {letter: _number(number) for letter, number in op.constants.items() if not isinstance(number, complex)}
    if constants:
        plain["c"] = constants
    return plain


def _edges(trace: Trace, ops: Iterable[int], terms: Iterable[Term]) -> list[tuple[int, int, int, Term | None]]:
    """List the edges as the layout does, op by op: (op, position of the input, output, what flowed back)."""
    flowed: dict[tuple[int, int, int], list[Term]] = {}
    for term in terms:
        for output in term.outputs:
            flowed.setdefault((term.op, term.value, output), []).append(term)
    found = []
    for number in ops:
        op = trace.ops[number]
        for position, value in enumerate(op.inputs):
            for output in op.outputs:
                along = flowed.get((number, value, output), [])
                found.append((number, position, output, along.pop(0) if along else None))
    return found


def _edge(trace: Trace, edge: tuple[int, int, int, Term | None], place: dict[int, int], turn: dict[int, int]) -> Plain:
    number, position, output, term = edge
    plain: Plain = {"o": turn[number], "i": position, "r": place[output]}
    if term is not None:
        plain["b"] = turn[number]
        plain["k"] = (term.kind or "")[:1]
        if term.local:
            plain["l"] = local_text(term.local)
        if words := written(trace, term):
            operands = trace.ops[number].inputs
            plain["m"] = mathml.expression(words, {trace.values[v].name: place[v] for v in (*operands, output)})
            if loose(words):
                plain["p"] = 1
        if term.contribution is not None and (data := _data(term.contribution)) is not None:
            plain["q"] = data
    return plain


def _layout(drawn: Layout, place: dict[int, int]) -> Plain:
    return {
        "w": round(drawn.width),
        "h": round(drawn.height),
        "b": [
            [place[b.value], round(b.x - b.width / 2), round(b.y - b.height / 2), round(b.width), round(b.height)]
            for b in drawn.boxes
        ],
        "a": [
            [path(a.forward), path(a.backward) if a.backward else "", round(a.label[0]), round(a.label[1])]
            for a in drawn.arrows
        ],
    }


def path(points: tuple[Point, ...]) -> str:
    """Write a curve as SVG does: a start, then three points a segment."""
    start, *rest = (f"{x:.0f} {y:.0f}" for x, y in points)
    return f"M{start}C{' '.join(rest)}"


def _parts(tensor: Snapshot | None) -> list[Any]:
    return [None if tensor is None else _data(tensor)]


def _data(tensor: Snapshot) -> list[Any] | None:
    """List the numbers, each with as many digits as its dtype needs, if they were kept and are real."""
    if tensor.data is None or np.iscomplexobj(tensor.data):
        return None
    return [_number(x) for x in tensor.data.reshape(-1)]


def _number(x: Any) -> Any:
    """Write a number for JSON; what is not finite becomes a string."""
    if isinstance(x, (bool, np.bool_)):
        return int(x)
    if isinstance(x, (int, np.integer)):
        return int(x)
    if not math.isfinite(x):
        return "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"
    short = float(str(x)) if isinstance(x, np.floating) else float(x)
    return int(short) if short.is_integer() and abs(short) < 1e15 and str(short) != "-0.0" else short

"""A recording as plain data for the page: what the live graph computes with, and where it draws it.

The page holds no layout of its own and no second recording: it gets both layouts, the recorded numbers to check its
own arithmetic against, and the ops in the order in which they ran, forward and backward.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from chainrule.calculus import mathml
from chainrule.calculus.notation import SHOWN, numbers
from chainrule.calculus.rules import canonical, loose, written
from chainrule.live import pytorch_code
from chainrule.trace import Snapshot
from chainrule.views.folding import Folded, FoldedEdge, FoldedView
from chainrule.views.layout import Layout, Point, local_text

Plain = dict[str, Any]


Drawn: TypeAlias = "tuple[FoldedView, Layout, Layout]"
"""One view, placed for wide and for narrow pages."""

COMPUTED = 2000
"""Ops of a folded recording that the page gets to compute with; more would not fit."""

LONG = 80
"""Letters of a name or an expression, where data must be lean."""


class Program:
    """Write down one backward pass, or the whole forward pass with `backward=None`, for the page to replay."""

    def __init__(self, folded: Folded, lean: bool) -> None:
        """Hold what is written, and whether large tensors are left out, so that it stays small whatever there is."""
        self.trace, self.backward, self.lean, self.folds = folded.trace, folded.backward, lean, folded
        self.ops = self.trace.ops_of(self.backward)
        self.folded = bool(folded.root.parts) and folded.root.parts != self.ops
        computable = not lean and len(self.ops) <= COMPUTED
        self.whole = folded.view() if not self.folded else folded.whole if computable else None
        steps = self.whole.steps if self.whole else ()
        self.called = pytorch_code.names(self.trace, self.whole.values) if self.whole else {}
        self.code = pytorch_code.lines(self.trace, self.ops, self.called) if self.whole else None
        self.runs = not self.folded or self.code is not None
        """Whether the page gets what it needs to compute all of it."""
        self.flows = {}
        if self.whole and self.runs:
            into: dict[int, list[FoldedEdge]] = {}
            for edge in self.whole.edges:
                into.setdefault(edge.step, []).append(edge)
            flowing = [e for i in self.whole.back for e in into.get(i, ()) if e.term]
            self.flows = {(steps[e.step].ops[0], e.position, e.target): (e.step, e.position) for e in flowing}

    def write(self, views: Sequence[Drawn], inside: Mapping[tuple[int, int], int]) -> Plain:
        """Write views; `inside` says which view a step of a view opens."""
        trace, backward = self.trace, self.backward
        run = None if backward is None else trace.backward(backward)
        shown = dict.fromkeys(self.whole.values if self.whole and self.runs else ())
        drawn = {v for view, _, _ in views for v in view.values}
        shown |= dict.fromkeys(v for view, _, _ in views for v in view.values)
        shown |= dict.fromkeys(run.roots if run else ())
        place = {value: i for i, value in enumerate(shown)}
        made = {value for number in self.ops for value in trace.ops[number].outputs}
        plain: Plain = {
            "values": [self._value(value, value in made, value in drawn) for value in shown],
            "flows": list(self.flows.values()),
            "roots": []
            if run is None or backward is None
            else [[place[root], *self._parts(trace.start(root, backward))] for root in run.roots],
            "code": None if self.code is None or not self.runs else "\n".join(self.code),
            "called": {
                place[v]: called for v, called in self.called.items() if self.runs and called != trace.values[v].name
            },
            "views": [self._view(i, view, place, inside) for i, view in enumerate(views)],
        }
        if self.folded:
            plain["run"] = [self._op(number, place, bare=True) for number in self.ops] if self.runs else []
        return plain

    def letters(self) -> int:
        """Count the letters that the numbers of what is surely written take at least: a digit and a comma each."""
        shown = self.whole.values if self.whole and self.runs else self.folds.view().values
        held = [self.trace.values[value].tensor for value in shown]
        if self.backward is not None:
            held += [g for v in shown if (g := self.trace.gradient(v, self.backward)) is not None]
        return 2 * sum(tensor.size for tensor in held if self._is_written(tensor))

    def size(self, drawn: Drawn) -> int:
        """Count the letters that one more view takes, without what its values take."""
        place = {value: i for i, value in enumerate(drawn[0].values)}
        return len(json.dumps(self._view(0, drawn, place, {}), ensure_ascii=False))

    def _view(self, at: int, drawn: Drawn, place: dict[int, int], inside: Mapping[tuple[int, int], int]) -> Plain:
        view, wide, narrow = drawn
        ops = []
        for i, step in enumerate(view.steps):
            if step.group is None:
                plain = self._op(step.ops[0], place)
            else:
                words = f"{step.group.name}, {len(step.ops)} ops"
                plain = {"n": "", "e": words, "m": f"<mtext>{html.escape(words)}</mtext>"}
                if (at, i) in inside:
                    plain["v"] = inside[at, i]
            ops.append({**plain, "i": [place[v] for v in step.inputs], "o": [place[v] for v in step.outputs]})
        return {
            "ops": ops,
            "edges": [self._edge(view, edge, place) for edge in view.edges],
            "back": list(view.back),
            "wide": _layout(wide, place),
            "narrow": _layout(narrow, place),
        }

    def _value(self, value: int, made: bool, drawn: bool) -> Plain:
        held = self.trace.values[value]
        gradient = None if self.backward is None else self.trace.gradient(value, self.backward)
        name = self._short(held.name)
        plain: Plain = {"n": name, "s": list(held.shape), "t": held.dtype, "d": self._data(held.tensor)}
        if drawn:
            plain["m"] = mathml.name(name)
        if plain["d"] is None:
            plain["as"] = numbers(held.tensor)
        if not made:
            plain["leaf"] = 1
        if held.requires_grad:
            plain["w"] = 1
        if gradient is not None:
            plain["g"] = self._data(gradient)
            if plain["g"] is None:
                plain["gas"] = numbers(gradient)
        return plain

    def _op(self, number: int, place: dict[int, int], bare: bool = False) -> Plain:
        op = self.trace.ops[number]
        plain: Plain = {"n": canonical(op.name), "i": [], "o": []}
        if bare:
            plain |= {"i": [place[value] for value in op.inputs], "o": [place[value] for value in op.outputs]}
        else:
            plain["e"] = self._short(op.expression)
            plain["m"] = self._maths(op.expression, {self.trace.values[v].name: i for i, v in enumerate(op.inputs)})
        if canonical(op.name) in ("sum", "mean") and (dims := pytorch_code.reduced(self.trace, op)) is not None:
            plain["dims"] = list(dims)
        if op.letters:
            plain["a"] = "".join(op.letters)
        constants = {a: _number(n) for a, n in op.constants.items() if not isinstance(n, complex)}
        if constants:
            plain["c"] = constants
        return plain

    def _edge(self, view: FoldedView, edge: FoldedEdge, place: dict[int, int]) -> Plain:
        step, term = view.steps[edge.step], edge.term
        plain: Plain = {"o": edge.step, "i": edge.position, "r": place[edge.target]}
        if edge.carries_gradient:
            plain["b"] = 1
        if term is not None:
            key = step.ops[0], edge.position, edge.target
            if key in self.flows:
                plain["f"] = self._place_of[key]
            plain["k"] = (term.kind or "")[:1]
            if term.local:
                plain["l"] = local_text(term.local)
            if words := written(self.trace, term):
                values = (*self.trace.ops[step.ops[0]].inputs, edge.target)
                plain["m"] = self._maths(words, {self.trace.values[v].name: place[v] for v in values if v in place})
                if loose(words):
                    plain["p"] = 1
            if term.contribution is not None and (data := self._data(term.contribution)) is not None:
                plain["q"] = data
        return plain

    @cached_property
    def _place_of(self) -> dict[tuple[int, int, int], int]:
        return {key: i for i, key in enumerate(self.flows)}

    def _short(self, text: str) -> str:
        return text if not self.lean or len(text) <= LONG else f"{text[: LONG - 1]}…"

    def _maths(self, text: str, places: Mapping[str, int]) -> str:
        if self.lean and len(text) > LONG:
            return f"<mtext>{html.escape(self._short(text))}</mtext>".replace("{", "&#123;")
        return mathml.expression(text, places)

    def _parts(self, tensor: Snapshot | None) -> list[Any]:
        return [None if tensor is None else self._data(tensor)]

    def _data(self, tensor: Snapshot) -> list[Any] | None:
        """List the numbers, each with as many digits as its dtype needs, if they were kept and are real."""
        if tensor.data is None or not self._is_written(tensor):
            return None
        return [_number(x) for x in tensor.data.reshape(-1)]

    def _is_written(self, tensor: Snapshot) -> bool:
        return tensor.data is not None and not np.iscomplexobj(tensor.data) and not (self.lean and tensor.size > SHOWN)


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

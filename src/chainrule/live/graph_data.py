"""A recording as plain data for the page: what the live graph computes with, and where it draws it.

The page holds no layout of its own and no second recording: it gets both layouts, the recorded numbers to check its
own arithmetic against, and the ops in the order in which they ran, forward and backward.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

import numpy as np

from chainrule.calculus.expression import Name, formula
from chainrule.calculus.maths import MathML, mathml
from chainrule.calculus.notation import SHOWN, brief, numbers, shape
from chainrule.calculus.rules import canonical, recorded_local_gradient
from chainrule.live import pytorch_code
from chainrule.live.limits import CELLS, COMPUTED, LONG
from chainrule.trace import Argument, Op, Snapshot
from chainrule.views.folding import Folded, FoldedEdge, FoldedStep, FoldedView, outcome
from chainrule.views.layout import Layout, Point, local_text

Plain = dict[str, Any]
Places = Mapping[int, int]
"""Where each value stands among those that are written."""


class PlacedView(NamedTuple):
    """Hold one view, and where it stands on wide and on narrow pages."""

    view: FoldedView
    wide: Layout
    narrow: Layout


class GraphData:
    """One backward pass, or the whole forward pass with `backward=None`, as data that a page can replay."""

    def __init__(self, folded: Folded, lean: bool) -> None:
        """Hold what is written, and whether large tensors are left out, so that it stays small whatever there is."""
        self.folded, self.trace, self.backward, self.lean = folded, folded.trace, folded.backward, lean
        self.made = {value for number in folded.ops for value in self.trace.ops[number].outputs}
        self.whole: FoldedView | None = None
        """All that the page computes with; `None` where it cannot, so that the recorded numbers are only shown."""
        self.called: dict[int, str] = {}
        self.code: list[str] | None = None
        failed = folded.backward is None and folded.trace.failed is not None
        if not failed and (not folded.is_folded or (not lean and len(folded.ops) <= COMPUTED)):
            whole = folded.whole if folded.is_folded else folded.view()
            called = pytorch_code.names(self.trace, whole.values)
            self.code = pytorch_code.lines(self.trace, folded.ops, called)
            if self.code is not None or not folded.is_folded:
                self.whole, self.called = whole, called
        self.flows = self._flows()
        self.flow_of = {key: i for i, key in enumerate(self.flows)}

    def _flows(self) -> dict[tuple[int, int, int], tuple[int, ...]]:
        """Map each gradient step (op, position, target) to its step and position in the whole, in autograd's order.

        Where an op has several results, the target's place among them follows.
        """
        if self.whole is None:
            return {}
        turn = {step: i for i, step in enumerate(self.whole.back)}
        edges = sorted((e for e in self.whole.edges if e.term), key=lambda e: turn[e.step])
        flows: dict[tuple[int, int, int], tuple[int, ...]] = {}
        for e in edges:
            step = self.whole.steps[e.step]
            place = step.outputs.index(e.target)
            flows[step.ops[0], e.position, e.target] = (e.step, e.position, place)[: 3 if place else 2]
        return flows

    def write(self, views: Sequence[PlacedView], inside: Mapping[tuple[int, int], int]) -> Plain:
        """Return the data of views; `inside` says which view a step of a view opens."""
        roots = () if self.backward is None else self.trace.backward(self.backward).roots
        drawn = {v: None for placed in views for v in placed.view.values}
        shown = dict.fromkeys(self.whole.values if self.whole else ()) | drawn | dict.fromkeys(roots)
        place = {value: i for i, value in enumerate(shown)}
        called = {place[v]: name for v, name in self.called.items() if name != self.trace.values[v].name}
        plain: Plain = {
            "values": [self._value(value, value in drawn) for value in shown],
            "flows": list(self.flows.values()),
            "roots": [[place[root], self._start(root)] for root in roots],
            "code": None if self.code is None else "\n".join(self.code),
            "called": called,
            "views": [self._view(i, placed, place, inside) for i, placed in enumerate(views)],
        }
        if self.backward is None and (failed := self.trace.failed):
            where = f", in {failed.op.file}, line {failed.op.line}" if failed.op.file else ""
            said = brief(f"{failed.op.expression} raised {failed.error}{where}")
            plain["failed"] = [place[len(self.trace.values) - 1], said]
        if self.folded.is_folded:
            plain["scale"] = _scale([float(value["z"]) for value in plain["values"] if "z" in value])
            ops = [self.trace.ops[n] for n in self.folded.ops if self.whole]
            plain["run"] = [{"n": canonical(op.name), **_ends(op, place), **self._arguments(op)} for op in ops]
        return plain

    def letters(self) -> int:
        """Count the letters that the numbers of what is surely written take at least: a digit and a comma each."""
        shown = (self.whole or self.folded.view()).values
        held = [tensor for v in shown for tensor in (self.trace.values[v].tensor, self._gradient(v)) if tensor]
        return 2 * sum(tensor.size for tensor in held if self._is_written(tensor))

    def size(self, placed: PlacedView, known: Set[int]) -> int:
        """Count the letters that one more view takes, with those of its values that are not known yet."""
        place = {value: i for i, value in enumerate(placed.view.values)}
        values = [self._value(value, True) for value in place if value not in known]
        return len(json.dumps([self._view(0, placed, place, {}), values], ensure_ascii=False))

    def _view(self, at: int, placed: PlacedView, place: Places, inside: Mapping[tuple[int, int], int]) -> Plain:
        view = placed.view
        return {
            "ops": [self._step(step, place, inside.get((at, i))) for i, step in enumerate(view.steps)],
            "edges": [self._edge(view, edge, place) for edge in view.edges],
            "back": list(view.back),
            "wide": _layout(placed.wide, place),
            "narrow": _layout(placed.narrow, place),
        }

    def _step(self, step: FoldedStep, place: Places, opens: int | None) -> Plain:
        ends = _ends(step, place)
        if step.group is None:
            op = self.trace.ops[step.ops[0]]
            names = {self.trace.values[v].name: i for i, v in enumerate(op.inputs)}
            said = self._short(op.expression)
            words = {"e": said, "m": MathML(names).write(formula(said, names))}
            called = {"h": step.module} if step.module else {}
            return {"n": canonical(op.name), **ends, **words, **called, **self._arguments(op)}
        said = self._short(step.module or step.group.title)
        plain = {"n": "", "e": said, "m": mathml.text(said)} | ({"h": said} if step.module else {})
        return plain | ({} if opens is None else {"v": opens}) | ends

    def _arguments(self, op: Op) -> Plain:
        """Return what else the page needs to compute an op: dimensions, and its numbers and inputs by letter."""
        plain: Plain = {}
        if canonical(op.name) in ("sum", "mean") and (dims := pytorch_code.reduced(self.trace, op)) is not None:
            plain["dims"] = list(dims)
        if op.letters:
            plain["a"] = "".join(op.letters)
        if constants := {a: _number(n) for a, n in op.constants.items() if not isinstance(n, complex)}:
            plain["c"] = constants
        if given := {name: _argument(one) for name, one in op.arguments.items() if one is not None and name[0] != "_"}:
            plain["g"] = given
        if canonical(op.name) == "dropout" and (mask := pytorch_code.kept(self.trace, op)) is not None:
            plain["g"] = given | {"mask": [_number(share) for share in mask.reshape(-1)]}
        return plain

    def _value(self, value: int, drawn: bool) -> Plain:
        held, gradient = self.trace.values[value], self._gradient(value)
        name = self._short(held.name)
        plain: Plain = {"n": name, "s": list(held.shape), "t": held.dtype, "d": self._data(held.tensor)}
        if drawn:
            plain["m"] = mathml.name(name)
        if plain["d"] is None:
            plain["as"] = outcome(self.trace, value)
        if value not in self.made:
            plain["leaf"] = 1
        if held.requires_grad:
            plain["w"] = 1
        if gradient is not None:
            plain["g"] = self._data(gradient)
            if plain["g"] is None:
                plain["gas"] = numbers(gradient)
            if self.folded.is_folded and (size := _size(gradient)) is not None:
                plain["z"] = _number(float(f"{size:.3g}"))
        return plain

    def _edge(self, view: FoldedView, edge: FoldedEdge, place: Places) -> Plain:
        plain: Plain = {"o": edge.step, "i": edge.position, "r": place[edge.target]}
        if edge.carries_gradient:
            plain["b"] = 1
        if (term := edge.term) is None:
            return plain
        (number,) = view.steps[edge.step].ops
        if (key := (number, edge.position, edge.target)) in self.flows:
            plain["f"] = self.flow_of[key]
        plain["k"] = (term.kind or "")[:1]
        if term.local:
            plain["l"] = local_text(term.local) or shape(term.local.shape)
        if words := recorded_local_gradient(self.trace, term):
            values = (*self.trace.ops[number].inputs, edge.target)
            names = {self.trace.values[v].name: place[v] for v in values if v in place}
            lean = self._short(str(words))
            plain["m"] = MathML(names).write(words if lean == str(words) else Name(lean))
            if mathml.is_loose(words):
                plain["p"] = 1
        if (data := self._data(term.contribution)) is not None:
            plain["q"] = data
        return plain

    def _short(self, text: str) -> str:
        return text if not self.lean or len(text) <= LONG else f"{text[: LONG - 1]}…"

    def _gradient(self, value: int) -> Snapshot | None:
        return None if self.backward is None else self.trace.gradient(value, self.backward)

    def _start(self, root: int) -> list[Any] | None:
        return None if self.backward is None else self._data(self.trace.start(root, self.backward))

    def _data(self, tensor: Snapshot | None) -> list[Any] | None:
        """List the numbers, each with as many digits as its dtype needs, if they were kept and are real."""
        if tensor is None or tensor.data is None or not self._is_written(tensor):
            return None
        return [_number(x) for x in tensor.data.reshape(-1)]

    def _is_written(self, tensor: Snapshot) -> bool:
        return tensor.data is not None and not np.iscomplexobj(tensor.data) and tensor.size <= self.most

    @property
    def most(self) -> float:
        """How many numbers of a tensor are written: what a page cannot compute with is only looked at, as cells."""
        return SHOWN if self.lean else CELLS if self.whole is None else math.inf


def _ends(step: FoldedStep | Op, place: Places) -> Plain:
    return {"i": [place[v] for v in step.inputs], "o": [place[v] for v in step.outputs]}


def _layout(drawn: Layout, place: Places) -> Plain:
    return {
        "w": round(drawn.width),
        "h": round(drawn.height),
        "b": [
            [
                place[b.value],
                *map(round, (b.x - b.width / 2, b.y - b.height / 2, b.width, b.height)),
                *([[place[weight], text] for weight, text in b.weights],) * bool(b.weights or b.cells),
                *(1,) * b.cells,
            ]
            for b in drawn.boxes
        ],
        "a": [[path(a.forward), path(a.backward), *map(round, a.label)] for a in drawn.arrows],
    }


def _size(tensor: Snapshot) -> float | None:
    """Return the size of a tensor's entries: their root mean square."""
    if tensor.data is not None and tensor.size:
        return float(np.linalg.norm(tensor.data)) / math.sqrt(tensor.size)
    return tensor.statistics["norm"] / math.sqrt(tensor.size) if tensor.statistics else None


def _scale(sizes: Sequence[float]) -> list[int]:
    """Return the powers of ten between which sizes lie: three apart at least, so that what differs little looks so."""
    ends = [math.log10(size) for size in sizes if 0 < size < math.inf] or [0.0]
    high = math.ceil(max(ends))
    return [min(math.floor(min(ends)), high - 3), high]


def path(points: tuple[Point, ...]) -> str:
    """Write a curve as SVG does: a start, then three points a segment; nothing where there is none."""
    if not points:
        return ""
    start, *rest = (f"{x:.0f} {y:.0f}" for x, y in points)
    return f"M{start}C{' '.join(rest)}"


def _argument(given: Argument) -> Any:
    if isinstance(given, tuple):
        return [_argument(one) for one in given]
    return given if given is None or isinstance(given, (str, bool, complex)) else _number(given)


def _number(x: Any) -> Any:
    """Write a number for JSON; what is not finite becomes a string."""
    if isinstance(x, (int, np.bool_, np.integer)):
        return int(x)
    if not math.isfinite(x):
        return "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"
    short = float(str(x)) if isinstance(x, np.floating) else float(x)
    return int(short) if short.is_integer() and abs(short) < 1e15 and str(short) != "-0.0" else short

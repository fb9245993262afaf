"""Find the slip that a wrong gradient looks like: for `rec.check`, `check_gradient` and the exercises of the site.

The words are in slips.json. The graph in a page has the same finder in JavaScript (`live/js/panels/slips.js`), with the
same words; one table of cases in the tests holds them all.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from chainrule.calculus.notation import derivative
from chainrule.trace import Array, Term, Trace

Slip: TypeAlias = tuple[str, Mapping[str, object]]
"""A kind of slip, a key of `WORDS`, and what its sentence is filled with."""

WORDS: Mapping[str, str] = json.loads(Path(__file__).with_name("slips.json").read_text("utf-8"))
"""The sentence of each kind of slip."""

BY_SIZE: Mapping[str, Callable[[Any], Any]] = {
    "sign": lambda right: -right,
    "half": lambda right: right / 2,
    "twice": lambda right: right * 2,
    "inverse": lambda right: 1 / right,
}
"""The slips that show in the numbers alone: what each makes of the right answer, a number or an array."""

AVERAGES = dict.fromkeys(("mean", "mse_loss", "cross_entropy", "nll_loss"), "sum") | {
    "sum": "mean",
    "var": "",
    "std": "",
}
"""Ops that average or add up, and what an answer looks like that does the other."""
NORMALISATIONS = ("batch_norm", "layer_norm", "group_norm", "instance_norm")

# Thresholds.
CLOSE = 1e-4  # answers worked out by hand count as right when they are this close, relative to the largest entry
MOST_PARTS = 8  # any of so many contributions may have been left out (256 sums); of more, only one alone or all but one
MOST_PATHS, LONGEST_PATH = 32, 50
"""A factor is looked for along so many paths, each of so many factors: the work is their product, twice."""


def said(slips: Iterator[Slip]) -> str:
    """Return the sentence of the first slip, or that none fits."""
    with np.errstate(all="ignore"):
        kind, details = next(slips, ("none", {}))
    return WORDS[kind].format(**details)


def same(given: Array, wanted: Array, close: float = CLOSE) -> bool:
    """Compare relative to the largest entry; what is not finite has to be equal."""
    if given.shape != wanted.shape:
        return False
    scale = float(np.max(np.abs(wanted), initial=0.0, where=np.isfinite(wanted))) or 1e-8
    return np.allclose(given, wanted, rtol=0, atol=close * scale, equal_nan=True)


def fitting(given: Array, wanted: Array, on_the_way: Iterable[Slip] = ()) -> Iterator[Slip]:
    """Yield the slips that make `given` of `wanted`, the likeliest first.

    `on_the_way` are those found along recorded steps (`Way.slips`). They say where it happened, so they come before
    those that show in the numbers alone; a wrong sign comes before both.
    """
    if given.ndim == 2 and same(given.T, wanted):
        yield "transposed", {}
    if given.shape != wanted.shape:
        yield from (slip for slip in on_the_way if slip[0] == "axis")
        yield "shape", {"given": given.shape, "wanted": wanted.shape}
        return
    wide = wanted.astype(np.result_type(wanted, np.float64))
    sizes = [kind for kind, slip in BY_SIZE.items() if same(given, slip(wide))]
    if "sign" in sizes:
        yield "sign", {}
    yield from on_the_way
    yield from ((kind, {}) for kind in sizes)


@dataclass(eq=False)
class Way:
    """The way that a value's gradient took through a recorded backward pass, and an answer that is to be explained."""

    trace: Trace
    backward: int
    value: int
    name: str
    given: Array
    wanted: Array

    def slips(self) -> Iterator[Slip]:
        """Yield the slips somewhere on the way that lead to exactly this answer, the likeliest first."""
        yield from self._axes()
        if self.given.shape != self.wanted.shape:
            return
        yield from self._reductions()
        yield from self._parts()
        yield from self._normalised()
        yield from self._local_gradients()
        for path in itertools.islice(self._paths(), MOST_PATHS):
            yield from self._along(path)

    def _into(self, value: int) -> Sequence[Term]:
        return self.trace.terms_into(value, self.backward)

    @cached_property
    def _lengths(self) -> Mapping[int, int]:
        """Count the steps of the shortest path to each value from what was differentiated."""
        found = dict.fromkeys(self.trace.backward(self.backward).roots, 0)
        for term in self.trace.terms(self.backward):
            ways = (found.get(output, LONGEST_PATH) + 1 for output in term.outputs)
            found[term.value] = min(found.get(term.value, LONGEST_PATH), *ways)
        return found

    def _axes(self) -> Iterator[Slip]:
        """Yield a sum over other axes than those along which the value was repeated."""
        for term in self._into(self.value):
            arriving = self.trace.gradient(term.output, self.backward)
            if term.kind != "elementwise" or term.local is None or arriving is None or arriving.data is None:
                continue
            whole = arriving.data * (np.nan if term.local.data is None else term.local.data)
            for axes in itertools.combinations(range(whole.ndim), max(1, whole.ndim - self.wanted.ndim)):
                other = np.asarray(whole.sum(axes))
                if other.size == self.given.size > 1 and same(self.given.reshape(other.shape), other):
                    yield "axis", {"name": self.name}

    def _averaged(self, term: Term) -> int:
        """Count the entries that an op averages, or what it divides by; 1 if it does neither."""
        op, before = self.trace.ops[term.op], self.trace.values[term.value].tensor
        if op.name == "div" and isinstance(by := op.constants.get("b"), int | float):
            return int(by) if by == by // 1 else 1
        classes = before.shape[1] if op.name in ("cross_entropy", "nll_loss") and len(before.shape) > 1 else 1
        size = before.size // max(1, self.trace.values[term.output].tensor.size * classes)
        return size if op.name in AVERAGES else 1

    def _reductions(self) -> Iterator[Slip]:
        """Yield a sum taken for a mean, or a mean for a sum; an n for an n - 1; attention's scale left out."""
        for term in self.trace.terms(self.backward):
            n, op, shape = self._averaged(term), self.trace.ops[term.op].name, self.trace.values[term.value].shape
            kind = AVERAGES.get(op)
            if n > 1 and kind and same(self.given / n if kind == "sum" else self.given * n, self.wanted):
                yield kind, {"n": n}
            if op == "scaled_dot_product_attention" and same(self.given / shape[-1] ** 0.5, self.wanted):
                yield "scale", {"n": shape[-1]}
            yield from (("one_less", {"n": m}) for m, ratio in _one_less(n) if same(self.given, self.wanted * ratio))

    def _normalised(self) -> Iterator[Slip]:
        """Yield the mean's path of a normalisation in one piece: without it, what is averaged is off by one number."""
        lacking = self.given - self.wanted
        averaged = [(*range(2, lacking.ndim), 0), *(tuple(range(k, lacking.ndim)) for k in range(1, lacking.ndim))]
        for term in self._into(self.value) if lacking.ndim > 1 else ():
            means = (np.broadcast_to(lacking.mean(axes, keepdims=True), lacking.shape) for axes in averaged)
            if self.trace.ops[term.op].name in NORMALISATIONS and any(same(lacking, mean) for mean in means):
                yield "through_mean", {"name": self.name}

    def _parts(self) -> Iterator[Slip]:
        """Yield contributions left out."""
        flows = [(self.trace.ops[term.op].name, term.contribution) for term in self._into(self.value)]
        uses = [(op, flow.data) for op, flow in flows if flow is not None and flow.data is not None]
        parts, means = [part for _, part in uses], [part for op, part in uses if op == "mean"]
        sizes = range(1, len(parts)) if len(parts) <= MOST_PARTS else ()
        some = (np.sum(chosen, axis=0) for size in sizes for chosen in itertools.combinations(parts, size))
        whole = np.sum(parts, axis=0, dtype=np.result_type(self.wanted, np.float64))
        for left in some if sizes else itertools.chain(parts, (whole - part for part in parts)):
            if same(self.given, left):
                lost = any(same(self.given + mean, self.wanted) for mean in means)
                yield "through_mean" if lost else "path", {"name": self.name}

    def _local_gradients(self) -> Iterator[Slip]:
        """Yield the upstream gradient left out, at one use of the value or at all of them."""
        uses = self._into(self.value)
        alone = [self._carry(term, np.broadcast_to(1.0, self.trace.values[term.output].shape)) for term in uses]
        if any(same(self.given, local) for local in (*alone, sum(alone, np.zeros(self.wanted.shape)))):
            yield "upstream", {}

    def _along(self, path: list[Term]) -> Iterator[Slip]:
        """Yield a path left out, or a factor on it left out or taken twice."""
        values = self.trace.values
        start = self.trace.start(path[0].output, self.backward) if path else None
        if start is None or start.data is None:
            return
        arriving = [start.data]
        for term in path:
            arriving.append(self._carry(term, arriving[-1]))
        rest = self.wanted - arriving[-1]
        forks = [term for term in path if len(self._into(term.value)) > 1]
        if forks and same(self.given, rest):
            mean = next((term for term in forks if self.trace.ops[term.op].name == "mean"), None)
            yield "through_mean" if mean else "path", {"name": values[(mean or forks[0]).value].name}
        for i, term in enumerate(path):
            skipped, squared = _fit(arriving[i], values[term.value].shape), self._carry(term, arriving[i], times=2)
            words = {"factor": derivative(values[term.output].name, values[term.value].name)}
            changed: list[tuple[str, Array, Mapping[str, object]]] = [("factor", skipped, words)]
            changed.append(("doubled", squared, words))
            changed.extend(("one_less", arriving[i + 1] * r, {"n": n}) for n, r in _one_less(self._averaged(term)))
            for kind, passed, fill in changed:
                for later in path[i + 1 :]:
                    passed = self._carry(later, passed)
                if same(self.given, rest + passed):
                    yield kind, fill

    def _paths(self) -> Iterator[list[Term]]:
        """Yield the paths from what was differentiated to the value that are no longer than is looked at."""
        roots = self.trace.backward(self.backward).roots
        pending: list[tuple[int, list[Term]]] = [(self.value, [])]
        while pending:
            at, path = pending.pop()
            if at in roots:
                yield path
            for term in self._into(at) if len(path) < LONGEST_PATH else ():
                near = (v for v in term.outputs if len(path) + self._lengths.get(v, LONGEST_PATH) < LONGEST_PATH)
                pending.extend((output, [term, *path]) for output in near)

    def _carry(self, term: Term, upstream: Array, times: int = 1) -> Array:
        """Carry a gradient through one op; where that cannot be known it is a single NaN, however large."""
        before, after = self.trace.values[term.value].shape, self.trace.values[term.output].shape
        local = None if term.local is None or term.local.data is None else term.local.data
        if local is None or np.iscomplexobj(local) or (times > 1 and term.kind == "jacobian"):
            return np.asarray(np.nan)
        local = local.astype(np.float64)
        if term.kind == "jacobian":
            return np.asarray(_fit(upstream, after).reshape(-1) @ local).reshape(before)
        return _fit(upstream * local**times, before)


def _one_less(n: int) -> Iterator[tuple[int, float]]:
    """Yield each n, and by how much an answer is off, where n and n - 1 are taken for each other."""
    if n > 2:  # else it is a factor of 2, which has likelier reasons
        yield from ((n, n / (n - 1)), (n, (n - 1) / n), (n + 1, n / (n + 1)))


def _fit(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum over what was broadcast, or spread over what was summed."""
    if gradient.shape == shape:
        return gradient
    if gradient.size == 1:
        return np.broadcast_to(gradient.reshape(()), shape)
    if gradient.ndim < len(shape):
        return np.broadcast_to(np.nan, shape)
    summed = np.asarray(gradient.sum(axis=tuple(range(gradient.ndim - len(shape)))))
    summed = np.asarray(summed.sum(axis=tuple(i for i, size in enumerate(shape) if size == 1), keepdims=True))
    return summed if summed.shape == shape else np.broadcast_to(np.nan, shape)

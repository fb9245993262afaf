"""What was recorded of values and ops, summed up for a proof and named as in a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from chainrule.calculus.notation import number
from chainrule.calculus.rules import canonical
from chainrule.diagnosis.thresholds import LONGEST, NAMED
from chainrule.trace import Event, Op, Snapshot, Trace, Update


@final
@dataclass(frozen=True)
class Span:
    """Hold what is known of a tensor's numbers, whether they were kept or summed up, and the tensor's name."""

    name: str
    size: int
    dtype: str = ""
    low: float = math.nan
    high: float = math.nan
    zeros: int = 0
    nans: int = 0
    infinite: int = 0

    @property
    def largest(self) -> float:
        """Return the largest size of an entry."""
        return max(abs(self.low), abs(self.high))

    @property
    def reach(self) -> str:
        """Say where the numbers run."""
        return number(self.low) if self.low == self.high else f"from {number(self.low)} to {number(self.high)}"

    @property
    def is_zero(self) -> bool:
        """Tell whether every entry is 0."""
        return self.zeros == self.size

    @property
    def are_zero(self) -> str:
        """Say how many are 0."""
        return self.entries("0", self.zeros)

    @property
    def whole(self) -> str:
        """Name all of it."""
        return self.name if self.size == 1 else f"all {self.size:,} entries of {self.name}"

    @property
    def are(self) -> str:
        """Return the verb for all of it."""
        return "is" if self.size == 1 else "are"

    def entries(self, words: str, count: int | None = None) -> str:
        """Say something of all or some entries: `x` is 0; all 4 entries of `x` are 0; 2 of the 4 entries are 0."""
        if self.size == 1 or count is None or count == self.size:
            return f"{self.whole} {self.are} {words}"
        return f"{count:,} of the {self.size:,} entries of {self.name} {'is' if count == 1 else 'are'} {words}"


def span(tensor: Snapshot | None, name: str = "") -> Span | None:
    """Sum a tensor up; `None` if nothing was kept, it is empty, or its numbers have no order."""
    if tensor is None or not tensor.size:
        return None
    if (data := tensor.data) is None:
        held = tensor.statistics or {}
        if not {"min", "max", "zeros", "nans", "infinite"} <= set(held):
            return None
        low, high = held["min"], held["max"]
        zeros, nans, infinite = (int(held[word]) for word in ("zeros", "nans", "infinite"))
    elif np.iscomplexobj(data):
        return None
    else:
        known = data[~np.isnan(data)]
        low, high = (float(known.min()), float(known.max())) if known.size else (math.nan, math.nan)
        zeros, nans = int(np.count_nonzero(known == 0)), data.size - known.size
        infinite = int(np.isinf(known).sum()) if math.isinf(low) or math.isinf(high) else 0
    return Span(name, tensor.size, tensor.dtype, low, high, zeros, nans, infinite)


def norm(tensor: Snapshot | None) -> float | None:
    """Return the Euclidean norm; 0 only if every entry is 0, not finite if some entry is not; `None` if not known."""
    if tensor is None or tensor.data is None:
        return tensor.statistics.get("norm") if tensor is not None and tensor.statistics else None
    flat = np.abs(tensor.data).reshape(-1).astype(np.float64)
    if 1e-200 < (total := float(np.dot(flat, flat))) < 1e200:
        return math.sqrt(total)
    largest = float(flat.max(initial=0.0))  # squares leave the range of float64
    return largest * float(np.linalg.norm(flat / largest)) if largest and math.isfinite(largest) else largest


def is_bad(tensor: Snapshot | None) -> bool:
    """Tell whether some entry is NaN or infinite."""
    size = norm(tensor)
    return size is not None and not math.isfinite(size)


class UnknownError(Exception):
    """Say that the numbers which would prove something were not kept."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Hold what was recorded of one op: the inputs that are asked about, and what came in and what went out."""

    trace: Trace
    number: int
    targets: tuple[int, ...]
    upstream: Snapshot | None = None
    contribution: Snapshot | None = None

    @property
    def op(self) -> Op:
        """Return the op."""
        return self.trace.ops[self.number]

    @property
    def kind(self) -> str:
        """Return the op's name in the tables."""
        return canonical(self.op.name).removeprefix("special_").removeprefix("linalg_")

    @property
    def others(self) -> tuple[int, ...]:
        """Return the inputs that are not asked about."""
        return tuple(value for value in self.op.inputs if value not in self.targets)

    @cached_property
    def asked(self) -> Span:
        """Return the numbers of the first input that is asked about."""
        return self.one(self.targets)

    @cached_property
    def given(self) -> Span:
        """Return the numbers of the first input."""
        return self.one(self.op.inputs[:1])

    @cached_property
    def out(self) -> Span:
        """Return the numbers of the result."""
        return self.one(self.op.outputs)

    def one(self, values: Sequence[int], test: Callable[[Span], object] = bool) -> Span:
        """Return the numbers of the first of some values that passes a test; `UnknownError` if none is known to."""
        if (found := next(filter(test, self.spans(values)), None)) is None:
            raise UnknownError
        return found

    def spans(self, values: Sequence[int]) -> Iterator[Span]:
        """Yield the numbers of values, as far as they are known."""
        return filter(None, (numbers_of(self.trace, value) for value in values))

    def names(self, values: Sequence[int]) -> str:
        """Return the names of values, as in a sentence."""
        return " and ".join(name(self.trace, value) for value in values)


def numbers_of(trace: Trace, value: int) -> Span | None:
    """Return the numbers of a value, under its name."""
    return span(trace.values[value].tensor, name(trace, value))


def code(text: str) -> str:
    """Put code into backticks, cut where it is long."""
    bare = " ".join(text.split()).replace("`", "'")
    return f"`{bare}`" if len(bare) <= LONGEST else f"`{bare[:LONGEST]}…`"


def name(trace: Trace, value: int) -> str:
    """Write a value as code."""
    return code(trace.values[value].name)


def call(trace: Trace, number: int) -> str:
    """Write an op as code, with file, line and module."""
    return call_of(trace.ops[number])


def call_of(made: Op | Event | Update) -> str:
    """Write an op of a trace, or a call beside the graph, as code, with file, line and module."""
    inside = f" (in {code(made.module)})" if isinstance(made, Op) and made.module else ""
    return f"{code(made.expression)}{f' at {made.file}:{made.line}' if made.file else ''}{inside}"


def listed(names: Sequence[str]) -> str:
    """List names as in a sentence, the first few of many."""
    if len(names) > NAMED + 1:
        return f"{', '.join(names[:NAMED])} and {len(names) - NAMED:,} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def names_of(trace: Trace, values: Sequence[int]) -> str:
    """Name values as in a sentence."""
    return listed([name(trace, value) for value in values])


def grad(trace: Trace, value: int) -> str:
    """Write the gradient of a leaf, `w.grad`, or of another value."""
    held = trace.values[value]
    first = held.name.partition("#")[0]
    plain = all(part.isidentifier() or part.isdigit() for part in first.split("."))
    return f"`{first}.grad`" if plain and (held.leaf or held.name != first) else f"the gradient of {name(trace, value)}"

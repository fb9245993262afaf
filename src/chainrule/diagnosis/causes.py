"""Say what one op did to a gradient, or to the numbers on the way forward.

The words are in `causes.json`. Its two tables are of ops that can let nothing through (`zero`), and of those that can
make NaN or infinity of finite numbers (`bad`). An entry names its ops, what has to hold of the numbers that were
recorded (`if`, one of `_HOLDS`), the proof as part of a sentence (`says`; without it what holds says so itself), and
what to try. Those of one op are tried from top to bottom. To add a cause, add an entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from string import Formatter
from typing import Any, Literal, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from chainrule.calculus.notation import number
from chainrule.calculus.rules import canonical
from chainrule.diagnosis.conditions import HOLDS, WORDS, exponent_of, factors_of, ops_in, slope_of
from chainrule.diagnosis.evidence import Evidence, Span, UnknownError, call, code, is_bad, name, norm, numbers_of, span
from chainrule.diagnosis.thresholds import ALONE, CENTRED, LITTLE, RANGE, TELLING
from chainrule.trace import Event, Trace, Update

What: TypeAlias = Literal["bad", "zero", "never", "huge", "tiny"]


class Spot(NamedTuple):
    """Say where a gradient was lost: on an edge of a visit, where contributions meet, in a hook, or at the start.

    That which autograd came to first is the least.
    """

    turn: int
    """The position of the visit; for a sum, a hook and the start, that of the node behind it."""
    edge: int
    kind: Literal["edge", "sum", "hook", "start"]
    what: Literal["zero", "bad"]
    value: int | None = None


@dataclass(frozen=True)
class Finding:
    """Hold a cause in one or two words, the proof as part of a sentence, and the smallest thing to try."""

    cause: str
    proof: str
    hint: str
    op: int | None = None
    """The op to blame, where it is another one than the op that was asked about."""
    source: int | None = None
    """The value that it began with, where that was there from the start."""
    event: Event | Update | None = None
    """The call beside the graph to blame, where there is one."""
    what: What = "never"
    """What is wrong with the gradient."""
    spot: Spot | None = None
    is_question: bool = False
    """Whether it may be meant."""


class _Sentence(Formatter):
    """Fill a sentence in, with numbers written as everywhere."""

    def format_field(self, value: Any, spec: str) -> str:
        return number(value) if isinstance(value, float) else str(super().format_field(value, spec))


_fill = _Sentence().format


def say(
    key: str, op: int | None = None, source: int | None = None, event: Event | Update | None = None, **told: object
) -> Finding:
    """Return the finding that has this key among the words, its sentences filled in; one that asks is a question."""
    cause, proof, hint = WORDS["findings"][key]
    return Finding(cause, _fill(proof, **told), _fill(hint, **told), op, source, event, is_question="?" in hint)


def _explained(table: str, at: Evidence) -> Finding | None:
    """Return what a table says of an op, as far as the numbers prove it; what was not kept proves nothing."""
    for entry in WORDS[table]:
        if at.kind not in ops_in(entry["ops"]):
            continue
        try:
            held = _HOLDS[entry["if"]](at) if "if" in entry else True
            if held and not isinstance(held, Finding):
                return Finding(entry["cause"], _fill(entry.get("says", "{it}"), at=at, it=held), entry["hint"])
        except UnknownError:
            continue
        if held:
            return held
    return None


_FIRST: WeakKeyDictionary[Trace, dict[str, list[int | None]]] = WeakKeyDictionary()


def _made_of(trace: Trace, value: int) -> Iterator[int]:
    made = trace.values[value].op
    return (v for v in (trace.ops[made].inputs if made is not None else ()) if v < value)


def _first(trace: Trace, word: Literal["zero", "bad"]) -> list[int | None]:
    """Find for each value the first on its way forward that was zero, or not finite and not so on purpose."""
    known = _FIRST.setdefault(trace, {})

    def by_weight(value: int) -> tuple[bool, int]:  # of zeros, blame a weight rather than a mean
        return word == "zero" and not trace.values[value].requires_grad, value

    if word not in known:
        found = known[word] = list[int | None]()
        for i, held in enumerate(trace.values):
            is_so = norm(held.tensor) == 0 if word == "zero" else is_bad(held.tensor) and not _on_purpose(trace, i)
            inputs = _made_of(trace, i) if is_so or word == "bad" else ()
            came = [first for v in inputs if (first := found[v]) is not None]
            found.append(min(came, key=by_weight, default=i if is_so else None))
    return known[word]


def _on_purpose(trace: Trace, value: int) -> bool:
    """Tell whether a value may be infinite on purpose: a mask, what it was made with, and what it was added to."""
    held, made = span(trace.values[value].tensor), trace.values[value].op
    if held is None or held.nans:
        return False
    is_mask = held.high < math.inf and not trace.values[value].requires_grad
    by_op = made is not None and canonical(trace.ops[made].name) in ops_in("ON_PURPOSE")
    return is_mask or by_op or any(is_bad(trace.values[v].tensor) for v in _made_of(trace, value))


# Nothing came through ---------------------------------------------------------------------------------------------


def _zero_factor(at: Evidence) -> Finding | None:
    """Say that a factor is 0, and why: follow zeros on the way forward to where they were made."""
    trace = at.trace
    factor = next((value for value in factors_of(at) if norm(trace.values[value].tensor) == 0), None)
    if factor is None:
        return None
    first = factor if (began := _first(trace, "zero")[factor]) is None else began
    made = trace.values[first].op
    if made is not None and canonical(trace.ops[made].name) in ops_in("MAKES_ZERO"):
        floats = tuple(v for v in trace.ops[made].inputs if trace.values[v].dtype != "bool")
        if found := _explained("zero", Evidence(trace, made, floats)):
            return replace(found, op=made)
    origin = name(trace, first)
    zeros = Span(origin, trace.values[first].tensor.size).entries("0")
    because = "" if first == factor else f", which is 0 because {origin} is"
    return say("times zero", source=first, factor=name(trace, factor), because=because, zeros=zeros)


def _underflow(at: Evidence) -> Finding | None:
    """Say that the product of an upstream gradient and a slope is too small for its dtype."""
    came, dtype = span(at.upstream), at.contribution.dtype if at.contribution else ""
    if came is None or dtype not in RANGE or not 0 < came.largest * (slope := slope_of(at))[0] < RANGE[dtype][0]:
        return None
    return say("underflow", came=came, by=slope[1] and f" times {slope[1]}", dtype=dtype, least=RANGE[dtype][0])


def why_zero(at: Evidence) -> Finding:
    """Say why an op handed on nothing of a gradient that arrived."""
    for value in at.targets:
        if not at.trace.values[value].tensor.size:
            return say("no entries", value=name(at.trace, value))
    return _changed(at) or _explained("zero", at) or say("handed on nothing")


def _changed(at: Evidence) -> Finding | None:
    """Say that a factor was written over before the way back, out of autograd's sight: a product of no zero is not 0.

    (Where a broadcast is added up on the way back, it may also have cancelled, and nothing is said here.)
    """
    came, gone = span(at.upstream), at.contribution
    power = (exponent_of(at) or 0.0) - 1 if at.kind == "pow" else 1.0  # an exponent that learns is left alone
    if at.kind not in ("mul", "pow", "square") or power <= 0 or (at.kind == "mul" and at.op.constants):
        return None
    if came is None or came.zeros or gone is None or gone.size != came.size:
        return None
    for value in at.others or at.targets:
        factor = numbers_of(at.trace, value)
        smallest = min(abs(factor.low), abs(factor.high)) if factor and factor.low * factor.high > 0 else 0.0
        if factor and smallest**power * came.largest >= TELLING:
            was, call = "was" if factor.size == 1 else "ran", code(at.op.expression)
            return say("changed unseen", _written_by(at, value), factor=factor, was=was, call=call)
    return None


def _written_by(at: Evidence, value: int) -> int | None:
    """Find the op that last took or wrote a tensor which shares a value's memory and which autograd does not follow."""
    shared, found = {value}, None
    for i, op in enumerate(at.trace.ops):
        if op.inputs and op.inputs[0] in shared:
            taken = op.name in ("data", "detach")
            inside = op.inputs[0] != value and (op.name.endswith("_") or op.name in ("setitem", "__setitem__"))
            if taken or inside:
                shared.update(op.outputs)
                found = i
    return found


def flattens(at: Evidence, gain: float) -> Finding | None:
    """Say why an op all but lost a gradient: it is saturated, multiplies by something small, or lets parts cancel."""
    if at.kind in ops_in("CURVES CLASSIFYING"):
        return _explained("zero", at)
    if at.kind in ops_in("SUMS") and gain < ALONE:
        sizes = [found.largest for found in at.spans(at.targets)]
        scaled = at.kind in ops_in("NORMALISATIONS") and sizes and gain > CENTRED / max(1.0, *sizes)
        return None if scaled else _explained("zero", at)
    slope, by = slope_of(at) if at.kind in ops_in("FACTORED") and at.kind not in ops_in("POWERS") else (1.0, "")
    return say("times little", factor=by) if slope < LITTLE else None


# Not a number -----------------------------------------------------------------------------------------------------


def _most(dtype: str) -> str:
    return f"{number(RANGE[dtype][1])}, the largest number of {dtype}"


def _overflow(at: Evidence) -> Finding | None:
    made = at.trace.values[at.op.outputs[0]].tensor if at.op.outputs else None
    held, found = span(made), max(at.spans(at.op.inputs), key=lambda found: found.largest, default=None)
    if (
        made is None
        or at.kind not in ops_in("GROWING")
        or made.dtype not in RANGE
        or found is None
        or (held is not None and not held.infinite)
    ):
        return None
    return say("overflow in half" if made.dtype == "float16" else "overflow", most=_most(made.dtype), found=found)


def steepens(at: Evidence) -> Finding | None:
    """Say why an op made a gradient huge, where its numbers show it."""
    return _explained("huge", at)


def oddities(trace: Trace) -> Iterator[Finding]:
    """Yield what cannot be meant, once for each line, though no gradient is lost by it, such as a softmax of one."""
    told = dict[object, Finding]()
    for i, op in enumerate(trace.ops):
        if found := _explained("odd", Evidence(trace, i, ())):
            proof = f"In {call(trace, i)}, {found.proof}"
            told.setdefault((found.cause, op.file, op.line), replace(found, op=i, proof=proof))
    yield from told.values()


_HOLDS: Mapping[str, Callable[[Evidence], Any]] = HOLDS | {
    "is a loss of NaN": lambda at: (_explained("bad", at) or _overflow(at)) if at.out.nans else None,
    "has a factor of 0": _zero_factor,
    "underflows": _underflow,
}
"""Those that return a finding of their own as well."""


def why_forward(trace: Trace, value: int) -> Finding:
    """Say why a value is NaN or infinite: what the op that made the first such value did to finite numbers."""
    first = value if (began := _first(trace, "bad")[value]) is None else began
    made = trace.values[first].op
    found = numbers_of(trace, first) or Span(name(trace, first), trace.values[first].tensor.size)
    what, count = "NaN" if found.nans else "infinite", found.nans + found.infinite or None
    if made is None:
        key = "before" if trace.values[first].parameter else "in the data"
        return say(key, source=first, entries=found.entries(what, count), whence="from the start")
    at = Evidence(trace, made, ())
    if canonical(at.op.name) in ops_in("ON_PURPOSE") and count:
        return say("in the data", made, entries=found.entries(what, count), whence="by this")
    if said := _explained("bad", at) or _overflow(at):
        return replace(said, op=made)
    inputs = ", ".join(f"{z.name} {z.reach}" for z in at.spans(at.op.inputs))
    return say("nan", made, what=what, whence=f", from {inputs}" if inputs else "")


def why_not_finite(at: Evidence) -> Finding:
    """Say why an op made NaN or infinity of a finite upstream gradient: the first value that was so, or the op."""
    first = [bad for v in (*at.op.outputs, *at.op.inputs) if (bad := _first(at.trace, "bad")[v]) is not None]
    if first:
        return why_forward(at.trace, min(first))
    return _explained("bad", at) or _outgrown(at) or say("handed on nan")


def _outgrown(at: Evidence) -> Finding | None:
    came, gone = span(at.upstream), span(at.contribution)
    if came is None or gone is None or gone.dtype not in RANGE or not gone.infinite or gone.nans:
        return None
    return say("outgrown", came=came, most=_most(gone.dtype))

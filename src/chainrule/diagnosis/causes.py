"""Say what one op did to a gradient, or to the numbers on the way forward.

The words are in `causes.json`. Its two tables are of ops that can let nothing through (`zero`), and of those that can
make NaN or infinity of finite numbers (`bad`). An entry names its ops, what has to hold of the numbers that were
recorded (`if`, one of `_HOLDS`), the proof as part of a sentence (`says`; without it what holds says so itself), and
what to try. Those of one op are tried from top to bottom. To add a cause, add an entry.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any, Literal, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from chainrule.calculus.notation import number
from chainrule.calculus.rules import canonical
from chainrule.diagnosis.evidence import Evidence, Span, UnknownError, code, is_bad, name, norm, numbers_of, span
from chainrule.diagnosis.thresholds import ALONE, CENTRED, LITTLE, RANGE, TELLING
from chainrule.trace import Event, Op, Snapshot, Trace, Update

What: TypeAlias = Literal["bad", "zero", "never", "huge", "tiny"]
_WORDS: Mapping[str, Any] = json.loads(Path(__file__).with_name("causes.json").read_text("utf-8"))


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


class _Sentence(Formatter):
    """Fill a sentence in, with numbers written as everywhere."""

    def format_field(self, value: Any, spec: str) -> str:
        return number(value) if isinstance(value, float) else str(super().format_field(value, spec))


_fill = _Sentence().format


def say(
    key: str, op: int | None = None, source: int | None = None, event: Event | Update | None = None, **told: object
) -> Finding:
    """Return the finding that has this key among the words, its sentences filled in with what is told."""
    cause, proof, hint = _WORDS["findings"][key]
    return Finding(cause, _fill(proof, **told), _fill(hint, **told), op, source, event)


@lru_cache
def _ops(words: str) -> frozenset[str]:
    """Return the ops that are named, one by one or as a group."""
    groups = _WORDS["groups"]
    return frozenset(op for word in words.split() for op in (_ops(groups[word]) if word in groups else (word,)))


def _explained(table: str, at: Evidence) -> Finding | None:
    """Return what a table says of an op, as far as the numbers prove it; what was not kept proves nothing."""
    for entry in _WORDS[table]:
        if at.kind not in _ops(entry["ops"]):
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


_IS: Mapping[str, Callable[[Snapshot], bool]] = {
    "zero": lambda tensor: norm(tensor) == 0,
    "bad": is_bad,
    "nan": lambda tensor: (found := span(tensor)) is not None and found.nans > 0,
}
_KNOWN: WeakKeyDictionary[Trace, dict[tuple[str, int], int]] = WeakKeyDictionary()
"""Where each way back was found to lead, so that many questions about one trace walk it once."""


def _source(trace: Trace, value: int, word: str) -> int:
    """Follow something that holds of a value, back on the way forward, to the value that it began with."""
    known, way = _KNOWN.setdefault(trace, {}), [value]
    while (word, at := way[-1]) not in known:
        made = trace.values[at].op
        inputs = trace.ops[made].inputs if made is not None else ()
        earlier = (v for v in inputs if v < at and _IS[word](trace.values[v].tensor))
        way.append(next(earlier, at))
        if way[-1] == at:
            known[word, at] = at
    known.update({(word, passed): known[word, at] for passed in way})
    return known[word, at]


# Nothing came through ---------------------------------------------------------------------------------------------


def _shut(at: Evidence) -> str:
    z = at.asked
    if not z.high <= 0:
        proof = f"it let nothing of the upstream gradient through, though {z.name} runs up to {number(z.high)}"
        return f"{proof}: where that is above 0, the upstream gradient is 0"
    if z.size == 1:
        proof = f"{z.name} is {number(z.high)}{', and negative' if z.high else ''}"
    elif z.high:
        proof = f"{z.entries('negative')} (largest {number(z.high)})"
    else:
        proof = f"no entry of {z.name} is above 0 (largest 0)"
    return f"it let nothing through: {proof}"


def _factors(at: Evidence) -> tuple[int, ...]:
    """Return what an op multiplies by; of a square or a Gram matrix, that is the input itself."""
    if at.kind in _ops("NORMALISATIONS rms_norm"):
        return tuple(value for value in at.others if value == _scale(at.op))
    factors = at.others[:1] if at.kind in _ops("WITH_BIAS") and at.targets else at.others
    return factors or (at.targets if at.kind in ("mul", "dot", "matmul") else ())


def _scale(op: Op) -> int | None:
    """Return the weight by which a normalisation stretches its result."""
    place = op.call.get("weight", op.call.get("3" if op.name in ("batch_norm", "instance_norm") else "2"))
    return op.inputs[int(place[1:])] if isinstance(place, str) and place[:1] == "@" else None


def _zero_factor(at: Evidence) -> Finding | None:
    """Say that a factor is 0, and why: follow zeros on the way forward to where they were made."""
    trace = at.trace
    factor = next((value for value in _factors(at) if norm(trace.values[value].tensor) == 0), None)
    if factor is None:
        return None
    first = _source(trace, factor, "zero")
    made = trace.values[first].op
    if made is not None and canonical(trace.ops[made].name) in _ops("MAKES_ZERO"):
        floats = tuple(v for v in trace.ops[made].inputs if trace.values[v].dtype != "bool")
        if found := _explained("zero", Evidence(trace, made, floats)):
            return replace(found, op=made)
    origin = name(trace, first)
    zeros = Span(origin, trace.values[first].tensor.size).entries("0")
    because = "" if first == factor else f", which is 0 because {origin} is"
    return say("times zero", source=first, factor=name(trace, factor), because=because, zeros=zeros)


def _weak_factor(at: Evidence) -> str | Finding | None:
    """Say that a factor is 0 in part, or too small for what arrives."""
    came = span(at.upstream)
    for factor in at.spans(_factors(at)):
        if factor.zeros:
            proof = f"it multiplies by {factor.name}, and {factor.are_zero}"
            return f"{proof}; where it is not, nothing arrives, or it cancels"
        if came and 0 < came.largest * factor.largest < RANGE.get(came.dtype, (0.0,))[0]:
            return say("underflow", came=came, factor=factor)
    return None


def _adds_up_products(at: Evidence) -> bool:
    values, factors = at.trace.values, _factors(at)
    spread = any(values[a].tensor.size < values[b].tensor.size for a in at.targets for b in at.op.outputs)
    return len(list(at.spans(factors))) == len(factors) > 0 and (spread or at.kind != "mul")


def _condition(at: Evidence) -> str | None:
    values = [name(at.trace, value) for value in at.targets if value != at.op.inputs[0]]
    proof = f"it did not pick {' or '.join(values) or 'it'}: {at.given.entries('True' if at.given.low else 'False')}"
    return proof if at.given.low == at.given.high else None


def _adds_up(at: Evidence) -> str:
    came, proof = span(at.upstream), "what it adds up on the way back cancels"
    runs = f"the upstream gradient {'is' if came.low == came.high else 'runs'} {came.reach}" if came else ""
    return f"{proof}: {runs}, and its sum is 0" if came else proof


def why_zero(at: Evidence) -> Finding:
    """Say why an op handed on nothing of a gradient that arrived."""
    for value in at.targets:
        if not at.trace.values[value].tensor.size:
            return say("no entries", value=name(at.trace, value))
    return _changed(at) or _explained("zero", at) or _by_values(at, "zero", "0")


def _changed(at: Evidence) -> Finding | None:
    """Say that a factor was written over before the way back, out of autograd's sight: it was not 0 when it was used.

    A product of numbers none of which is 0 is 0 only if one of them was another by then. (Where a broadcast is added up
    on the way back, it may also have cancelled, and nothing is said here.)
    """
    came, gone = span(at.upstream), at.contribution
    power = (_exponent(at) or 0.0) - 1 if at.kind == "pow" else 1.0  # an exponent that learns is left alone
    if at.kind not in ("mul", "pow", "square") or power <= 0 or 0 in at.op.constants.values():
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


def _by_values(at: Evidence, cause: str, became: str) -> Finding:
    """Say what is known of any op: what arrived, and what went on."""
    came, size, arrived = span(at.upstream), at.contribution.size if at.contribution else 0, "a gradient"
    if came:
        runs = "with NaN" if came.nans else f"{'of' if came.low == came.high else 'running'} {came.reach}"
        arrived = f"an upstream gradient {runs}"
    entries = "" if size == 1 else "entries of " if cause == "nan" else f"all {size:,} entries of "
    went = f"{entries}what it handed on {'is' if size == 1 else 'are'} {became}"
    return Finding(cause, f"{arrived} arrived there, and {went}", "Look at its inputs.")


def flattens(at: Evidence, gain: float) -> Finding | None:
    """Say why an op all but lost a gradient: it is saturated, multiplies by something small, or lets parts cancel."""
    if at.kind in _ops("CURVES CLASSIFYING"):
        return _explained("zero", at)
    if at.kind in _ops("SUMS") and gain < ALONE:
        sizes = [found.largest for found in at.spans(at.targets)]
        scaled = at.kind in _ops("NORMALISATIONS") and sizes and gain > CENTRED / max(1.0, *sizes)
        return None if scaled else _explained("zero", at)
    if at.kind not in _ops("FACTORED"):
        return None
    factors = [f"{z.name}, which runs {z.reach}" for z in at.spans((at.others or at.targets)[:1]) if z.largest < LITTLE]
    if at.kind == "mul":
        small = (c for c in at.op.constants.values() if not isinstance(c, complex) and 0 < abs(c) < LITTLE)
        factors += [f"the number {number(c)}" for c in small]
    return say("times little", factor=factors[0]) if factors else None


# Not a number -----------------------------------------------------------------------------------------------------


def _floor(at: Evidence) -> float:
    return -1.0 if at.kind == "log1p" else 0.0


def _log_of_zero(at: Evidence) -> str:
    found = at.one(at.op.inputs, lambda z: z.low == _floor(at))
    return found.entries(f"{number(_floor(at))}, where the logarithm is -inf", found.zeros or None)


def _exponent(at: Evidence) -> float | None:
    held = at.op.constants.get("b")
    return None if held is None or isinstance(held, complex) else float(held)


def _is_root(at: Evidence) -> bool:
    exponent = _exponent(at)
    return at.kind not in ("pow", "float_power") or (exponent is not None and exponent < 1)


def _divided(at: Evidence) -> str:
    below = at.one(at.op.inputs[-1:] if at.kind in ("div", "fmod", "remainder") else at.op.inputs, lambda z: z.zeros)
    above = list(at.spans(at.op.inputs[:1])) if at.kind == "div" and len(at.op.inputs) > 1 else []
    return f"it divides by {below.name}, and {below.are_zero}{' (0/0)' if any(z.zeros for z in above) else ''}"


def _edge(at: Evidence) -> str:
    found = at.one(at.op.inputs, lambda z: z.largest >= 1)
    return f"{found.name} reaches {number(found.high if found.high >= 1 else found.low)}, where its slope is infinite"


def _most(dtype: str) -> str:
    return f"{number(RANGE[dtype][1])}, the largest number of {dtype}"


def _overflow(at: Evidence) -> Finding | None:
    made = at.trace.values[at.op.outputs[0]].tensor if at.op.outputs else None
    held, found = span(made), max(at.spans(at.op.inputs), key=lambda found: found.largest, default=None)
    if made is None or made.dtype not in RANGE or found is None or (held is not None and not held.infinite):
        return None
    return say("overflow in half" if made.dtype == "float16" else "overflow", most=_most(made.dtype), found=found)


_HOLDS: Mapping[str, Callable[[Evidence], Any]] = {
    "is shut": _shut,
    "has a full range": lambda at: at.out.zeros == 0 or at.out.high < 1,
    "is a curve": lambda at: "at" if at.asked.size == 1 else "running",
    "is a loss of NaN": lambda at: (_explained("bad", at) or _overflow(at)) if at.out.nans else None,
    "is a loss": lambda at: not at.out.nans,
    "is given nothing but 0": lambda at: at.one(at.targets, lambda z: z.is_zero),
    "has a factor of 0": _zero_factor,
    "has the number 0": lambda at: 0 in at.op.constants.values(),
    "has a weak factor": _weak_factor,
    "adds up products": _adds_up_products,
    "has no error": lambda at: at.names(at.op.inputs) if at.out.is_zero else None,
    "picked the other": _condition,
    "has one token": lambda at: number(at.given.low) if at.given.low == at.given.high else None,
    "masked everything": lambda at: at.one(at.op.inputs[1:], lambda z: z.dtype == "bool" and z.low == 1),
    "gave 0": lambda at: at.out.is_zero,
    "has others": lambda at: at.one(at.others),
    "adds up": _adds_up,
    "joins": lambda at: at.names(at.targets) or "it",
    "has a negative": lambda at: at.one(at.op.inputs, lambda z: z.low < _floor(at)),
    "is at its pole": _log_of_zero,
    "is a root of a negative": lambda at: _is_root(at) and at.given.low < 0,
    "is a root of 0": lambda at: _is_root(at) and at.given.zeros,
    "divides by zeros": _divided,
    "is at an edge": _edge,
    "is given 0": lambda at: at.one(at.targets or at.op.inputs, lambda z: z.zeros),
    "is given 0 twice": lambda at: len(both := [z.name for z in at.spans(at.op.inputs) if z.zeros]) == 2 and both,
    "has NaN": lambda at: at.out.nans,
    "masks a row": lambda at: at.one(at.op.inputs, lambda z: z.infinite > 0 and z.low == -math.inf),
    "is NaN alone": lambda at: at.out.nans == at.out.size,
    "outgrew its dtype": _overflow,
}
"""What may have to hold of an op; a sentence has what is returned as `it`, unless that is a finding of its own."""


def _first_bad(trace: Trace, value: int) -> int:
    """Follow NaN, then infinity, on the way forward to the value where it was made."""
    if not _IS["nan"](trace.values[value].tensor):
        return _source(trace, value, "bad")
    first = _source(trace, value, "nan")
    made = trace.values[first].op
    for earlier in trace.ops[made].inputs if made is not None else ():
        if earlier < first and is_bad(trace.values[earlier].tensor):
            source = _source(trace, earlier, "bad")
            if trace.values[source].op is not None and not _on_purpose(trace, source):
                return source
    return first


def _on_purpose(trace: Trace, value: int) -> bool:
    """Tell whether an op made it by which an infinity is put there on purpose, as in a mask."""
    made = trace.values[value].op
    return made is not None and canonical(trace.ops[made].name) in _ops("ON_PURPOSE")


def why_forward(trace: Trace, value: int) -> Finding:
    """Say why a value is NaN or infinite: what the op that made it did to finite numbers."""
    first = _first_bad(trace, value)
    made = trace.values[first].op
    found = numbers_of(trace, first) or Span(name(trace, first), trace.values[first].tensor.size)
    what, count = "NaN" if found.nans else "infinite", found.nans + found.infinite or None
    if made is None:
        return say("in the data", source=first, entries=found.entries(what, count), whence="from the start")
    at = Evidence(trace, made, ())
    if _on_purpose(trace, first) and count:
        return say("in the data", made, entries=found.entries(what, count), whence="by this")
    if said := _explained("bad", at) or _overflow(at):
        return replace(said, op=made)
    inputs = ", ".join(f"{z.name} {z.reach}" for z in at.spans(at.op.inputs))
    return say("nan", made, what=what, whence=f", from {inputs}" if inputs else "")


def why_not_finite(at: Evidence) -> Finding:
    """Say why an op made NaN or infinity of a finite upstream gradient."""
    values, has_nan = at.trace.values, _IS["nan"]
    bad = [value for value in (*at.op.outputs, *at.op.inputs) if is_bad(values[value].tensor)]
    for value in sorted(bad, key=lambda value: not has_nan(values[value].tensor)):
        first = _first_bad(at.trace, value)
        if has_nan(values[first].tensor) or not _on_purpose(at.trace, first):
            return why_forward(at.trace, value)
    return _explained("bad", at) or _outgrown(at) or _by_values(at, "nan", "NaN or infinite")


def _outgrown(at: Evidence) -> Finding | None:
    came, gone = span(at.upstream), span(at.contribution)
    if came is None or gone is None or gone.dtype not in RANGE or not gone.infinite or gone.nans:
        return None
    return say("outgrown", came=came, most=_most(gone.dtype))

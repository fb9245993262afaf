"""What may have to hold of an op for a cause to be its: predicates over what was recorded, by name."""

from __future__ import annotations

import itertools
import json
import math
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.calculus.notation import number
from chainrule.calculus.rules import canonical
from chainrule.diagnosis.evidence import Evidence, UnknownError, code, name, span
from chainrule.diagnosis.thresholds import CLOSE, LITTLE, NARROW
from chainrule.trace import Op

WORDS: Mapping[str, Any] = json.loads(Path(__file__).with_name("causes.json").read_text("utf-8"))


@lru_cache
def ops_in(words: str) -> frozenset[str]:
    """Return the ops that are named, one by one or as a group."""
    groups = WORDS["groups"] | WORDS["beside the tables"]
    return frozenset(op for word in words.split() for op in (ops_in(groups[word]) if word in groups else (word,)))


def _shut(at: Evidence) -> str:
    z = at.asked
    if z.high > 0:
        proof = f"it let nothing of the upstream gradient through, though {z.name} runs up to {number(z.high)}"
        return f"{proof}: where that is above 0, the upstream gradient is 0"
    return f"it let nothing through: {z.entries('negative' if z.high else 'at most 0')} (largest {number(z.high)})"


def factors_of(at: Evidence) -> tuple[int, ...]:
    """Return what an op multiplies by; of a square or a Gram matrix, that is the input itself."""
    if at.kind in ops_in("NORMALISATIONS rms_norm"):
        return tuple(value for value in at.others if value == _scale(at.op))
    factors = at.others[:1] if at.kind in ops_in("WITH_BIAS") and at.targets else at.others
    return factors or (at.targets if at.kind in ("mul", "dot", "matmul") else ())


def _scale(op: Op) -> int | None:
    """Return the weight by which a normalisation stretches its result."""
    place = op.call.get("weight", op.call.get("3" if op.name in ("batch_norm", "instance_norm") else "2"))
    return op.inputs[int(place[1:])] if isinstance(place, str) and place[:1] == "@" else None


def slope_of(at: Evidence) -> tuple[float, str]:
    """Return the steepest slope of an op, as far as it is known, and what it comes from."""
    numbers = [abs(c) for c in at.op.constants.values() if c]
    if at.kind in ("pow", "square") and (power := exponent_of(at) or 2.0) >= 1:
        steepest = power * at.given.largest ** (power - 1)
        return steepest, f"the slope of a power of {at.given.name}, which runs {at.given.reach}"
    if at.kind in ("mul", "div") and numbers:
        return numbers[0] ** (1 if at.kind == "mul" else -1), f"the number {number(numbers[0])}"
    if at.kind in ops_in("MEANS"):
        return at.out.size / at.given.size, f"the 1/{at.given.size:,} of the mean"
    if at.kind in ops_in("CURVES CASTS"):
        curve = at.kind in ops_in("CURVES")
        return LITTLE if curve and at.asked.largest < NARROW else 1.0, "the slope of the curve" if curve else ""
    factor = at.one(
        (at.others or at.targets)[:1] if at.kind in ops_in("WITH_BIAS") else factors_of(at), lambda z: z.largest
    )
    return factor.largest, f"{factor.name}, which runs {factor.reach}"


def _adds_up_products(at: Evidence) -> bool:
    values, factors = at.trace.values, factors_of(at)
    spread = any(values[a].tensor.size < values[b].tensor.size for a in at.targets for b in at.op.outputs)
    return len(list(at.spans(factors))) == len(factors) > 0 and (spread or at.kind != "mul")


def _condition(at: Evidence) -> str | None:
    names = at.names([value for value in at.targets if value != at.op.inputs[0]]).replace(" and ", " or ") or "it"
    whole = at.given.entries("True" if at.given.low else "False")
    return f"it did not pick {names}: {whole}" if at.given.low == at.given.high else None


def _floor(at: Evidence) -> float:
    return -1.0 if at.kind == "log1p" else 0.0


def _log_of_zero(at: Evidence) -> str:
    found = at.one(at.op.inputs, lambda z: z.low == _floor(at))
    return found.entries(f"{number(_floor(at))}, where the logarithm is -inf", found.zeros or None)


def exponent_of(at: Evidence) -> float | None:
    """Return the exponent, if it is a number."""
    held = at.op.constants.get("b")
    return None if held is None or isinstance(held, complex) else float(held)


def _is_root(at: Evidence) -> bool:
    exponent = exponent_of(at)
    return at.kind not in ("pow", "float_power") or (exponent is not None and exponent < 1)


def _divided(at: Evidence) -> str:
    below = at.one(at.op.inputs[-1:] if at.kind in ("div", "fmod", "remainder") else at.op.inputs, lambda z: z.zeros)
    above = list(at.spans(at.op.inputs[:1])) if at.kind == "div" and len(at.op.inputs) > 1 else []
    return f"it divides by {below.name}, and {below.are_zero}{' (0/0)' if any(z.zeros for z in above) else ''}"


def _edge(at: Evidence) -> str:
    found = at.one(at.op.inputs, lambda z: z.largest >= 1)
    return f"{found.name} reaches {number(found.high if found.high >= 1 else found.low)}, where its slope is infinite"


def _row(at: Evidence, entry: float, dim: object = -1) -> str | None:
    """Name the first row of an input that is one number throughout; a mask goes by its keyword."""
    for place, value in enumerate(at.op.inputs):
        data = at.trace.values[value].data
        if data is not None and isinstance(dim, int) and -data.ndim <= dim < data.ndim > 1:
            words = (word for word, given in at.op.call.items() if given == f"@{place}" and word.isidentifier())
            if len(rows := np.argwhere((data == entry).all(dim))):
                return f"row {', '.join(map(str, rows[0]))} of {code(next(words, at.trace.values[value].name))}"
    return None


def _argument(at: Evidence, place: int, word: str) -> list[Any]:
    """Return the numbers of an argument, a tensor or a list."""
    given = at.op.call.get(word, at.op.call.get(str(place)))
    if isinstance(given, str) and given[:1] == "@":
        data = at.trace.values[at.op.inputs[int(given[1:])]].data
        given = None if data is None else tuple(data.tolist())
    if not isinstance(given, tuple):
        raise UnknownError
    return list(given)


def _too_short(at: Evidence) -> str | None:
    targets, frames, lengths = map(_argument, [at] * 3, (1, 2, 3), ("targets", "input_lengths", "target_lengths"))
    for i, (has, length) in enumerate(zip(frames, lengths, strict=False)):
        row = targets[i][:length] if isinstance(targets[i], list) else targets[sum(lengths[:i]) :][:length]
        if has < (needs := length + sum(itertools.starmap(operator.eq, itertools.pairwise(row)))):
            return f"sample {i} has {has} frames, and its {length} labels need {needs}"
    return None


def _equal(at: Evidence) -> str | None:
    value = at.op.outputs[0 if at.kind == "eigh" else 1]
    if (data := at.trace.values[value].data) is None:
        raise UnknownError
    ordered = np.sort(data.astype(np.float64), -1)
    near = ordered[..., 1:][np.diff(ordered) <= CLOSE**2 * np.abs(ordered).max(initial=0.0)]
    return f"two of {name(at.trace, value)} are equal ({number(float(near[0]))})" if near.size else None


def _stretched(at: Evidence) -> str | None:
    if len(at.op.inputs) < 2:
        return None
    (a, first), (b, second) = ((name(at.trace, v), at.trace.values[v]) for v in at.op.inputs[:2])
    by_hand = len(first.shape) == 2 and len(second.shape) == 1 and first.requires_grad and not second.requires_grad
    whole = np.broadcast_shapes(first.shape, second.shape)
    if (at.kind == "sub" and not by_hand) or math.prod(whole) <= max(first.tensor.size, second.tensor.size):
        return None
    return f"{a} has shape {first.shape} and {b} {second.shape}, so that each is compared with all: {whole}"


def _repeats(at: Evidence) -> str | None:
    *places, last = at.op.inputs
    places = [v for v in places[1:] if at.trace.values[v].dtype == "int64" and at.trace.values[v].data is not None]
    if len(places) != 1 or not at.trace.values[last].requires_grad or True in at.op.call.values():
        return None
    found, counts = np.unique(np.asarray(at.trace.values[places[0]].data), return_counts=True)
    twice = found[counts > 1]
    return f"{name(at.trace, places[0])} names place {twice[0]} more than once" if twice.size else None


def _made_by(at: Evidence, kind: str) -> str | None:
    made = at.trace.values[at.op.inputs[0]].op
    is_one = made is not None and canonical(at.trace.ops[made].name) == kind
    return name(at.trace, at.op.inputs[0]) if is_one else None


HOLDS: dict[str, Callable[[Evidence], Any]] = {
    "is shut": _shut,
    "has a full range": lambda at: at.out.zeros == 0 or at.out.high < 1,
    "is a curve": lambda at: "at" if at.asked.size == 1 else "running",
    "is a loss": lambda at: not at.out.nans,
    "is given nothing but 0": lambda at: at.one(at.targets, lambda z: z.is_zero),
    "has the number 0": lambda at: 0 in at.op.constants.values(),
    "has a weak factor": lambda at: at.one(factors_of(at), lambda z: z.zeros),
    "adds up products": _adds_up_products,
    "has no error": lambda at: at.names(at.op.inputs) if at.out.is_zero else None,
    "picked the other": _condition,
    "has one token": lambda at: number(at.given.low) if at.given.low == at.given.high else None,
    "masked everything": lambda at: at.one(at.op.inputs[1:], lambda z: z.dtype == "bool" and z.low == 1),
    "gave 0": lambda at: at.out.is_zero,
    "has others": lambda at: at.one(at.others),
    "adds up": lambda at: (
        f": the upstream gradient runs {came.reach}, and its sum is 0" if (came := span(at.upstream)) else "."
    ),
    "joins": lambda at: at.names(at.targets) or "it",
    "has a negative": lambda at: at.one(at.op.inputs, lambda z: z.low < _floor(at)),
    "is at its pole": _log_of_zero,
    "is a root of a negative": lambda at: _is_root(at) and at.given.low < 0,
    "is a root of 0": lambda at: _is_root(at) and at.given.zeros,
    "divides by zeros": _divided,
    "is at an edge": _edge,
    "is given 0": lambda at: at.one(at.targets or at.op.inputs, lambda z: z.zeros),
    "has NaN": lambda at: at.out.nans,
    "masks a row": lambda at: at.one(at.op.inputs, lambda z: z.infinite > 0 and z.low == -math.inf),
    "closes a row": lambda at: _row(at, -math.inf),
    "has a row of 0": lambda at: _row(at, 0.0, at.op.call.get("dim", at.op.call.get("2", 1))),
    "is near its pole": lambda at: at.one(at.op.inputs[-1:], lambda z: 0 < z.low < CLOSE),
    "is NaN alone": lambda at: at.out.nans == at.out.size,
    "is infinite": lambda at: at.out.infinite,
    "is too short": _too_short,
    "has equal values": _equal,
    "learns its target at 0": lambda at: at.one([v for v in at.targets if v == at.op.inputs[1]], lambda z: z.zeros),
    "is of a module": lambda at: code(at.op.module) if at.op.module else "that was called there",
    "takes a softmax": lambda at: _made_by(at, "softmax"),
    "takes a sigmoid": lambda at: _made_by(at, "sigmoid"),
    "takes no logarithms": lambda at: at.one(at.op.inputs[:1], lambda z: z.high > LITTLE),
    "is stretched": _stretched,
    "names a place twice": _repeats,
}
"""The predicates; a sentence has what is returned as `it`."""

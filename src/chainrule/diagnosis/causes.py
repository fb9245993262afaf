"""Say what one op did to a gradient, or to the numbers on the way forward: two tables, one entry a cause.

An entry names the ops that it may be said of, looks at the numbers that were recorded, and speaks only if they prove
it. To add a cause, add an entry; those of one op are tried from top to bottom.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias
from weakref import WeakKeyDictionary

from chainrule.calculus.notation import number
from chainrule.calculus.rules import canonical
from chainrule.diagnosis.evidence import Evidence, Span, UnknownError, code, is_bad, name, norm, numbers_of, span
from chainrule.diagnosis.thresholds import ALONE, CENTRED, LITTLE, RANGE, TELLING
from chainrule.trace import Snapshot, Trace


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


@dataclass(frozen=True)
class Cause:
    """Hold one entry of a table: the ops that it may be said of, the cause, what to try, and its proof.

    The proof is part of a sentence, nothing if the numbers that were recorded do not prove it, or a finding of its own.
    """

    ops: str
    name: str
    hint: str
    proof: Callable[[Evidence], str | Finding | None]


_Table: TypeAlias = Mapping[str, list[Cause]]


def _table(*causes: Cause) -> _Table:
    ops = {op for cause in causes for op in cause.ops.split()}
    return {op: [cause for cause in causes if op in cause.ops.split()] for op in ops}


def _explained(table: _Table, at: Evidence) -> Finding | None:
    for cause in table.get(at.kind, ()):
        try:
            proof = cause.proof(at)
        except UnknownError:  # what was not kept proves nothing
            continue
        if proof:
            return Finding(cause.name, proof, cause.hint) if isinstance(proof, str) else proof
    return None


_HOLDS: Mapping[str, Callable[[Snapshot], bool]] = {
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
        earlier = (v for v in inputs if v < at and _HOLDS[word](trace.values[v].tensor))
        way.append(next(earlier, at))
        if way[-1] == at:
            known[word, at] = at
    known.update({(word, passed): known[word, at] for passed in way})
    return known[word, at]


# Nothing came through ---------------------------------------------------------------------------------------------

_RELUS = "relu threshold"
_CLAMPS = "clamp clamp_min clamp_max clip relu6 hardtanh hardsigmoid"
_CURVES = """
    sigmoid tanh erf softsign logsigmoid elu selu gelu silu softplus mish exp atan arctan celu expit softmin softmax
    log_softmax
"""
_CLASSIFYING = """
    cross_entropy nll_loss binary_cross_entropy binary_cross_entropy_with_logits hinge_embedding_loss
    margin_ranking_loss multi_margin_loss
"""
_POWERS = "pow square rpow float_power"
_FACTORED = f"""
    {_POWERS} mul matmul linear bmm dot addmm baddbmm einsum conv1d conv2d conv3d bilinear div rdiv outer ger inner
    tensordot embedding_bag conv_transpose2d addcmul lerp prod
"""
_MASKS = "masked_fill masked_select masked_scatter"
_DROPOUTS = "dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout"
_NORMALISATIONS = "layer_norm batch_norm group_norm instance_norm std var normalize"
_SUMS = f"add sub rsub sum mean expand broadcast_to {_NORMALISATIONS}"
_MAKES_ZERO = f"{_RELUS} {_CLAMPS} {_MASKS} {_DROPOUTS} where".split()
_PICKERS = "max min amax amin maximum minimum fmax fmin topk sort"
_ADDED = "linear matmul dot bmm einsum addmm conv1d conv2d conv3d mul"
_WITH_BIAS = ("linear", "conv1d", "conv2d", "conv3d", "bilinear")
_OTHER_NUMBERS = "Give the factor other numbers; a weight that begins at 0 has to be so on purpose."


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
    factors = at.others[:1] if at.kind in _WITH_BIAS and at.targets else at.others
    return factors or (at.targets if at.kind in ("mul", "dot", "matmul") else ())


def _zero_factor(at: Evidence) -> Finding | None:
    """Say that a factor is 0, and why: follow zeros on the way forward to where they were made."""
    trace = at.trace
    factor = next((value for value in _factors(at) if norm(trace.values[value].tensor) == 0), None)
    if factor is None:
        return None
    first = _source(trace, factor, "zero")
    made = trace.values[first].op
    if made is not None and canonical(trace.ops[made].name) in _MAKES_ZERO:
        floats = tuple(v for v in trace.ops[made].inputs if trace.values[v].dtype != "bool")
        if found := _explained(_ZERO, Evidence(trace, made, floats)):
            return replace(found, op=made)
    called, origin = name(trace, factor), name(trace, first)
    zeros = Span(origin, trace.values[first].tensor.size).entries("0")
    because = "" if first == factor else f", which is 0 because {origin} is"
    return Finding("times zero", f"it multiplies by {called}{because}: {zeros}", _OTHER_NUMBERS, source=first)


def _weak_factor(at: Evidence) -> str | Finding | None:
    """Say that a factor is 0 in part, or too small for what arrives."""
    came = span(at.upstream)
    for factor in at.spans(_factors(at)):
        if factor.zeros:
            proof = f"it multiplies by {factor.name}, and {factor.are_zero}"
            return f"{proof}; where it is not, nothing arrives, or it cancels"
        if came and 0 < came.largest * factor.largest < RANGE.get(came.dtype, (0.0,))[0]:
            proof = f"an upstream gradient of up to {number(came.largest)} times {factor.name} of up to "
            proof += f"{number(factor.largest)} is too small for {came.dtype}"
            return Finding("underflow", proof, "Scale the loss up (`torch.amp.GradScaler`), or compute in float32.")
    return None


def _sum_cancels(at: Evidence) -> str | None:
    values, factors = at.trace.values, _factors(at)
    spread = any(values[a].tensor.size < values[b].tensor.size for a in at.targets for b in at.op.outputs)
    known = len(list(at.spans(factors))) == len(factors) > 0
    told = known and (spread or at.kind != "mul")
    return "the products that it adds up cancel: they are not 0, their sum is" if told else None


def _condition(at: Evidence) -> str | None:
    values = [name(at.trace, value) for value in at.targets if value != at.op.inputs[0]]
    proof = f"it did not pick {' or '.join(values) or 'it'}: {at.given.entries('True' if at.given.low else 'False')}"
    return proof if at.given.low == at.given.high else None


def _adds_up(at: Evidence) -> str:
    if at.kind in _NORMALISATIONS.split():
        proof = "it centres and scales what goes in, so that a gradient which only asks to shift or to stretch its "
        return f"{proof}result cancels"
    came, proof = span(at.upstream), "what it adds up on the way back cancels"
    runs = f"the upstream gradient {'is' if came.low == came.high else 'runs'} {came.reach}" if came else ""
    return f"{proof}: {runs}, and its sum is 0" if came else proof


_ZERO: _Table = _table(
    Cause(_RELUS, "dead relu",
          "Lower the learning rate, start with other weights or a positive bias, or use `leaky_relu`.", _shut),
    Cause(_CLAMPS, "clamped", "Widen the limits, or bring the values back inside them.",
          lambda at: f"it cut off {at.asked.whole} ({at.asked.reach} became {at.out.reach}), and what is cut off gets "
          "no gradient"),
    Cause("softmax", "cancels", "Use the probabilities one by one, such as in `cross_entropy`, and not their sum.",
          lambda at: "each row of its result adds up to 1 whatever goes in, and where the upstream gradient is the "
          "same along a row its parts cancel" if at.out.zeros == 0 or at.out.high < 1 else None),
    Cause(_CURVES, "saturated", "Scale the input down: smaller weights, a normalisation, scaled data.",
          lambda at: f"it is saturated: with {at.asked.name} {'at' if at.asked.size == 1 else 'running'} "
          f"{at.asked.reach} its result is {at.out.reach}, where the curve is flat"),
    Cause(_CLASSIFYING, "saturated", "Scale the logits down; if the loss is 0 for good, it has learned all.",
          lambda at: f"it is saturated: {at.asked.name} runs {at.asked.reach}, and {at.out.name} is {at.out.reach}, "
          "so nothing is left to push" if not at.out.nans else _explained(_NOT_FINITE, at) or _overflow(at)),
    Cause(_POWERS, "times zero", "If this is the error, nothing is left to learn; otherwise move it off 0.",
          lambda at: f"{at.one(at.targets, lambda z: z.is_zero).are_zero}, where its slope is 0"),
    Cause(_FACTORED, "times zero", _OTHER_NUMBERS, _zero_factor),
    Cause(_FACTORED, "times zero", "Change the factor.",
          lambda at: "it multiplies by the number 0" if 0 in at.op.constants.values() else None),
    Cause(_FACTORED, "times zero", "Look at both.", _weak_factor),
    Cause(_ADDED, "cancels", "Check that the rows of the batch differ, and the signs in the loss.", _sum_cancels),
    Cause("mse_loss huber_loss smooth_l1_loss l1_loss", "no error", "Nothing is left to learn here.",
          lambda at: f"{at.out.name} is 0: {at.names(at.op.inputs)} are equal" if at.out.is_zero else None),
    Cause("abs norm vector_norm dist cdist", "flat", "Move it off 0.",
          lambda at: f"{at.one(at.targets, lambda z: z.is_zero).are_zero}, where PyTorch takes 0 as its slope"),
    Cause("where", "not picked", "Check the condition.", _condition),
    Cause("embedding", "masked", "It is the `padding_idx`: look at how the tokens were made.",
          lambda at: f"{at.given.entries(number(at.given.low))}, and for that it gives no gradient"
          if at.given.low == at.given.high else None),
    Cause(_MASKS, "masked", "Check the mask: it may be the wrong way round.",
          lambda at: f"it masked everything: {at.one(at.op.inputs[1:], lambda z: z.is_true).entries('True')}"),
    Cause(_DROPOUTS, "dropout", "Use a smaller `p`, and `model.eval()` where nothing is to be dropped.",
          lambda at: f"it dropped {'the only entry' if at.out.size == 1 else f'all {at.out.size:,} entries'}"
          if at.out.is_zero else None),
    Cause(_PICKERS, "not picked", "Use a smooth choice, such as `logsumexp`, if both should learn.",
          lambda at: f"it did not pick {at.asked.name} ({at.asked.reach}) but {at.one(at.others).name} "
          f"({at.one(at.others).reach})"),
    Cause(_PICKERS, "not picked", "Check which entries are used.",
          lambda at: f"what it picked of {at.asked.name} got no gradient"),
    Cause("round floor ceil trunc sign sgn fix heaviside floor_divide", "flat",
          "Leave it out of training, or pass the gradient by: `x + (x.round() - x).detach()`.",
          lambda _: "it is a staircase, and its slope is 0 everywhere"),
    Cause("std var", "flat", "Start with numbers that differ.",
          lambda at: "its result is 0, where PyTorch takes 0 as its slope" if at.out.is_zero else None),
    Cause(_SUMS, "cancels", "Check what the loss adds up: its parts have to differ.", _adds_up),
    Cause("setitem copy fill zero index_put index_fill", "overwritten", "Write the result into a new tensor.",
          lambda _: "it wrote over it in place"),
    Cause("cat concat concatenate stack hstack vstack pad roll", "not picked", "Use that part of the result as well.",
          lambda at: f"it puts {at.names(at.targets) or 'it'} next to others, and only the others are used"),
)  # fmt: skip
"""For each op that can let nothing through: what to say of it."""


def why_zero(at: Evidence) -> Finding:
    """Say why an op handed on nothing of a gradient that arrived."""
    for value in at.targets:
        if not at.trace.values[value].tensor.size:
            proof = f"{name(at.trace, value)} has no entries: nothing was picked"
            return Finding("not picked", proof, "Check the mask.")
    return _changed(at) or _explained(_ZERO, at) or _by_values(at, "zero", "0")


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
            used = f"{factor.name} {'was' if factor.size == 1 else 'ran'} {factor.reach} when {code(at.op.expression)}"
            proof = f"{used} used it, and was written over before the way back, out of autograd's sight"
            hint = "Write after the backward pass, and under `no_grad` in place of `.data`: then PyTorch keeps watch."
            return Finding("changed unseen", proof, hint, _written_by(at, value))
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
    if at.kind in f"{_CURVES} {_CLASSIFYING}".split():
        return _explained(_ZERO, at)
    if at.kind in _SUMS.split() and gain < ALONE:
        sizes = [found.largest for found in at.spans(at.targets)]
        scaled = at.kind in _NORMALISATIONS.split() and sizes and gain > CENTRED / max(1.0, *sizes)
        return None if scaled else _explained(_ZERO, at)
    if at.kind not in _FACTORED.split():
        return None
    factors = [f"{z.name}, which runs {z.reach}" for z in at.spans((at.others or at.targets)[:1]) if z.largest < LITTLE]
    if at.kind == "mul":
        small = (c for c in at.op.constants.values() if not isinstance(c, complex) and 0 < abs(c) < LITTLE)
        factors += [f"the number {number(c)}" for c in small]
    return Finding("times little", f"it multiplies by {factors[0]}", "Scale it up, or the loss.") if factors else None


# Not a number -----------------------------------------------------------------------------------------------------

_EPS = "Keep it above 0: `x.clamp(min=1e-6)` before it, or use `log_softmax` or `logsigmoid` for a log of those."
_LOGS = "log log2 log10 log1p xlogy"
_ROOTS = "sqrt pow float_power norm vector_norm dist"
_DIVISIONS = "div reciprocal rsqrt fmod remainder rdiv"
_SPREADS = "std var std_mean var_mean"
_SOFTMAXES = "softmax log_softmax scaled_dot_product_attention"


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


def _origin(at: Evidence) -> str | None:
    both = [found.name for found in at.spans(at.op.inputs) if found.zeros]
    return f"{both[0]} and {both[1]} are 0 together, where it has no slope" if len(both) == 2 else None


def _masked_row(at: Evidence) -> str:
    found = at.one(at.op.inputs, lambda z: z.infinite > 0 and z.low == -math.inf)
    return f"a whole row of {found.name} is -inf ({found.infinite:,} of {found.size:,} entries are), so it is 0/0"


def _most(dtype: str) -> str:
    return f"{number(RANGE[dtype][1])}, the largest number of {dtype}"


def _overflow(at: Evidence) -> Finding | None:
    made = at.trace.values[at.op.outputs[0]].tensor if at.op.outputs else None
    held, found = span(made), max(at.spans(at.op.inputs), key=lambda found: found.largest, default=None)
    if made is None or made.dtype not in RANGE or found is None or (held is not None and not held.infinite):
        return None
    proof = f"its result is above {_most(made.dtype)}: {found.name} reaches {number(found.largest)}"
    half = made.dtype == "float16"
    return Finding("overflow", proof, "Use bfloat16 or float32." if half else "Scale the values down before it.")


_NOT_FINITE: _Table = _table(
    Cause(_LOGS, "log of a negative", _EPS, lambda at: at.one(at.op.inputs, lambda z: z.low < _floor(at)).lowest),
    Cause(_LOGS, "log of 0", _EPS, _log_of_zero),
    Cause(_ROOTS, "root of a negative", "Keep it above 0: `x.clamp(min=1e-6)` before it.",
          lambda at: f"{at.given.lowest}, and a root of that is not a number"
          if _is_root(at) and at.given.low < 0 else None),
    Cause(_ROOTS, "root at 0", "Add a small number under the root, such as `1e-8`.",
          lambda at: f"{at.given.are_zero}, where its slope is infinite" if _is_root(at) and at.given.zeros else None),
    Cause(_DIVISIONS, "divided by 0", "Add a small number to the denominator, such as `1e-8`.", _divided),
    Cause(_DIVISIONS, "divided by 0", "Change the denominator.",
          lambda at: "it divides by the number 0" if 0 in at.op.constants.values() else None),
    Cause("exp exp2 expm1 sinh cosh", "overflow", "Take off the maximum first, as `softmax` and `logsumexp` do.",
          lambda at: f"the largest entry of {at.given.name} is {number(at.given.high)}, and its exponential is too "
          f"large for {at.trace.values[at.op.outputs[0]].dtype}"),
    Cause("acos asin arccos arcsin atanh acosh erfinv logit", "edge of its range",
          "Clamp it a little inside of -1 and 1.", _edge),
    Cause("logit", "log of 0", _EPS,
          lambda at: f"{at.one(at.targets or at.op.inputs, lambda z: z.zeros).are_zero}, where its slope is infinite"),
    Cause("atan2 arctan2", "0/0", "Move one of them off 0.", _origin),
    Cause(_SPREADS, "0/0", "Use `correction=0`, or more entries.",
          lambda at: f"there are too few entries in {at.given.name} to have a spread ({at.given.size:,} in all)"
          if at.out.nans else None),
    Cause(_SPREADS, "root at 0", "Add a small number to the variance, and take the root of that.",
          lambda at: f"entries of {at.given.name} that it compares are equal ({at.given.reach}): at a spread of 0 its "
          "slope is infinite"),
    Cause(_SOFTMAXES, "masked", "Leave something unmasked in each row, or mask with a large finite number.",
          _masked_row),
    Cause("cross_entropy nll_loss", "0/0", "Check the targets and `ignore_index`.",
          lambda at: f"{at.out.name} is a mean over no target at all: every one is ignored"
          if at.out.nans == at.out.size else None),
    Cause(f"{_DIVISIONS} {_SOFTMAXES} cross_entropy nll_loss", "overflow", "", _overflow),
)  # fmt: skip
"""For each op that can make NaN or infinity of finite numbers: what to say of it."""
_ON_PURPOSE = ("masked_fill", "where", "full", "full_like", "new_full", "fill", "triu", "tril", "setitem")
"""Ops by which an infinity is put there on purpose, as in a mask."""


def _first_bad(trace: Trace, value: int) -> int:
    """Follow NaN, then infinity, on the way forward to the value where it was made."""
    if not _HOLDS["nan"](trace.values[value].tensor):
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
    made = trace.values[value].op
    return made is not None and canonical(trace.ops[made].name) in _ON_PURPOSE


def why_forward(trace: Trace, value: int) -> Finding:
    """Say why a value is NaN or infinite: what the op that made it did to finite numbers."""
    first = _first_bad(trace, value)
    made = trace.values[first].op
    found = numbers_of(trace, first) or Span(name(trace, first), trace.values[first].tensor.size)
    what, count = "NaN" if found.nans else "infinite", found.nans + found.infinite or None
    look = "Look at where these numbers come from."
    if made is None:
        return Finding("in the data", f"{found.entries(what, count)} from the start", look, source=first)
    at = Evidence(trace, made, ())
    if at.kind in _ON_PURPOSE and count:
        return Finding("in the data", found.entries(f"{what} by this", count), look, made)
    if said := _explained(_NOT_FINITE, at) or _overflow(at):
        return replace(said, op=made)
    inputs = ", ".join(f"{z.name} {z.reach}" for z in at.spans(at.op.inputs))
    return Finding("nan", f"its result is {what}{f', from {inputs}' if inputs else ''}", "Look at its inputs.", made)


def why_not_finite(at: Evidence) -> Finding:
    """Say why an op made NaN or infinity of a finite upstream gradient."""
    values, has_nan = at.trace.values, _HOLDS["nan"]
    bad = [value for value in (*at.op.outputs, *at.op.inputs) if is_bad(values[value].tensor)]
    for value in sorted(bad, key=lambda value: not has_nan(values[value].tensor)):
        first = _first_bad(at.trace, value)
        if has_nan(values[first].tensor) or not _on_purpose(at.trace, first):
            return why_forward(at.trace, value)
    return _explained(_NOT_FINITE, at) or _outgrown(at) or _by_values(at, "nan", "NaN or infinite")


def _outgrown(at: Evidence) -> Finding | None:
    came, gone = span(at.upstream), span(at.contribution)
    if came is None or gone is None or gone.dtype not in RANGE or not gone.infinite or gone.nans:
        return None
    proof = f"an upstream gradient of up to {number(came.largest)} grew beyond {_most(gone.dtype)}"
    return Finding("overflow", proof, "Scale the loss or the values down; half precision needs it most.")

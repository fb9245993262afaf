"""Say what one op did to a gradient, or to the numbers on the way forward: the causes, as a table, one entry an op.

An entry looks at the numbers that were recorded, and speaks only if they prove it. To add a cause, add an entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from chainrule.calculus.notation import number
from chainrule.calculus.rules import canonical
from chainrule.trace import Op, Snapshot, Trace

LONGEST = 60
"""Names and expressions are cut after so many characters."""


@dataclass(frozen=True)
class Said:
    """Hold a cause in one or two words, the proof as part of a sentence, and the smallest thing to try."""

    cause: str
    proof: str
    hint: str
    op: int | None = None
    """The op to blame, where it is another one than the op that was asked about."""
    source: int | None = None
    """The value that it began with, where that was there from the start."""


@dataclass(frozen=True)
class Span:
    """Hold what is known of a tensor's numbers, whether they were kept or summed up."""

    size: int
    low: float
    high: float
    zeros: int
    nans: int
    infinite: int

    @property
    def largest(self) -> float:
        """Give the largest size of an entry."""
        return max(abs(self.low), abs(self.high))


def span(tensor: Snapshot | None) -> Span | None:
    """Sum a tensor up; `None` if nothing was kept, it is empty, or its numbers have no order."""
    if tensor is None or not tensor.size:
        return None
    if tensor.data is not None:
        data = tensor.data
        if data.dtype.kind == "c":
            return None
        if data.dtype.kind != "f":
            return Span(data.size, float(data.min()), float(data.max()), int((data == 0).sum()), 0, 0)
        nans = int(np.isnan(data).sum())
        known = data[~np.isnan(data)] if nans else data
        low, high = (float(known.min()), float(known.max())) if known.size else (math.nan, math.nan)
        infinite = int(np.isinf(known).sum()) if math.isinf(low) or math.isinf(high) else 0
        return Span(data.size, low, high, int((known == 0).sum()), nans, infinite)
    held = tensor.statistics or {}
    if not {"min", "max", "zeros", "nans", "infinite"} <= set(held):
        return None
    counts = (int(held[word]) for word in ("zeros", "nans", "infinite"))
    return Span(tensor.size, held["min"], held["max"], *counts)


def norm(tensor: Snapshot | None) -> float | None:
    """Give the Euclidean norm; 0 only if every entry is 0, not finite if some entry is not; `None` if not known."""
    if tensor is None:
        return None
    if tensor.data is not None:
        if tensor.data.size == 1:
            return abs(complex(tensor.data.item())) if tensor.data.dtype.kind == "c" else abs(float(tensor.data.item()))
        flat = np.abs(tensor.data).reshape(-1).astype(np.float64)
        total = float(np.dot(flat, flat))
        if 1e-200 < total < 1e200 or not flat.size:
            return math.sqrt(total)
        largest = float(flat.max())  # squares leave the range of float64
        return largest if not largest or not math.isfinite(largest) else largest * float(np.linalg.norm(flat / largest))
    held = tensor.statistics or {}
    known = held.get("norm")
    if known is None or not (known == 0 or math.isinf(known)) or "min" not in held:
        return known
    return max(abs(held["min"]), abs(held["max"]))  # float32 holds no square of it


@dataclass(frozen=True, eq=False)
class Step:
    """Describe one op's turn: the inputs that are asked about, and what came in and what went out."""

    trace: Trace
    number: int
    targets: tuple[int, ...]
    upstream: Snapshot | None = None
    contribution: Snapshot | None = None

    @property
    def op(self) -> Op:
        """Give the op."""
        return self.trace.ops[self.number]

    @property
    def kind(self) -> str:
        """Name the op as the tables do."""
        return canonical(self.op.name)

    @property
    def others(self) -> tuple[int, ...]:
        """List the inputs that are not asked about."""
        return tuple(value for value in self.op.inputs if value not in self.targets)

    def spans(self, values: tuple[int, ...]) -> Iterator[tuple[str, Span]]:
        """Give the name and the numbers of values, as far as they are known."""
        for value in values:
            if found := span(self.trace.values[value].tensor):
                yield name(self.trace, value), found


def short(text: str) -> str:
    """Put code into backticks, cut where it is long."""
    bare = " ".join(text.split()).replace("`", "'")
    return f"`{bare}`" if len(bare) <= LONGEST else f"`{bare[:LONGEST]}…`"


def name(trace: Trace, value: int) -> str:
    """Name a value as code."""
    return short(trace.values[value].name)


def entries(name: str, size: int, words: str, count: int | None = None) -> str:
    """Say something of all or some entries: `x` is 0; all 4 entries of `x` are 0; 2 of the 4 entries of `x` are 0."""
    if size == 1:
        return f"{name} is {words}"
    if count is None or count == size:
        return f"all {size:,} entries of {name} are {words}"
    return f"{count:,} of the {size:,} entries of {name} {'is' if count == 1 else 'are'} {words}"


def reach(found: Span) -> str:
    """Write where numbers run."""
    return number(found.low) if found.low == found.high else f"from {number(found.low)} to {number(found.high)}"


_KNOWN: WeakKeyDictionary[Trace, dict[tuple[str, int], int]] = WeakKeyDictionary()
"""Where each way back was found to lead, so that many questions about one trace walk it once."""


def _source(trace: Trace, value: int, word: str, holds: Callable[[int], bool]) -> int:
    """Follow something that holds of a value, back on the way forward, to the value that it began with."""
    known, way, at = _KNOWN.setdefault(trace, {}), [], value
    while (word, at) not in known:
        way.append(at)
        made = trace.values[at].op
        inputs = trace.ops[made].inputs if made is not None else ()
        earlier = next((v for v in inputs if v < at and holds(v)), None)
        if earlier is None:
            known[word, at] = at
        else:
            at = earlier
    for passed in way:
        known[word, passed] = known[word, at]
    return known[word, at]


# Nothing came through ---------------------------------------------------------------------------------------------


def _relu(step: Step) -> Said | None:
    for called, z in step.spans(step.targets):
        if z.high < 0:
            proof = entries(called, z.size, "negative") + (f" (largest {number(z.high)})" if z.size > 1 else "")
            proof = proof if z.size > 1 else f"{called} is {number(z.high)}, and negative"
        elif z.high == 0:
            proof = f"no entry of {called} is above 0 (largest 0)" if z.size > 1 else f"{called} is 0"
        else:
            proof = f"it let nothing of the upstream gradient through, though {called} runs up to {number(z.high)}"
            return Said("dead relu", f"{proof}: where that is above 0, the upstream gradient is 0", _LEAK)
        return Said("dead relu", f"it let nothing through: {proof}", _LEAK)
    return None


_LEAK = "Lower the learning rate, start with other weights or a positive bias, or use `leaky_relu`."


def _clamp(step: Step) -> Said | None:
    for called, z in step.spans(step.targets):
        for _, out in step.spans(step.op.outputs):
            proof = f"it cut off {called if z.size == 1 else f'all {z.size:,} entries of {called}'}"
            proof += f" ({reach(z)} became {reach(out)}), and what is cut off gets no gradient"
            return Said("clamped", proof, "Widen the limits, or bring the values back inside them.")
    return None


def _saturated(step: Step) -> Said | None:
    for called, z in step.spans(step.targets):
        for _, out in step.spans(step.op.outputs):
            proof = f"it is saturated: with {called} {'at' if z.size == 1 else 'running'} {reach(z)}"
            proof += f" its result is {reach(out)}, where the curve is flat"
            return Said("saturated", proof, "Scale the input down: smaller weights, a normalisation, scaled data.")
    return None


def _softmax(step: Step) -> Said | None:
    if not step.op.outputs:
        return None
    out = span(step.trace.values[step.op.outputs[0]].tensor)
    if out is not None and step.kind == "softmax" and (out.zeros == 0 or out.high < 1):
        return Said(
            "cancels",
            "each row of its result adds up to 1 whatever goes in, and where the upstream gradient is the same along "
            "a row its parts cancel",
            "Use the probabilities one by one, such as in `cross_entropy`, and not their sum.",
        )
    return _saturated(step)


def _cross_entropy(step: Step) -> Said | None:
    for called, z in step.spans(step.targets):
        for loss, out in step.spans(step.op.outputs):
            if out.nans:
                return _cross_nan(step)
            proof = f"it is saturated: {called} runs {reach(z)}, and {loss} is {reach(out)}, so nothing is left to push"
            return Said("saturated", proof, "Scale the logits down; if the loss is 0 for good, it has learned all.")
    return None


def _product(step: Step) -> Said | None:
    factors = step.others[:1] if step.kind in _WITH_BIAS and step.targets else step.others
    factors = factors or (step.targets if step.kind in ("mul", "dot", "matmul") else ())
    for value in factors:
        if norm(step.trace.values[value].tensor) == 0:
            return _made_zero(step, value)
    if any(constant == 0 for constant in step.op.constants.values()):
        return Said("times zero", "it multiplies by the number 0", "Change the factor.")
    for value in factors:
        factor = span(step.trace.values[value].tensor)
        if factor is None or step.upstream is None or norm(step.upstream) == 0:
            continue
        called = name(step.trace, value)
        if factor.zeros:
            proof = f"it multiplies by {called}, and {entries(called, factor.size, '0', factor.zeros)}"
            return Said("times zero", proof + "; where it is not, nothing arrives, or it cancels", "Look at both.")
        if (up := span(step.upstream)) and 0 < up.largest * factor.largest < _SMALLEST.get(step.upstream.dtype, 0.0):
            proof = f"an upstream gradient of up to {number(up.largest)} times {called} of up to "
            proof += f"{number(factor.largest)} is too small for {step.upstream.dtype}"
            return Said("underflow", proof, "Scale the loss up (`torch.amp.GradScaler`), or compute in float32.")
    spread = any(
        step.trace.values[a].tensor.size < step.trace.values[b].tensor.size
        for a in step.targets
        for b in step.op.outputs
    )
    known = all(span(step.trace.values[value].tensor) for value in factors)
    if factors and known and step.kind in _WITH_SUM and (spread or step.kind != "mul"):
        proof = "the products that it adds up cancel: they are not 0, their sum is"
        return Said("cancels", proof, "Check that the rows of the batch differ, and the signs in the loss.")
    return None


_WITH_BIAS = frozenset({"linear", "conv1d", "conv2d", "conv3d", "bilinear"})
_WITH_SUM = frozenset({"linear", "matmul", "dot", "bmm", "einsum", "addmm", "conv1d", "conv2d", "conv3d", "mul"})
_SMALLEST = {"float16": 6e-8, "bfloat16": 9.2e-41, "float32": 1.4e-45, "float64": 5e-324}


def _made_zero(step: Step, value: int) -> Said:
    """Say why a factor is 0: follow zeros on the way forward to where they were made."""
    trace, called = step.trace, name(step.trace, value)
    first = _source(trace, value, "zero", lambda v: norm(trace.values[v].tensor) == 0)
    made = trace.values[first].op
    if made is not None:
        op = trace.ops[made]
        maker = ZERO.get(canonical(op.name))
        if maker in (_relu, _dropout, _masked, _where, _clamp):
            floats = tuple(v for v in op.inputs if trace.values[v].dtype != "bool")
            said = maker(Step(trace, made, floats))
            if said is not None:
                return Said(said.cause, said.proof, said.hint, made)
    origin = called if first == value else f"{called}, which is 0 because {name(trace, first)} is"
    proof = f"it multiplies by {origin}: {entries(name(trace, first), trace.values[first].tensor.size, '0')}"
    hint = "Give the factor other numbers; a weight that begins at 0 has to be so on purpose."
    return Said("times zero", proof, hint, source=first)


def _power(step: Step) -> Said | None:
    for called, base in step.spans(step.targets):
        if base.zeros == base.size:
            proof = f"{entries(called, base.size, '0')}, where its slope is 0"
            return Said("times zero", proof, "If this is the error, nothing is left to learn; otherwise move it off 0.")
    return _product(step)


def _no_error(step: Step) -> Said | None:
    for called, out in step.spans(step.op.outputs):
        if out.zeros == out.size:
            names = " and ".join(name(step.trace, value) for value in step.op.inputs)
            return Said("no error", f"{called} is 0: {names} are equal", "Nothing is left to learn here.")
    return None


def _where(step: Step) -> Said | None:
    condition = step.op.inputs[:1]
    for called, flags in step.spans(condition):
        if flags.low == flags.high:
            said = "True" if flags.low else "False"
            values = [name(step.trace, v) for v in step.targets if v not in condition]
            proof = f"it did not pick {' or '.join(values) or 'it'}: {entries(called, flags.size, said)}"
            return Said("not picked", proof, "Check the condition.")
    return None


def _masked(step: Step) -> Said | None:
    for value in step.op.inputs[1:]:
        mask = span(step.trace.values[value].tensor)
        if mask is not None and step.trace.values[value].dtype == "bool" and mask.low == 1:
            proof = f"it masked everything: {entries(name(step.trace, value), mask.size, 'True')}"
            return Said("masked", proof, "Check the mask: it may be the wrong way round.")
    return None


def _dropout(step: Step) -> Said | None:
    for _, out in step.spans(step.op.outputs):
        if out.zeros == out.size:
            proof = f"it dropped {'the only entry' if out.size == 1 else f'all {out.size:,} entries'}"
            return Said("dropout", proof, "Use a smaller `p`, and `model.eval()` where nothing is to be dropped.")
    return None


def _picked(step: Step) -> Said | None:
    for called, mine in step.spans(step.targets):
        for other, theirs in step.spans(step.others):
            proof = f"it did not pick {called} ({reach(mine)}) but {other} ({reach(theirs)})"
            return Said("not picked", proof, "Use a smooth choice, such as `logsumexp`, if both should learn.")
        return Said("not picked", f"what it picked of {called} got no gradient", "Check which entries are used.")
    return None


def _flat(step: Step) -> Said | None:
    proof = "it is a staircase, and its slope is 0 everywhere"
    return Said("flat", proof, "Leave it out of training, or pass the gradient by: `x + (x.round() - x).detach()`.")


def _cancels(step: Step) -> Said | None:
    proof = "what it adds up on the way back cancels"
    for _, out in step.spans(step.op.outputs if step.kind in ("std", "var") else ()):
        if out.zeros == out.size:
            return Said(
                "flat", "its result is 0, where PyTorch takes 0 as its slope", "Start with numbers that differ."
            )
    if step.kind in _CENTRED:
        proof = (
            "it centres and scales what goes in, so that a gradient which only asks to shift or to stretch its result "
        )
        proof += "cancels"
    elif up := span(step.upstream):
        proof += f": the upstream gradient {'is' if up.low == up.high else 'runs'} {reach(up)}, and its sum is 0"
    return Said("cancels", proof, "Check what the loss adds up: its parts have to differ.")


_CENTRED = frozenset({"layer_norm", "batch_norm", "group_norm", "instance_norm", "std", "var", "normalize"})


def _overwritten(step: Step) -> Said | None:
    return Said("overwritten", "it wrote over it in place", "Write the result into a new tensor.")


def _part(step: Step) -> Said | None:
    names = " and ".join(name(step.trace, v) for v in step.targets)
    proof = f"it puts {names or 'it'} next to others, and only the others are used"
    return Said("not picked", proof, "Use that part of the result as well.")


def _at_zero(step: Step) -> Said | None:
    for called, found in step.spans(step.targets):
        if found.zeros == found.size:
            return Said(
                "flat", f"{entries(called, found.size, '0')}, where PyTorch takes 0 as its slope", "Move it off 0."
            )
    return None


def _embedding(step: Step) -> Said | None:
    for called, tokens in step.spans(step.op.inputs[:1]):
        if tokens.low == tokens.high:
            proof = f"{entries(called, tokens.size, number(tokens.low))}, and for that it gives no gradient"
            return Said("masked", proof, "It is the `padding_idx`: look at how the tokens were made.")
    return None


_Explain = Callable[[Step], Said | None]
ZERO: dict[str, _Explain] = {
    **dict.fromkeys(("relu", "threshold"), _relu),
    **dict.fromkeys(("clamp", "clamp_min", "clamp_max", "clip", "relu6", "hardtanh", "hardsigmoid"), _clamp),
    **dict.fromkeys(
        ("sigmoid", "tanh", "erf", "softsign", "logsigmoid", "elu", "selu", "gelu", "silu", "softplus", "mish", "exp",
         "atan", "arctan", "celu", "expit", "softmin"), _saturated),
    **dict.fromkeys(("softmax", "log_softmax"), _softmax),
    **dict.fromkeys(("cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits",
                     "hinge_embedding_loss", "margin_ranking_loss", "multi_margin_loss"), _cross_entropy),
    **dict.fromkeys(("mul", "matmul", "linear", "bmm", "dot", "addmm", "baddbmm", "einsum", "conv1d", "conv2d",
                     "conv3d", "bilinear", "div", "rdiv", "outer", "ger", "inner", "tensordot",
                     "embedding_bag", "conv_transpose2d", "addcmul", "lerp", "prod"), _product),
    **dict.fromkeys(("pow", "square", "rpow", "float_power"), _power),
    **dict.fromkeys(("mse_loss", "huber_loss", "smooth_l1_loss", "l1_loss"), _no_error),
    **dict.fromkeys(("abs", "norm", "vector_norm", "dist", "cdist"), _at_zero),
    "where": _where,
    "embedding": _embedding,
    **dict.fromkeys(("masked_fill", "masked_select", "masked_scatter"), _masked),
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout"), _dropout),
    **dict.fromkeys(("max", "min", "amax", "amin", "maximum", "minimum", "fmax", "fmin", "topk", "sort"), _picked),
    **dict.fromkeys(("round", "floor", "ceil", "trunc", "sign", "sgn", "fix", "heaviside", "floor_divide"), _flat),
    **dict.fromkeys(("add", "sub", "rsub", "sum", "mean", "expand", "broadcast_to", *_CENTRED), _cancels),
    **dict.fromkeys(("setitem", "copy", "fill", "zero", "index_put", "index_fill", "masked_fill_"), _overwritten),
    **dict.fromkeys(("cat", "concat", "concatenate", "stack", "hstack", "vstack", "pad", "roll"), _part),
}  # fmt: skip
"""For each op that can let nothing through: what to say of it."""


def why_zero(step: Step) -> Said:
    """Say why an op handed on nothing of a gradient that arrived."""
    empty = [value for value in step.targets if not step.trace.values[value].tensor.size]
    if empty:
        return Said("not picked", f"{name(step.trace, empty[0])} has no entries: nothing was picked", "Check the mask.")
    explain = ZERO.get(step.kind)
    said = _changed(step) or (explain(step) if explain else None)
    return said or _by_values(step, "zero", "0")


def _changed(step: Step) -> Said | None:
    """Say that a factor was written over before the way back, out of autograd's sight: it was not 0 when it was used.

    A product of numbers none of which is 0 is 0 only if one of them was another by then. (Where a broadcast is added up
    on the way back, it may also have cancelled, and nothing is said here.)
    """
    if step.kind not in ("mul", "pow", "square"):
        return None
    factors = step.others or step.targets
    came = span(step.upstream)
    power = (_exponent(step) or 0.0) - 1 if step.kind == "pow" else 1.0  # an exponent that learns is left alone
    stretched = came is None or step.contribution is None or step.contribution.size != came.size
    if came is None or stretched or came.zeros or power <= 0 or 0 in step.op.constants.values():
        return None
    for value in factors:
        factor = span(step.trace.values[value].tensor)
        if factor is None or min(abs(factor.low), abs(factor.high)) ** power * came.largest < _TELLING:
            continue
        if factor.low * factor.high > 0:
            called = name(step.trace, value)
            used = f"{called} {'was' if factor.size == 1 else 'ran'} {reach(factor)} when {short(step.op.expression)}"
            proof = f"{used} used it, and was written over before the way back, out of autograd's sight"
            hint = "Write after the backward pass, and under `no_grad` in place of `.data`: then PyTorch keeps watch."
            return Said("changed unseen", proof, hint, _written_by(step, value))
    return None


def _written_by(step: Step, value: int) -> int | None:
    """Find the op that last took or wrote a tensor which shares a value's memory and which autograd does not follow."""
    ops, shared, found = step.trace.ops, {value}, None
    for i, op in enumerate(ops):
        if op.inputs and op.inputs[0] in shared:
            taken = op.name in ("data", "detach")
            inside = op.inputs[0] != value and (op.name.endswith("_") or op.name in ("setitem", "__setitem__"))
            if taken or inside:
                shared.update(op.outputs)
                found = i
    return found


_TELLING = 1e-6
"""A product above this is not 0 by rounding, in half precision either."""


def _by_values(step: Step, cause: str, became: str) -> Said:
    """Say what is known of any op: what arrived, and what went on."""
    came, gone = span(step.upstream), step.contribution
    arrived = (
        f"an upstream gradient {'of' if came.low == came.high else 'running'} {reach(came)}" if came else "a gradient"
    )
    if came and came.nans:
        arrived = "an upstream gradient with NaN"
    where = f"all {gone.size:,} entries of what it handed on are" if gone else "all of what it handed on is"
    if cause == "nan":
        where = "entries of what it handed on are"
    if gone is not None and gone.size == 1:
        where = "what it handed on is"
    return Said(cause, f"{arrived} arrived there, and {where} {became}", "Look at its inputs.")


def flattens(step: Step, gain: float) -> Said | None:
    """Say why an op all but lost a gradient: it is saturated, multiplies by something small, or lets parts cancel."""
    explain = ZERO.get(step.kind)
    if explain in (_saturated, _softmax, _cross_entropy):
        return explain(step)
    if explain is _cancels and gain < 1e-4:
        sizes = [found.largest for _, found in step.spans(step.targets)]
        return None if step.kind in _CENTRED and sizes and gain > 0.01 / max(1.0, *sizes) else _cancels(step)
    if explain in (_product, _power):
        factors = step.others or step.targets
        for called, factor in step.spans(factors[:1]):
            if factor.largest < 1e-3:
                proof = f"it multiplies by {called}, which runs {reach(factor)}"
                return Said("times little", proof, "Scale it up, or the loss.")
        small = [c for c in step.op.constants.values() if not isinstance(c, complex) and 0 < abs(c) < 1e-3]
        if small and step.kind == "mul":
            return Said("times little", f"it multiplies by the number {number(small[0])}", "Scale it up, or the loss.")
    return None


# Not a number -----------------------------------------------------------------------------------------------------


def _zeros_in(step: Step, cause: str, words: str, hint: str) -> Said | None:
    for called, found in step.spans(step.targets or step.op.inputs):
        if found.zeros:
            return Said(cause, f"{entries(called, found.size, '0', found.zeros)}, {words}", hint)
    return None


def _log(step: Step) -> Said | None:
    for called, found in step.spans(step.op.inputs):
        floor = -1.0 if step.kind == "log1p" else 0.0
        if found.low < floor:
            return Said("log of a negative", f"the smallest entry of {called} is {number(found.low)}", _EPS)
        if found.low == floor:
            words = f"{number(floor)}, where the logarithm is -inf"
            return Said("log of 0", entries(called, found.size, words, found.zeros or None), _EPS)
    return None


_EPS = "Keep it above 0: `x.clamp(min=1e-6)` before it, or use `log_softmax` or `logsigmoid` for a log of those."


def _sqrt(step: Step) -> Said | None:
    for called, found in step.spans(step.op.inputs[:1]):
        exponent = _exponent(step)
        if step.kind in ("pow", "rpow", "float_power") and (exponent is None or exponent >= 1):
            return None
        if found.low < 0:
            proof = f"the smallest entry of {called} is {number(found.low)}, and a root of that is not a number"
            return Said("root of a negative", proof, "Keep it above 0: `x.clamp(min=1e-6)` before it.")
        if found.zeros:
            proof = f"{entries(called, found.size, '0', found.zeros)}, where its slope is infinite"
            return Said("root at 0", proof, "Add a small number under the root, such as `1e-8`.")
    return None


def _exponent(step: Step) -> float | None:
    held = step.op.constants.get("b")
    if held is not None and not isinstance(held, complex):
        return float(held)
    return None


def _divided(step: Step) -> Said | None:
    below = step.op.inputs[-1:] if step.kind in ("div", "fmod", "remainder") else step.op.inputs
    for called, found in step.spans(below):
        if found.zeros:
            above = span(step.trace.values[step.op.inputs[0]].tensor) if step.kind == "div" else None
            both = " (0/0)" if above is not None and above.zeros and len(step.op.inputs) > 1 else ""
            proof = f"it divides by {called}, and {entries(called, found.size, '0', found.zeros)}{both}"
            return Said("divided by 0", proof, "Add a small number to the denominator, such as `1e-8`.")
    if any(constant == 0 for constant in step.op.constants.values()):
        return Said("divided by 0", "it divides by the number 0", "Change the denominator.")
    return _overflow(step)


def _exp(step: Step) -> Said | None:
    for called, found in step.spans(step.op.inputs):
        proof = f"the largest entry of {called} is {number(found.high)}, and its exponential is too large for "
        dtype = step.trace.values[step.op.outputs[0]].dtype
        return Said("overflow", proof + dtype, "Take off the maximum first, as `softmax` and `logsumexp` do.")
    return None


def _arc(step: Step) -> Said | None:
    for called, found in step.spans(step.op.inputs):
        if found.largest >= 1:
            proof = (
                f"{called} reaches {number(found.high if found.high >= 1 else found.low)}, where its slope is infinite"
            )
            return Said("edge of its range", proof, "Clamp it a little inside of -1 and 1.")
    return None


def _atan2(step: Step) -> Said | None:
    both = [called for called, found in step.spans(step.op.inputs) if found.zeros]
    if len(both) == 2:
        return Said("0/0", f"{both[0]} and {both[1]} are 0 together, where it has no slope", "Move one of them off 0.")
    return None


def _spread(step: Step) -> Said | None:
    for called, found in step.spans(step.op.inputs[:1]):
        for _, out in step.spans(step.op.outputs):
            if out.nans:
                proof = f"there are too few entries in {called} to have a spread ({found.size:,} in all)"
                return Said("0/0", proof, "Use `correction=0`, or more entries.")
        proof = (
            f"entries of {called} that it compares are equal ({reach(found)}): at a spread of 0 its slope is infinite"
        )
        return Said("root at 0", proof, "Add a small number to the variance, and take the root of that.")
    return None


def _masked_row(step: Step) -> Said | None:
    for called, found in step.spans(step.op.inputs):
        if found.infinite and found.low == -math.inf:
            proof = f"a whole row of {called} is -inf ({found.infinite:,} of {found.size:,} entries are), so it is 0/0"
            return Said("masked", proof, "Leave something unmasked in each row, or mask with a large finite number.")
    return _overflow(step)


def _cross_nan(step: Step) -> Said | None:
    for called, out in step.spans(step.op.outputs):
        if out.nans == out.size and step.kind in ("cross_entropy", "nll_loss"):
            proof = f"{called} is a mean over no target at all: every one is ignored"
            return Said("0/0", proof, "Check the targets and `ignore_index`.")
    return _overflow(step)


def _overflow(step: Step) -> Said | None:
    made = step.trace.values[step.op.outputs[0]] if step.op.outputs else None
    limit = LIMITS.get(made.dtype) if made else None
    inputs = list(step.spans(step.op.inputs))
    if limit is None or made is None or not inputs:
        return None
    called, found = max(inputs, key=lambda item: item[1].largest)
    held = span(made.tensor)
    if held is not None and not held.infinite:
        return None
    proof = f"its result is above {number(limit)}, the largest number of {made.dtype}: "
    proof += f"{called} reaches {number(found.largest)}"
    half = made.dtype == "float16"
    return Said("overflow", proof, "Use bfloat16 or float32." if half else "Scale the values down before it.")


LIMITS = {"float16": 65504.0, "bfloat16": 3.3895e38, "float32": 3.4028e38, "float64": 1.7977e308}

NOT_FINITE: dict[str, _Explain] = {
    **dict.fromkeys(("log", "log2", "log10", "log1p", "xlogy"), _log),
    **dict.fromkeys(("sqrt", "pow", "float_power", "norm", "vector_norm", "dist"), _sqrt),
    **dict.fromkeys(("div", "reciprocal", "rsqrt", "fmod", "remainder", "rdiv"), _divided),
    **dict.fromkeys(("exp", "exp2", "expm1", "sinh", "cosh"), _exp),
    **dict.fromkeys(("acos", "asin", "arccos", "arcsin", "atanh", "acosh", "erfinv"), _arc),
    **dict.fromkeys(("atan2", "arctan2"), _atan2),
    **dict.fromkeys(("std", "var", "std_mean", "var_mean"), _spread),
    **dict.fromkeys(("softmax", "log_softmax", "scaled_dot_product_attention"), _masked_row),
    **dict.fromkeys(("cross_entropy", "nll_loss"), _cross_nan),
    "logit": lambda step: _arc(step) or _zeros_in(step, "log of 0", "where its slope is infinite", _EPS),
}
"""For each op that can make NaN or infinity of finite numbers: what to say of it."""
_ON_PURPOSE = frozenset({"masked_fill", "where", "full", "full_like", "new_full", "fill", "triu", "tril", "setitem"})
"""Ops by which an infinity is put there on purpose, as in a mask."""


def is_bad(tensor: Snapshot) -> bool:
    """Tell whether some entry is NaN or infinite."""
    size = norm(tensor)
    return size is not None and not math.isfinite(size)


def _has_nan(trace: Trace, value: int) -> bool:
    found = span(trace.values[value].tensor)
    return found is not None and found.nans > 0


def first_bad(trace: Trace, value: int) -> tuple[int, bool]:
    """Follow NaN, then infinity, on the way forward to the value where it was made; whether it is NaN there."""

    def bad(at: int) -> bool:
        return is_bad(trace.values[at].tensor)

    if not _has_nan(trace, value):
        return _source(trace, value, "bad", bad), False
    at = _source(trace, value, "nan", lambda v: _has_nan(trace, v))
    made = trace.values[at].op
    for earlier in trace.ops[made].inputs if made is not None else ():
        if earlier < at and bad(earlier):
            source = _source(trace, earlier, "bad", bad)
            maker = trace.values[source].op
            if maker is not None and canonical(trace.ops[maker].name) not in _ON_PURPOSE:
                return source, False
    return at, True


def why_forward(trace: Trace, value: int) -> Said:
    """Say why a value is NaN or infinite: what the op that made it did to finite numbers."""
    at, nan = first_bad(trace, value)
    held = trace.values[at]
    found = span(held.tensor)
    what = "NaN" if nan or (found is not None and found.nans) else "infinite"
    if held.op is None:
        bad = None if found is None else found.nans + found.infinite
        proof = entries(name(trace, at), held.tensor.size, what, bad)
        hint = "Look at where these numbers come from."
        return Said("in the data", f"{proof} from the start", hint, source=at)
    step = Step(trace, held.op, ())
    if step.kind in _ON_PURPOSE and found is not None:
        proof = entries(name(trace, at), found.size, f"{what} by this", found.nans + found.infinite)
        return Said("in the data", proof, "Look at where these numbers come from.", held.op)
    explain = NOT_FINITE.get(step.kind, _overflow)
    said = explain(step) or _overflow(step)
    if said is None:
        inputs = ", ".join(f"{called} {reach(s)}" for called, s in step.spans(step.op.inputs))
        said = Said("nan", f"its result is {what}{f', from {inputs}' if inputs else ''}", "Look at its inputs.")
    return Said(said.cause, said.proof, said.hint, held.op)


def why_not_finite(step: Step) -> Said:
    """Say why an op made NaN or infinity of a finite upstream gradient."""
    around = (*step.op.outputs, *step.op.inputs)
    bad = [value for value in around if is_bad(step.trace.values[value].tensor)]
    nan_first = sorted(bad, key=lambda value: not _has_nan(step.trace, value))
    for value in nan_first:
        at, nan = first_bad(step.trace, value)
        maker = step.trace.values[at].op
        if nan or maker is None or canonical(step.trace.ops[maker].name) not in _ON_PURPOSE:
            return why_forward(step.trace, value)
    explain = NOT_FINITE.get(step.kind)
    said = explain(step) if explain else None
    if said is None and (came := span(step.upstream)) and step.contribution is not None:
        limit = LIMITS.get(step.contribution.dtype)
        gone = span(step.contribution)
        if limit and gone and gone.infinite and not gone.nans:
            proof = f"an upstream gradient of up to {number(came.largest)} grew beyond {number(limit)}, "
            proof += f"the largest number of {step.contribution.dtype}"
            return Said("overflow", proof, "Scale the loss or the values down; half precision needs it most.")
    return said or _by_values(step, "nan", "NaN or infinite")

"""A recording as PyTorch code that anybody can run: the lines behind the leaves, which the page writes itself."""

from __future__ import annotations

import cmath
import keyword
import re
from collections.abc import Mapping, Sequence

from chainrule.calculus.rules import canonical
from chainrule.trace import Argument, Array, Number, Op, Trace

TWO = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}", "pow": "{}**{}", "matmul": "{} @ {}",
    "dot": "{} @ {}", "rsub": "{1} - {0}", "rdiv": "{1} / {0}", "rpow": "{1} ** {0}",
}  # fmt: skip
"""How an op with two arguments is written."""
FUNCTIONS = frozenset(
    ["square", "exp", "log", "sqrt", "reciprocal", "abs", "sin", "cos", "tanh", "sigmoid", "relu", "clone", "detach"]
)
FUNCTIONAL = frozenset([
    "linear", "mse_loss", "l1_loss", "nll_loss", "cross_entropy", "layer_norm", "batch_norm", "group_norm", "gelu",
    "silu", "embedding", "conv1d", "conv2d", "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d",
    "scaled_dot_product_attention",
])  # fmt: skip
"""What stands in `torch.nn.functional`."""
METHODS = frozenset([
    "softmax", "log_softmax", "bmm", "clamp", "masked_fill", "maximum", "minimum", "max", "min", "amax", "amin",
    "round", "floor", "sign", "remainder", "gt", "lt", "ge", "le", "eq", "ne", "select", "index_select", "narrow",
    "unbind", "split", "chunk", "gather", "expand", "permute", "transpose", "where",
])  # fmt: skip
"""What can be asked of a tensor."""
SHAPED = frozenset(["reshape", "view", "flatten", "squeeze", "unsqueeze"])


def names(trace: Trace, values: Sequence[int]) -> dict[int, str]:
    """Return a name for each value, which Python allows and no other value has."""
    found: dict[int, str] = {}
    taken: set[str] = set()
    for value in values:
        bare = re.sub(r"\W+", "_", trace.values[value].name).strip("_")[:24] or "value"
        if bare[0].isdigit() or keyword.iskeyword(bare) or bare in ("torch", "print"):
            bare = f"_{bare}"
        name, again = bare, 2
        while name in taken:
            name, again = f"{bare}_{again}", again + 1
        found[value] = name
        taken.add(name)
    return found


def lines(trace: Trace, ops: Sequence[int], called: Mapping[int, str]) -> list[str] | None:
    """Return each op as a line of code; `None` if the arguments of one are not all known."""
    written = []
    for number in ops:
        op = trace.ops[number]
        text = _line(trace, op, [called[value] for value in op.inputs]) if op.inputs else None
        if text is None:
            return None
        written.append(f"{', '.join(called.get(value, '_') for value in op.outputs)} = {text}")
    return written


def _line(trace: Trace, op: Op, inputs: list[str]) -> str | None:
    name = canonical(op.name)
    arguments = {**dict(zip(op.letters, inputs, strict=False)), **{a: _number(n) for a, n in op.constants.items()}}
    words = [arguments[letter] for letter in sorted(arguments)]
    before, after = trace.values[op.inputs[0]].shape, trace.values[op.outputs[0]].shape
    given = [
        f"{'' if place.isdigit() else place + '='}{_code(one, inputs)}"
        for place, one in op.call.items()
        if place.isdigit() or not (one is None or place[0] == "_")
    ]
    if name in FUNCTIONAL and given:
        return f"torch.nn.functional.{name}({', '.join(given)})"
    if name in ("cat", "stack") or (name == "where" and trace.values[op.inputs[0]].dtype == "bool"):
        return f"torch.{name}({', '.join(given)})"
    if name == "getitem" and len(given) == 2:
        index = op.call["1"] if isinstance(op.call["1"], tuple) else (op.call["1"],)
        return f"{inputs[0]}[{', '.join(_code(one, inputs, in_index=True) for one in index)}]"
    if name == "dropout" and (mask := kept(trace, op)) is not None:
        return f"{inputs[0]} * torch.tensor({mask.tolist()}, dtype=torch.{mask.dtype})"
    if name in METHODS and op.call.get("0") == "@0":
        return f"{inputs[0]}.{name}({', '.join(given[1:])})"
    if not words:  # given by keyword, so that nobody knows which is which
        return None
    if name in TWO and len(words) == 2:
        return TWO[name].format(*words)
    if name == "neg":
        return f"-{words[0]}"
    if name in FUNCTIONS:
        return f"torch.{name}({words[0]})"
    if name in ("sum", "mean") and (dims := reduced(trace, op)) is not None:
        whole = not after and len(dims) == len(before)
        return f"{words[0]}.{name}({'' if whole else f'dim={dims}, keepdim={len(before) == len(after)}'})"
    if name in ("T", "t", "transpose"):
        return f"{words[0]}.T" if len(before) == 2 else words[0]
    return f"{words[0]}.reshape({after})" if name in SHAPED else None


def reduced(trace: Trace, op: Op) -> tuple[int, ...] | None:
    """Return the dimensions that a sum or a mean went over; `None` where the shapes leave it open."""
    before, after = trace.values[op.inputs[0]].shape, trace.values[op.outputs[0]].shape
    every = tuple(range(len(before)))
    if not after:
        return every
    given = [n for n in op.constants.values() if isinstance(n, int) and not isinstance(n, bool)]
    if given:
        return (given[0] % len(before),)
    if len(before) == len(after):
        return tuple(i for i in every if before[i] != after[i])
    fits = [i for i in every if before[:i] + before[i + 1 :] == after]
    return (fits[0],) if len(fits) == 1 and len(before) == len(after) + 1 else None


def kept(trace: Trace, op: Op) -> Array | None:
    """Return what a dropout multiplied each entry by; `None` if it cannot be told."""
    given, made = (trace.values[value].data for value in (op.inputs[0], op.outputs[0]))
    for backward in range(len(trace.passes)):
        for term in trace.terms_into(op.inputs[0], backward):
            if term.outputs == op.outputs and term.local is not None:
                return term.local.data
    return None if given is None or made is None or not given.all() else made / given


def _code(given: Argument, inputs: list[str], in_index: bool = False) -> str:
    if isinstance(given, tuple):
        return f"[{', '.join(_code(one, inputs) for one in given)}]"
    if isinstance(given, str):
        if in_index and re.fullmatch(r"\.\.\.|[-\d:]+", given):
            return given
        return inputs[int(given[1:])] if re.fullmatch(r"@\d+", given) else repr(given)
    return "None" if given is None else _number(given)


def _number(number: Number) -> str:
    written = repr(number) if cmath.isfinite(number) else f"float({str(number)!r})"
    return f"({written})" if written.startswith("-") else written

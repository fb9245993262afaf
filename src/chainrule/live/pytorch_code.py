"""A recording as PyTorch code that anybody can run: the lines behind the leaves, which the page writes itself."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence

from chainrule.calculus.rules import canonical
from chainrule.trace import Number, Op, Trace

INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "matmul": "@", "dot": "@"}
REVERSED = {"rsub": "-", "rdiv": "/", "rpow": "**"}
FUNCTIONS = frozenset(
    ["square", "exp", "log", "sqrt", "reciprocal", "abs", "sin", "cos", "tanh", "sigmoid", "relu", "clone", "detach"]
)


def names(trace: Trace, values: Sequence[int]) -> dict[int, str]:
    """Give each value a name that Python allows and no other value has."""
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
    """Write each op as a line; `None` if there is one whose arguments are not all known."""
    written = []
    for number in ops:
        op = trace.ops[number]
        text = _line(trace, op, [called[value] for value in op.inputs])
        if text is None or len(op.outputs) != 1:
            return None
        written.append(f"{called[op.outputs[0]]} = {text}")
    return written


def _line(trace: Trace, op: Op, inputs: list[str]) -> str | None:
    name = canonical(op.name)
    arguments = {**dict(zip(op.letters, inputs, strict=False)), **{a: _number(n) for a, n in op.constants.items()}}
    words = [arguments[letter] for letter in sorted(arguments)]
    from_, to = trace.values[op.inputs[0]].shape, trace.values[op.outputs[0]].shape
    if name in INFIX and len(words) == 2:
        base = f"({words[0]})" if name == "pow" and words[0].startswith("-") else words[0]
        sign = INFIX[name]
        return f"{base}{sign}{words[1]}" if name == "pow" else f"{base} {sign} {words[1]}"
    if name in REVERSED and len(words) == 2:
        return f"{words[1]} {REVERSED[name]} {words[0]}"
    if name == "neg":
        return f"-{words[0]}"
    if name in FUNCTIONS:
        return f"torch.{name}({words[0]})"
    if name in ("sum", "mean"):
        dims = reduced(trace, op)
        if dims is None:
            return None
        if not to and len(dims) == len(from_):
            return f"{words[0]}.{name}()"
        return f"{words[0]}.{name}(dim={dims}, keepdim={len(from_) == len(to)})"
    if name in ("linear", "mse_loss"):
        return f"torch.nn.functional.{name}({', '.join(inputs)})"
    if name in ("T", "t", "transpose"):
        return f"{words[0]}.T" if len(from_) == 2 else words[0]
    if name in ("reshape", "view", "flatten", "squeeze", "unsqueeze"):
        return f"{words[0]}.reshape({to})"
    return None


def reduced(trace: Trace, op: Op) -> tuple[int, ...] | None:
    """Find the dimensions that a sum or a mean went over; `None` where the shapes leave it open."""
    from_, to = trace.values[op.inputs[0]].shape, trace.values[op.outputs[0]].shape
    every = tuple(range(len(from_)))
    if not to:
        return every
    given = [n for n in op.constants.values() if isinstance(n, int) and not isinstance(n, bool)]
    if given:
        return (given[0] % len(from_),)
    if len(from_) == len(to):
        return tuple(i for i in every if from_[i] != to[i])
    fits = [i for i in every if from_[:i] + from_[i + 1 :] == to]
    return (fits[0],) if len(fits) == 1 and len(from_) == len(to) + 1 else None


def _number(number: Number) -> str:
    written = repr(number)
    return f"({written})" if written.startswith("-") else written

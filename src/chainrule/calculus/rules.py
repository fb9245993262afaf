"""Calculus as a table: for each op its local gradients, one expression for each argument.

A rule says how a local gradient is *written*; what it *is* comes from PyTorch, and a test holds the two together,
op by op. In an expression `a`, `b`, ... are the op's arguments in order, `out` is its result, and `n` is the number
of elements in the first argument divided by that of the result. To add an op, add an entry.
"""

from __future__ import annotations

from collections.abc import Mapping

from chainrule.calculus.expression import Constant, Expression, Name, Operation, parse, substitute
from chainrule.trace import Op, Term, Trace

RULES: dict[str, tuple[str, ...]] = {
    "add": ("1", "1"),  # a sum hands the upstream gradient to both inputs unchanged
    "sub": ("1", "-1"),  # a difference hands it on to the first input, and with a minus to the second
    "rsub": ("-1", "1"),  # the input is subtracted, so the gradient changes its sign
    "mul": ("b", "a"),  # a product scales the gradient of each input by the other input
    "div": ("1 / b", "-a / b**2"),  # a larger denominator makes the quotient less sensitive
    "neg": ("-1",),  # the sign changes, and so does the gradient's
    "square": ("2 * a",),  # the further from 0, the steeper
    "pow": ("b * a**(b - 1)", "out * log(a)"),  # the exponent comes down as a factor
    "exp": ("out",),  # the slope equals the value
    "log": ("1 / a",),  # the slope grows without bound towards 0
    "sqrt": ("1 / (2 * out)",),  # the slope grows without bound towards 0
    "reciprocal": ("-(out**2)",),  # a larger input makes the result smaller
    "abs": ("sign(a)",),  # the gradient passes with the input's sign; at 0 it is 0
    "sin": ("cos(a)",),  # the slope of a sine is the cosine
    "cos": ("-sin(a)",),  # the slope of a cosine is minus the sine
    "tanh": ("1 - out**2",),  # near -1 and 1 almost nothing passes
    "sigmoid": ("out * (1 - out)",),  # at most a quarter passes; near 0 and 1 almost nothing
    "relu": ("step(a)",),  # a gate: open where the input is above 0, shut elsewhere
    "sum": ("1",),  # each term counts once, so each gets the upstream gradient
    "mean": ("1 / n",),  # each of n terms counts 1/n, so each gets that share of the gradient
    "dot": ("b", "a"),  # a dot product scales the gradient of each vector by the other vector
    "clone": ("1",),  # a copy hands the gradient on unchanged
}

CARRIERS = {"matmul": ("G @ b.T", "a.T @ G"), "linear": ("G @ b", "G.T @ a")}
"""Products of matrices, whose local gradients would be huge tables: for each argument, what carries the upstream
gradient `G` to it. A vector counts as a row or as a column, whichever fits.
"""

ALIASES = {
    "mm": "matmul", "mv": "matmul",
    "true_divide": "div", "divide": "div", "multiply": "mul", "subtract": "sub", "negative": "neg", "absolute": "abs",
}  # fmt: skip


def canonical(name: str) -> str:
    """Name the rule that an op goes by: in-place ops go by the op that they do in place.

    >>> canonical("sub_"), canonical("__rsub__"), canonical("true_divide")
    ('sub', 'rsub', 'div')
    """
    bare = name.strip("_")
    return ALIASES.get(bare, bare)


def carrier(trace: Trace, term: Term, upstream: Expression) -> list[tuple[str, Expression]]:
    """Return the factors that carry an upstream gradient `G` through a product of matrices to an argument.

    Each comes by its letter and in the names of the code that ran. There are none if the op is no such product,
    multiplies stacks of matrices, or takes the same value twice.
    """
    op = trace.ops[term.op]
    if canonical(op.name) not in CARRIERS:
        return []
    letters = [letter for letter, value in op.operands.items() if value == term.value]
    stacked = any(len(trace.values[value].shape) > 2 for value in (*op.inputs, *op.outputs))
    if stacked or len(letters) != 1 or not op.operands.keys() >= {"a", "b"}:
        return []
    found, words = _rule(CARRIERS[canonical(op.name)], letters[0]), {**_names(trace, op), "G": upstream}
    return [(str(part), substitute(part, words)) for part in found.parts] if isinstance(found, Operation) else []


def local_gradient(op: str, letter: str, words: Mapping[str, Expression]) -> Expression | None:
    """Return an op's local gradient for one argument, with an expression for each letter; `None` if no rule is known.

    Plain numbers are worked out, so the rule for a power gives a square its usual form.

    >>> str(local_gradient("pow", "a", {"a": Name("error"), "b": Constant(2)}))
    '2 error'
    """
    tree = _rule(RULES.get(canonical(op), ()), letter)
    return None if tree is None else substitute(tree, words)


def recorded_local_gradient(trace: Trace, term: Term) -> Expression | None:
    """Return a recorded local gradient in the names of the code that ran; `None` if no rule is known."""
    op = trace.ops[term.op]
    types = (trace.values[term.value].dtype, trace.values[term.output].dtype)
    if term.letter is None or canonical(op.name) not in RULES:
        return None
    if term.kind == "jacobian" or any("complex" in dtype for dtype in types):
        return None  # rules are about real numbers, entry by entry
    words = {**_names(trace, op), "out": Name(trace.values[term.output].name)}
    share = trace.values[term.value].tensor.size // max(1, trace.values[term.output].tensor.size)
    words |= {letter: Constant(value) for letter, value in (*op.constants.items(), ("n", share))}
    return local_gradient(op.name, term.letter, words)


def _names(trace: Trace, op: Op) -> dict[str, Expression]:
    return {letter: Name(trace.values[value].name) for letter, value in op.operands.items()}


def _rule(written: tuple[str, ...], letter: str) -> Expression | None:
    position = ord(letter) - ord("a")
    return parse(written[position]) if 0 <= position < len(written) else None

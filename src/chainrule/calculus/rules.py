"""Calculus as a table: for each op its symbol, its local gradients as one expression each, and a sentence.

A rule says how a local gradient is *written*; what it *is* comes from PyTorch, and a test holds the two together,
op by op. In an expression `a`, `b`, ... are the op's arguments in order, `out` is its result, and `n` is the number
of elements in the first argument divided by that of the result. To add an op, add an entry.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chainrule.calculus.notation import latex_name, latex_number, number
from chainrule.trace import Number, Term, Trace

Words = Mapping[str, str]


@dataclass(frozen=True)
class Rule:
    """Hold how one op is written: a symbol, one local gradient per argument, and what it does to a gradient."""

    symbol: str
    locals: tuple[str, ...]
    sentence: str


RULES: dict[str, Rule] = {
    "add": Rule("+", ("1", "1"), "A sum hands the upstream gradient to both inputs unchanged."),
    "sub": Rule("-", ("1", "-1"), "A difference hands it on to the first input, and with a minus to the second."),
    "rsub": Rule("-", ("-1", "1"), "The input is subtracted, so the gradient changes its sign."),
    "mul": Rule("*", ("b", "a"), "A product scales the gradient of each input by the other input."),
    "div": Rule("/", ("1 / b", "-a / b**2"), "A larger denominator makes the quotient less sensitive."),
    "neg": Rule("-", ("-1",), "The sign changes, and so does the gradient's."),
    "square": Rule("^2", ("2 * a",), "The further from 0, the steeper."),
    "pow": Rule("^", ("b * a**(b - 1)", "out * log(a)"), "The exponent comes down as a factor."),
    "exp": Rule("exp", ("out",), "The slope equals the value."),
    "log": Rule("log", ("1 / a",), "The slope grows without bound towards 0."),
    "sqrt": Rule("sqrt", ("1 / (2 * out)",), "The slope grows without bound towards 0."),
    "reciprocal": Rule("1 /", ("-(out**2)",), "A larger input makes the result smaller."),
    "abs": Rule("abs", ("sign(a)",), "The gradient passes with the input's sign; at 0 it is 0."),
    "sin": Rule("sin", ("cos(a)",), "The slope of a sine is the cosine."),
    "cos": Rule("cos", ("-sin(a)",), "The slope of a cosine is minus the sine."),
    "tanh": Rule("tanh", ("1 - out**2",), "Near -1 and 1 almost nothing passes."),
    "sigmoid": Rule("sigmoid", ("out * (1 - out)",), "At most a quarter passes; near 0 and 1 almost nothing."),
    "relu": Rule("relu", ("step(a)",), "A gate: open where the input is above 0, shut elsewhere."),
    "sum": Rule("sum", ("1",), "Each term counts once, so each gets the upstream gradient."),
    "mean": Rule("mean", ("1 / n",), "Each of n terms counts 1/n, so each gets that share of the gradient."),
    "dot": Rule("dot", ("b", "a"), "A dot product scales the gradient of each vector by the other vector."),
    "clone": Rule("copy", ("1",), "A copy hands the gradient on unchanged."),
}

MAPS = {"matmul": ("G @ b.T", "a.T @ G"), "linear": ("G @ b", "G.T @ a")}
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


def carriers(trace: Trace, term: Term) -> tuple[tuple[int | None, bool], ...]:
    """Give the two factors that carry an upstream gradient through a product of matrices to one of its arguments.

    Each is a value, or `None` for the upstream gradient, and whether it is transposed. Empty if the op is no such
    product, multiplies stacks of matrices, or takes the same value twice.
    """
    op = trace.ops[term.op]
    products = MAPS.get(canonical(op.name), ())
    letters = [letter for letter, value in op.operands.items() if value == term.value]
    stacked = any(len(trace.values[value].shape) > 2 for value in (*op.inputs, *op.outputs))
    if stacked or len(letters) != 1 or (position := ord(letters[0]) - ord("a")) >= len(products):
        return ()
    factors = products[position].split(" @ ")
    return tuple((op.operands.get(factor[0]), factor.endswith(".T")) for factor in factors)


def local_gradient(
    op: str, letter: str, words: Words, constants: Mapping[str, Number] | None = None, latex: bool = False
) -> str | None:
    r"""Write an op's local gradient for one argument, with names and plain numbers filled in.

    `None` if no rule is known. Plain numbers are worked out, so the rule for a power gives a square its usual form.

    >>> local_gradient("pow", "a", {"a": "error"}, {"b": 2})
    '2 error'
    >>> print(local_gradient("div", "b", {"a": "x", "b": "y_hat"}, latex=True))
    \frac{-x}{\hat{y}^{2}}
    """
    rule = RULES.get(canonical(op))
    position = ord(letter) - ord("a")
    if rule is None or position >= len(rule.locals):
        return None
    tree = _fold(ast.parse(rule.locals[position], mode="eval").body, constants or {})
    return (_latex if latex else _plain)(tree, words)


def written(trace: Trace, term: Term, latex: bool = False) -> str | None:
    """Write one recorded local gradient in the names of the code that ran; `None` if no rule is known."""
    op = trace.ops[term.op]
    types = (trace.values[term.value].dtype, trace.values[term.output].dtype)
    if term.letter is None or term.kind == "jacobian" or any("complex" in dtype for dtype in types):
        return None  # rules are about real numbers, entry by entry
    words = {letter: trace.values[value].name for letter, value in op.operands.items()}
    words["out"] = trace.values[term.output].name
    result = trace.values[term.output].tensor
    constants = dict(op.constants) | {"n": trace.values[term.value].tensor.size // max(1, result.size)}
    return local_gradient(op.name, term.letter, words, constants, latex)


def _fold(tree: ast.expr, constants: Mapping[str, Number]) -> ast.expr:
    """Put plain numbers in, and work out what is made of them alone."""
    match tree:
        case ast.Name(id=name) if name in constants:
            return ast.Constant(constants[name])
        case ast.BinOp(left=left, op=op, right=right):
            left, right = _fold(left, constants), _fold(right, constants)
            match left, op, right:
                case ast.Constant(value=int() | float() as a), ast.Sub(), ast.Constant(value=int() | float() as b):
                    return ast.Constant(a - b)
                case _, ast.Pow(), ast.Constant(value=1):
                    return left
            return ast.BinOp(left, op, right)
        case ast.UnaryOp(op=sign, operand=operand):
            return ast.UnaryOp(sign, _fold(operand, constants))
        case ast.Call(func=function, args=[argument]):
            return ast.Call(function, [_fold(argument, constants)], [])
    return tree


def loose(written: str) -> bool:
    """Tell whether a factor needs parentheses inside a product: it is a sum, or begins with a minus.

    >>> loose("1 - out**2"), loose("-2"), loose("h * (1 - h)")
    (True, True, False)
    """
    depth = 0
    for position, character in enumerate(written):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(character, 0)
        if not depth and character in "+-" and (position == 0 or written[position - 1] == " "):
            return True
    return False


_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_RANK: dict[type[ast.operator], int] = {ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.Div: 2, ast.Pow: 4}


def _rank(tree: ast.expr) -> int:
    if isinstance(tree, ast.BinOp):
        return _RANK[type(tree.op)]
    return 3 if isinstance(tree, ast.UnaryOp) or (isinstance(tree, ast.Constant) and "-" in repr(tree.value)) else 5


def _word(name: str, words: Words, rank: int) -> str:
    """Fill in a name; what is not a plain name or number goes into parentheses where it would be misread."""
    word = words.get(name, name)
    return f"({word})" if rank > 1 and not _is_plain(word) else word


def _is_plain(word: str) -> bool:
    """Tell a plain name or number from an expression."""
    return bool(re.fullmatch(r"[\w.#\[\]]+", word))


def _plain(tree: ast.expr, words: Words, rank: int = 0) -> str:
    def inside(part: ast.expr, needed: int) -> str:
        written = _plain(part, words, needed)
        return f"({written})" if _rank(part) < needed else written

    match tree:
        case ast.Constant(value=int() | float() as value):
            return number(value)
        case ast.Name(id=name):
            return _word(name, words, rank)
        case ast.UnaryOp(operand=operand):
            return f"-{inside(operand, 2)}"
        case ast.BinOp(left=ast.Constant() as left, op=ast.Mult(), right=ast.Name(id=name)):
            return f"{_plain(left, words)} {_word(name, words, 2)}"
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return f"{inside(left, 5)}**{inside(right, 5)}"
        case ast.BinOp(left=left, op=op, right=right):
            level = _RANK[type(op)]
            return f"{inside(left, level)} {_SIGNS[type(op)]} {inside(right, level + 1)}"
        case ast.Call(func=ast.Name(id=name), args=[argument]):
            return f"{name}({_plain(argument, words)})"
    raise ValueError(f"{ast.unparse(tree)} cannot be written: a rule is made of names, numbers, + - * / ** and calls")


_FUNCTIONS: dict[str, Callable[[str], str]] = {
    "log": lambda a: rf"\ln {a}",
    "cos": lambda a: rf"\cos {a}",
    "sin": lambda a: rf"\sin {a}",
    "sign": lambda a: rf"\operatorname{{sign}}({a})",
    "step": lambda a: rf"[{a} > 0]",
}


def _latex(tree: ast.expr, words: Words, rank: int = 0) -> str:
    def inside(part: ast.expr, needed: int) -> str:
        written = _latex(part, words, needed)
        return rf"\left({written}\right)" if _rank(part) < needed else written

    match tree:
        case ast.Constant(value=int() | float() as value):
            return latex_number(value)
        case ast.Name(id=name):
            return _latex_word(words.get(name, name), rank)
        case ast.UnaryOp(operand=operand):
            return f"-{inside(operand, 2)}"
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return f"{inside(left, 5)}^{{{_latex(right, words)}}}"
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return rf"\frac{{{_latex(left, words)}}}{{{_latex(right, words)}}}"
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return rf"{inside(left, 2)}\,{inside(right, 3)}"
        case ast.BinOp(left=left, op=op, right=right):
            return f"{inside(left, 1)} {_SIGNS[type(op)]} {inside(right, 2)}"
        case ast.Call(func=ast.Name(id=name), args=[argument]):
            return _FUNCTIONS[name](_latex(argument, words))
    raise ValueError(f"{ast.unparse(tree)} cannot be written: a rule is made of names, numbers, + - * / ** and calls")


def _latex_word(word: str, rank: int = 0) -> str:
    try:
        return latex_number(float(word) if not word.lstrip("-").isdigit() else int(word))
    except ValueError:
        return rf"\left({latex_name(word)}\right)" if rank > 1 and not _is_plain(word) else latex_name(word)

"""Expressions as one tree: rules, local gradients and derivations are made of it, and each notation prints it.

A tree says what is done with what. How that looks is up to a `Notation`: text here, LaTeX and MathML in `maths`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from chainrule.calculus import notation
from chainrule.trace import Number, Snapshot


class Expression:
    """Anything that can be written as maths; `str` writes it as text."""

    def __str__(self) -> str:
        return TEXT.write(self)


@dataclass(frozen=True)
class Name(Expression):
    """A value's name, or code that makes one, such as `w - 1`."""

    name: str

    @property
    def is_plain(self) -> bool:
        """Whether it can be read as one name wherever it stands."""
        return bool(re.fullmatch(r"[\w.#\[\]]+", self.name))


@dataclass(frozen=True)
class Constant(Expression):
    """A plain number; with the `source` that it has in the user's code, if it stands there."""

    value: Number
    source: str = ""


@dataclass(frozen=True)
class Numbers(Expression):
    """A recorded tensor's numbers; a list of one number is written as the number, unless it is to be `whole`."""

    tensor: Snapshot | None
    whole: bool = False


@dataclass(frozen=True)
class Recorded(Expression):
    """A factor in words, such as `2 error`, together with the numbers that were recorded for it."""

    words: Expression
    numbers: Numbers


@dataclass(frozen=True)
class Derivative(Expression):
    """The derivative of what is `above` (of several, of their sum) with respect to what is `below`, all by name."""

    above: tuple[str, ...]
    below: str


@dataclass(frozen=True)
class Operation(Expression):
    """An operation on parts: a sum `+`, a negative `-`, a quotient `/`, a power `**`, `.T`, a product, or a call.

    Products are `*` in a formula, `@` of matrices, `chain` along a path of single numbers, the same in `figures`, or
    one step between tensors, called as in `chainrule.trace.Kind`. A call is called by its function and `()`.
    """

    kind: str
    parts: tuple[Expression, ...]


def product(kind: str, *factors: Expression) -> Operation:
    """Return a product in which products of the same kind are no factors of their own."""
    flat = [f.parts if isinstance(f, Operation) and f.kind == kind else (f,) for f in factors]
    return Operation(kind, tuple(part for parts in flat for part in parts))


_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "+", ast.Mult: "*", ast.MatMult: "@", ast.Div: "/", ast.Pow: "**",
}  # fmt: skip


def parse(source: str, names: Collection[str] = ()) -> Expression:
    """Return the tree of a Python expression, in which whatever reads like one of the `names` is that name.

    Raises `ValueError` for what is no formula.

    >>> parse("2 * a").parts
    (Constant(value=2, source='2'), Name(name='a'))
    """

    def read(tree: ast.expr) -> Expression:
        plain = ast.unparse(tree)
        if plain in names:
            return Name(plain)
        match tree:
            case ast.Constant(value=int() | float() as value):
                return Constant(value, plain)
            case ast.Attribute(attr="T", value=matrix):
                return Operation(".T", (read(matrix),))
            case ast.UnaryOp(op=ast.USub(), operand=part):
                return Operation("-", (read(part),))
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return Operation("+", (read(left), Operation("-", (read(right),))))
            case ast.BinOp(left=left, op=ast.Mult() | ast.MatMult() as op, right=right):
                return product(_OPERATORS[type(op)], read(left), read(right))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return Operation(_OPERATORS[type(op)], (read(left), read(right)))
            case ast.Call(func=function, args=arguments, keywords=[]):
                return Operation(f"{ast.unparse(function)}()", tuple(map(read, arguments)))
            case ast.Name() | ast.Attribute() | ast.Subscript() | ast.Call() | ast.List() | ast.Tuple():
                return Name(plain)
        raise ValueError(f"{plain} cannot be written: a formula is made of names, numbers, + - * / ** @, .T and calls")

    return read(ast.parse(source, mode="eval").body)


def formula(source: str, names: Collection[str] = ()) -> Expression:
    """Return the tree of an expression in somebody's code, or the code as it stands if it is no formula."""
    try:
        return parse(source, names)
    except (SyntaxError, ValueError, RecursionError):
        return Name(source)


def substitute(tree: Expression, by: Mapping[str, Expression]) -> Expression:
    """Return a tree with other expressions for its names; what is then made of constants alone is worked out.

    >>> str(substitute(parse("b * a**(b - 1)"), {"a": Name("error"), "b": Constant(2)}))
    '2 error'
    """
    match tree:
        case Name(name):
            return by.get(name, tree)
        case Constant(value):
            return Constant(value)
        case Operation(kind, parts):
            parts = tuple(substitute(part, by) for part in parts)
            values = [part.value for part in parts if isinstance(part, Constant)]
            if kind in ("-", "+") and len(values) == len(parts):
                return Constant(-values[0] if kind == "-" else sum(values))
            return parts[0] if kind == "**" and parts[1] == Constant(1) else Operation(kind, parts)
    return tree


def figures(tree: Expression) -> Expression:
    """Return a tree with the recorded numbers in place of the words.

    >>> import numpy as np
    >>> eight = Numbers(Snapshot((), "float32", np.array(8.0)))
    >>> chain = product("chain", Recorded(Name("c"), eight), Recorded(Name("x"), eight))
    >>> str(chain), str(figures(chain))
    ('c * x', '(8)(8)')
    """
    match tree:
        case Recorded(numbers=numbers):
            return numbers
        case Operation("chain", parts):
            return product("figures", *map(figures, parts))
        case Operation(kind, parts):
            return Operation(kind, tuple(map(figures, parts)))
    return tree


SUM, PRODUCT, SIGNED, POWER, ATOM = range(1, 6)
"""How tightly an expression holds together; one that holds less than its place needs stands in parentheses."""
FACTOR, ALWAYS = 6, 7
"""What else a place may need: parentheses around what is loose, a sum or a leading minus; or around anything."""
NEEDS: dict[str, tuple[int, int, int]] = {
    "+": (0, 0, SUM),
    "*": (PRODUCT, SIGNED, PRODUCT),
    "@": (SIGNED, SIGNED, PRODUCT),
    **dict.fromkeys(("chain", "gradient", "elementwise", "jacobian"), (FACTOR, FACTOR, PRODUCT)),
    "figures": (ALWAYS, ALWAYS, PRODUCT),
    "-": (PRODUCT, 0, SIGNED),
    "/": (PRODUCT, SIGNED, PRODUCT),
    "**": (ATOM, ATOM, POWER),
    ".T": (ATOM, 0, POWER),
    **dict.fromkeys(("log()", "sin()", "cos()"), (ATOM, 0, ATOM)),  # where they have a form
}
"""Of each operation: what the places of its first part and of the others need, and how tightly it holds together."""


class Notation:
    """A way to write expressions: as text; maths has other forms. Where parentheses stand is decided here for all."""

    forms: Mapping[str, str] = {
        **dict.fromkeys(("*", "chain", "gradient", "elementwise"), " * "), **dict.fromkeys(("@", "jacobian"), " @ "),
        "figures": "", "-": "-{}", "/": "{} / {}", "**": "{}**{}", ".T": "{}.T", "literal": "{}",
        ",": ", ", "plus": " + ", "less": " - ", "minus": "-", "beside": " ",
    }  # fmt: skip
    """Each operation's template, or the sign between its parts; and signs: `less` in front of a part that is
    subtracted, `minus` in front of a negative, `beside` between a coefficient and its name.
    """
    needs = NEEDS

    def name(self, called: str) -> str:
        """Return a variable's name."""
        return called

    def number(self, x: Number) -> str:
        """Return one number."""
        return notation.number(x)

    def numbers(self, tensor: Snapshot | None) -> str:
        """Return a tensor's numbers."""
        return notation.numbers(tensor)

    def derivative(self, above: Sequence[str], below: str) -> str:
        """Return a derivative of one name, or of a sum of several, with respect to another."""
        return notation.derivative(" + ".join(above), below)

    def function(self, called: str) -> str:
        """Return the name of a function."""
        return called

    def brackets(self, written: str, flat: bool = False) -> str:
        """Return parentheses around what is written; as high as the line, if they may be `flat`."""
        return f"({written})"

    def write(self, tree: Expression, needed: int = 0) -> str:
        """Return an expression, in parentheses if its place needs them; of what was recorded, the words."""
        if isinstance(tree, Recorded):
            return self.write(tree.words, needed)
        written = self._plain(tree)
        if needed == ALWAYS or (needed == FACTOR and self.is_loose(tree, written)):
            return self.brackets(written, flat=True)
        return self.brackets(written) if self._hold(tree) < needed < FACTOR else written

    def is_loose(self, tree: Expression, written: str = "") -> bool:
        """Return whether an expression needs parentheses in a chain: it is a sum, or begins with a minus."""
        match tree:
            case Name(name):
                return not tree.is_plain and _is_loose_code(name)
            case Numbers():
                return False
        return self._hold(tree) < PRODUCT or (written or self._plain(tree)).startswith(self.forms["minus"])

    def _hold(self, tree: Expression) -> int:
        """Return how tightly an expression holds together."""
        match tree:
            case Name():
                return ATOM if tree.is_plain else SUM
            case Derivative():
                return self.needs["/"][-1]
            case Constant(value) if notation.number(value).startswith("-"):
                return SIGNED
            case Operation(kind) if kind in self.needs:
                return self.needs[kind][-1]
        return ATOM

    def _plain(self, tree: Expression) -> str:
        match tree:
            case Name(name):
                return self.name(name)
            case Constant(value, source):
                return self.forms["literal"].format(source) if source else self.number(value)
            case Numbers(tensor, whole):
                one = None if whole or tensor is None else tensor.number
                return self.numbers(tensor) if one is None else self.number(one)
            case Derivative(above, below):
                return self.derivative(above, below)
            case Operation(kind, parts):
                return self._operation(kind, parts)
        raise TypeError(f"{tree!r} is no expression")

    def _operation(self, kind: str, parts: tuple[Expression, ...]) -> str:
        match kind, parts:
            case "*", (Constant(source="") as factor, Name() as name):
                return self.write(factor) + self.forms["beside"] + self.write(name, SIGNED)
            case "+", (start, *others):
                return self.write(start) + "".join(self._added(self.write(part)) for part in others)
        if kind not in self.forms:
            return self.function(kind.removesuffix("()")) + self.brackets(self.forms[","].join(map(self.write, parts)))
        form, (first, rest, _) = self.forms[kind], self.needs.get(kind, (0, 0, ATOM))
        written = [self.write(part, rest if i else first) for i, part in enumerate(parts)]
        return form.format(*written) if "{}" in form else form.join(written)

    def _added(self, part: str) -> str:
        minus, plus, less = (self.forms[sign] for sign in ("minus", "plus", "less"))
        return less + part.removeprefix(minus) if part.startswith(minus) else plus + part


TEXT = Notation()


@lru_cache(1024)
def _is_loose_code(code: str) -> bool:
    try:
        tree = parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return True
    return isinstance(tree, Operation) and TEXT.is_loose(tree)

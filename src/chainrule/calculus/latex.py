"""Expressions in LaTeX."""

from __future__ import annotations

import re

from chainrule.calculus import notation
from chainrule.calculus.expression import ATOM, POWER, PRODUCT, SIGNED, Expression, Form, Notation, products
from chainrule.trace import Snapshot

ACCENTS = {"hat": r"\hat", "bar": r"\bar", "tilde": r"\tilde"}


def write(tree: Expression) -> str:
    r"""Return an expression in LaTeX.

    >>> from chainrule.calculus.expression import parse
    >>> print(write(parse("1 - y_hat**2")))
    1 - \hat{y}^{2}
    """
    return LATEX.write(tree)


def number(x: complex) -> str:
    r"""Return one number.

    >>> print(number(1.2e-10))
    1.2\times 10^{-10}
    """
    written = notation.number(x)
    if "j" in written or "e" not in written:
        return {"nan": r"\mathrm{NaN}", "inf": r"\infty", "-inf": r"-\infty"}.get(written, written)
    mantissa, exponent = written.split("e")
    return rf"{mantissa}\times 10^{{{exponent}}}"


def numbers(tensor: Snapshot | None) -> str:
    r"""Return a tensor's numbers, small ones as a row of numbers or a matrix.

    >>> import numpy as np
    >>> print(numbers(Snapshot((3,), "float32", np.array([16.0, 24.0, 8.0]))))
    (16,\ 24,\ 8)
    """
    rows = notation.rows(tensor)
    if tensor is None or rows is None:
        return rf"\text{{{notation.numbers(tensor)}}}"
    if len(tensor.shape) < 2:
        row = r",\ ".join(map(number, rows[0]))
        return f"({row})" if tensor.shape else row
    matrix = r" \\ ".join(" & ".join(map(number, row)) for row in rows)
    return rf"\begin{{pmatrix}} {matrix} \end{{pmatrix}}"


def name(called: str) -> str:
    r"""Return a variable's name.

    >>> for called in ("w", "y_hat", "w1", "loss", "loss#2", "h_prev", "a * b"): print(name(called))
    w
    \hat{y}
    w_{1}
    \mathrm{loss}
    \mathrm{loss}_{(2)}
    h_{\mathrm{prev}}
    \texttt{a * b}
    """
    stem, accents, indices = notation.name_parts(called)
    if stem in notation.GREEK:
        written = f"\\{stem}"
    elif len(stem) == 1 and (stem.isascii() or "α" <= stem <= "ω"):
        written = stem
    else:
        written = _upright(stem) if stem.isidentifier() else rf"\texttt{{{escape(stem)}}}"
    for accent in accents:
        written = f"{ACCENTS[accent]}{{{written}}}"
    below = ",".join(index if re.fullmatch(r"[ -~]|\(?\d+\)?", index) else _upright(index) for index in indices)
    return f"{written}_{{{below}}}" if below else written


def escape(text: str) -> str:
    """Return text in which LaTeX reads nothing as a command."""
    escaped = {"\\": r"\textbackslash ", "{": r"\{", "}": r"\}", "^": r"\^{}", "~": r"\~{}"}
    return "".join(escaped.get(c, f"\\{c}" if c in "_#$%&" else c) for c in text)


def _upright(word: str) -> str:
    return rf"\mathrm{{{escape(word)}}}" if word.isascii() else rf"\text{{{escape(word)}}}"


def _derivative(above: tuple[str, ...], below: str) -> str:
    return rf"\frac{{{' + '.join(map(_partial, above))}}}{{{_partial(below)}}}"


def _partial(called: str) -> str:
    r"""Return `\partial w`; a name of several letters stands a little apart from the sign."""
    written = name(called)
    if written.startswith(r"\texttt"):
        return rf"\partial\left({written}\right)"
    return (r"\partial\," if written.startswith(r"\mathrm") else r"\partial ") + written


def _function(called: str) -> str:
    vjp, _, op = called.partition("_")
    if vjp == "vjp":
        return rf"\mathrm{{vjp}}_{{\mathrm{{{op.replace('_', ' ')}}}}}"
    return r"\textstyle\sum" if called == "sum" else rf"\mathrm{{{escape(called)}}}"


LATEX = Notation(
    name=name,
    literal=str,
    number=number,
    numbers=numbers,
    derivative=_derivative,
    function=_function,
    brackets=lambda written, flat: f"({written})" if flat and r"\frac" not in written else rf"\left({written}\right)",
    forms={
        **products(r"\,", r" \cdot ", r" \odot ", r"\,"),
        "-": Form("-{}", PRODUCT, 0, SIGNED),
        "/": Form(r"\frac{{{}}}{{{}}}", 0, 0, POWER),
        "**": Form("{}^{{{}}}", ATOM, 0, POWER),
        ".T": Form(r"{}^{{\top}}", ATOM, 0, POWER),
        ",": Form(", ", 0, 0, ATOM),
        "log()": Form(r"\ln {}", ATOM, 0, ATOM),
        "sin()": Form(r"\sin {}", ATOM, 0, ATOM),
        "cos()": Form(r"\cos {}", ATOM, 0, ATOM),
        "sign()": Form(r"\operatorname{{sign}}({})", 0, 0, ATOM),
        "step()": Form("[{} > 0]", 0, 0, ATOM),
    },
    signs=("-", " + ", " - "),
    beside=r"\,",
    fraction=POWER,
)

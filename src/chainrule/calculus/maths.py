"""Expressions as maths: in LaTeX, and in MathML, which browsers draw themselves, inside a shadow root too."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from chainrule.calculus import notation
from chainrule.calculus.expression import ATOM, NEEDS, POWER, Name, Notation
from chainrule.trace import Snapshot

WORD = r"[^\W\d_]{3,}"
GREEK = frozenset({
    "alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "lambda", "mu", "rho", "sigma", "tau", "phi", "psi",
    "omega",
})  # fmt: skip
ACCENTS = ("hat", "bar", "tilde")


class Maths(Notation):
    """What LaTeX and MathML have in common: fractions, matrices, and names with accents and indices."""

    needs = NEEDS | {"/": (0, 0, POWER), "**": (ATOM, 0, POWER)}
    # What each has its own way to write: text that is no formula, a name's stem and indices, a matrix, a part of a
    # derivative.
    text: Callable[[str], str]
    _stem: Callable[[str], str]
    _below: Callable[[Sequence[str]], str]
    _matrix: Callable[[Sequence[Sequence[str]]], str]
    _partial: Callable[[str], str]

    def name(self, called: str) -> str:
        """Return a variable's name: its stem, with accents and indices; code is a stem of its own."""
        bare, _, again = called.partition("#")
        found = re.fullmatch(r"([^\W\d_]+)(\d*)((?:_+[^\W_]+)*)", bare)
        if found and found[1] not in GREEK and re.match(rf"{WORD}_(?!({'|'.join(ACCENTS)})(_|$)){WORD}", bare):
            found = None  # two words are one name: no `norm` of a `layer`
        stem, digits, rest = found.groups() if found else (bare, "", "")
        parts = [digits, *rest.split("_"), f"({again})" if again else ""]
        written = self._stem(stem)
        for accent in filter(ACCENTS.__contains__, parts):
            written = self.forms[accent].format(written)
        indices = [part for part in parts if part and part not in ACCENTS]
        return self.forms["index"].format(written, self._below(indices)) if indices else written

    def numbers(self, tensor: Snapshot | None) -> str:
        """Return a tensor's numbers, small ones as a row of numbers or a matrix."""
        data = None if tensor is None else tensor.data
        if data is None or not 0 < data.size <= notation.SHOWN or data.ndim > 2:
            return self.text(notation.numbers(tensor))
        rows = [[self.number(x) for x in row] for row in np.atleast_2d(data).tolist()]
        if data.ndim == 2:
            return self._matrix(rows)
        row = self.forms["next"].join(rows[0])
        return self.brackets(row, flat=True) if data.ndim else row

    def derivative(self, above: Sequence[str], below: str) -> str:
        """Return a derivative as a fraction."""
        return self.forms["/"].format(self.forms["plus"].join(map(self._partial, above)), self._partial(below))


class Latex(Maths):
    r"""Expressions in LaTeX.

    >>> from chainrule.calculus.expression import parse
    >>> print(latex.write(parse("1 - y_hat**2")), latex.number(1.2e-10), latex.name("h_prev#2"))
    1 - \hat{y}^{2} 1.2\times 10^{-10} h_{\mathrm{prev},(2)}
    """

    forms: Mapping[str, str] = {
        **Notation.forms,
        **dict.fromkeys(("*", "@", "jacobian", "beside"), r"\,"),
        **dict.fromkeys(("chain", "gradient"), r" \cdot "), "elementwise": r" \odot ",
        "/": r"\frac{{{}}}{{{}}}", "**": "{}^{{{}}}", ".T": r"{}^{{\top}}",
        "log()": r"\ln {}", "sin()": r"\sin {}", "cos()": r"\cos {}",
        "sign()": r"\operatorname{{sign}}({})", "step()": "[{} > 0]",
        "hat": r"\hat{{{}}}", "bar": r"\bar{{{}}}", "tilde": r"\tilde{{{}}}", "index": "{}_{{{}}}", "next": r",\ ",
    }  # fmt: skip

    def number(self, x: complex) -> str:
        """Return one number, a power of ten where that is shorter."""
        written = notation.number(x)
        if "j" in written or "e" not in written:
            return {"nan": r"\mathrm{NaN}", "inf": r"\infty", "-inf": r"-\infty"}.get(written, written)
        mantissa, exponent = written.split("e")
        return rf"{mantissa}\times 10^{{{exponent}}}"

    def function(self, called: str) -> str:
        """Return the name of a function."""
        if called.startswith("vjp_"):
            return rf"\mathrm{{vjp}}_{{\mathrm{{{called[4:].replace('_', ' ')}}}}}"
        return r"\textstyle\sum" if called == "sum" else rf"\mathrm{{{self.escape(called)}}}"

    def brackets(self, written: str, flat: bool = False) -> str:
        """Return parentheses around what is written; only those that may be flat do not grow."""
        return f"({written})" if flat and r"\frac" not in written else rf"\left({written}\right)"

    def text(self, plain: str) -> str:
        """Return text that is no formula."""
        return rf"\text{{{plain}}}"

    def escape(self, text: str) -> str:
        """Return text in which LaTeX reads nothing as a command."""
        escaped = {"\\": r"\textbackslash ", "{": r"\{", "}": r"\}", "^": r"\^{}", "~": r"\~{}"}
        return "".join(escaped.get(c, f"\\{c}" if c in "_#$%&" else c) for c in text)

    def _upright(self, word: str) -> str:
        return rf"\mathrm{{{self.escape(word)}}}" if word.isascii() else self.text(self.escape(word))

    def _stem(self, stem: str) -> str:
        if stem in GREEK:
            return f"\\{stem}"
        if len(stem) == 1 and (stem.isascii() or "α" <= stem <= "ω"):
            return stem
        return self._upright(stem) if stem.isidentifier() else rf"\texttt{{{self.escape(stem)}}}"

    def _below(self, indices: Sequence[str]) -> str:
        return ",".join(i if re.fullmatch(r"[ -~]|\(?\d+\)?", i) else self._upright(i) for i in indices)

    def _matrix(self, rows: Sequence[Sequence[str]]) -> str:
        cells = r" \\ ".join(map(" & ".join, rows))
        return rf"\begin{{pmatrix}} {cells} \end{{pmatrix}}"

    def _partial(self, called: str) -> str:
        r"""Return `\partial w`; a name of several letters stands a little apart from the sign."""
        written = self.name(called)
        if written.startswith(r"\texttt"):
            return rf"\partial\left({written}\right)"
        return (r"\partial\," if written.startswith(r"\mathrm") else r"\partial ") + written


MINUS, FLAT = '<mo form="prefix">−</mo>', '<mo stretchy="false">'
THIN = '<mspace width=".15em"></mspace>'


class MathML(Maths):
    """Expressions in MathML; a name that has a place becomes `{place}`, to be filled in with the name or a number.

    >>> from chainrule.calculus.expression import parse
    >>> MathML({"error": 0}).write(parse("2 * error + x"))
    '<mn>2</mn><mo>·</mo>{0}<mo>+</mo><mi>x</mi>'
    """

    forms: Mapping[str, str] = {
        **dict.fromkeys(("*", "chain", "gradient"), "<mo>·</mo>"), "elementwise": "<mo>⊙</mo>",
        **dict.fromkeys(("@", "jacobian", "beside"), THIN), "figures": "", "literal": "<mn>{}</mn>",
        "-": MINUS + "{}", "/": "<mfrac><mrow>{}</mrow><mrow>{}</mrow></mfrac>",
        "**": "<msup><mrow>{}</mrow><mrow>{}</mrow></msup>", ".T": "<msup><mrow>{}</mrow><mo>⊤</mo></msup>",
        "step()": f"<mrow>{FLAT}[</mo>{{}}<mo>&gt;</mo><mn>0</mn>{FLAT}]</mo></mrow>",
        ",": "<mo>,</mo>", "next": "<mo>,</mo>", "minus": MINUS, "plus": "<mo>+</mo>", "less": "<mo>−</mo>",
        "hat": "<mover>{}<mo>^</mo></mover>", "bar": "<mover>{}<mo>¯</mo></mover>",
        "tilde": "<mover>{}<mo>~</mo></mover>", "index": "<msub>{}{}</msub>",
    }  # fmt: skip

    def __init__(self, places: Mapping[str, int] | None = None) -> None:
        """Hold the names that have a place."""
        self.places = places or {}

    def name(self, called: str) -> str:
        """Return a variable's name, or its place."""
        return f"{{{self.places[called]}}}" if called in self.places else super().name(called)

    def number(self, x: complex) -> str:
        """Return one number, a power of ten where that is shorter."""
        written = notation.number(x)
        size, _, exponent = written.removeprefix("-").partition(" " if "j" in written else "e")
        size = {"nan": "NaN", "inf": "∞"}.get(size, size)
        power = f"<mo>×</mo><msup><mn>10</mn><mn>{exponent.replace('-', '−')}</mn></msup>" if exponent else ""
        return f"{MINUS if written.startswith('-') else ''}<mn>{size}</mn>{power}"

    def function(self, called: str) -> str:
        """Return the name of a function."""
        if called.startswith("vjp_"):
            return f"<msub><mi>vjp</mi>{self.text(called[4:].replace('_', ' '))}</msub>"
        return f"<mi>{ {'log': 'ln', 'sum': '∑'}.get(called, _plain(called.removeprefix('torch.'))) }</mi>"

    def brackets(self, written: str, flat: bool = False) -> str:
        """Return parentheses around what is written; only those around a fraction or a matrix grow with it."""
        mo = "<mo>" if "<mfrac" in written or "<mtable" in written else FLAT
        return f"<mrow>{mo}(</mo>{written}{mo})</mo></mrow>"

    def text(self, plain: str, style: str = "") -> str:
        """Return text that is no formula."""
        return f"<mtext{style}>{_plain(plain)}</mtext>"

    def _stem(self, stem: str) -> str:
        letters = html.unescape(f"&{stem};") if stem in GREEK else stem
        if letters.isidentifier():
            return f"<mi>{letters}</mi>"
        return self.text(letters, ' style="font-family:ui-monospace,monospace;font-size:.9em"')

    def _below(self, indices: Sequence[str]) -> str:
        return self.text(",".join(indices))

    def _matrix(self, rows: Sequence[Sequence[str]]) -> str:
        cells = "".join(f"<mtr>{''.join(f'<mtd>{x}</mtd>' for x in row)}</mtr>" for row in rows)
        return self.brackets(f"<mtable>{cells}</mtable>")

    def _partial(self, called: str) -> str:
        return f"<mi>∂</mi>{self.name(called) if Name(called).is_plain else self.brackets(self.name(called))}"


def _plain(text: str) -> str:
    """Return text in which nothing is taken for markup, or for a place."""
    return html.escape(text).replace("{", "&#123;")


latex, mathml = Latex(), MathML()

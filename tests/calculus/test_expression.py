"""Expressions: each notation has its numbers and names, and puts parentheses where they are needed."""

from __future__ import annotations

import math
import re

import pytest

from chainrule.calculus.expression import TEXT, Name, formula, parse
from chainrule.calculus.maths import MathML, latex, mathml
from chainrule.calculus.rules import local_gradient
from tests.calculus.test_notation import snapshot


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("a + b", True), ("-a", True), ("-a / b", True), ("a * (b - c)", False), ("1e-10", False), ("f(a - b)", False),
        ("a > b", True),
    ],
)  # fmt: skip
def test_what_needs_parentheses_in_a_product(text: str, needed: bool) -> None:
    """A sum and a leading minus need parentheses, in a formula and in code; what holds together does not."""
    assert TEXT.is_loose(Name(text)) == needed
    assert TEXT.is_loose(formula(text)) == needed


@pytest.mark.parametrize(
    "text",
    ["a - (b - c)", "(a + b) * c", "a / (b * c)", "(a**b)**c", "(-a)**2", "a**(-2)", "f(a, -b)", "(a @ b).T", "-a.T"],
)
def test_text_reads_back(text: str) -> None:
    """Text has the parentheses that Python needs to read the same again, and no more."""
    assert str(parse(text)) == text


@pytest.mark.parametrize("text", ['f["{7}"](w)', 'f["{0}"](w)**2', 'd["{7}"] * w', 'd["{7}"](d["{1}"])'])
def test_only_names_that_have_a_place_become_one(text: str) -> None:
    """Braces in the user's code are text: the page fills in the places of names, and nothing else."""
    written = MathML({"w": 0}).write(formula(text))
    assert re.findall(r"{(\d+)}", written) == ["0"] * text.count("w")


def test_what_is_no_formula_stays_code() -> None:
    """A rule that cannot be written is refused; code of the user's stands as it is."""
    with pytest.raises(ValueError, match="cannot be written"):
        parse("a if b else c")
    assert formula("a if b else c") == Name("a if b else c")
    assert latex.write(Name("a[1:]")) == r"\texttt{a[1:]}"
    assert ">x.sum(dim=1)</mtext>" in mathml.write(formula("x.sum(dim=1)"))


def test_maths_with_places() -> None:
    """A name with a place is left to be filled in, a name bound again too; digits stay as the code has them."""
    assert MathML({"w": 1}).write(formula("0.123456 * w", ["w"])) == "<mn>0.123456</mn><mo>·</mo>{1}"
    slope = local_gradient("tanh", "a", {"out": Name("h#2")})
    assert slope is not None
    assert MathML({"h#2": 0}).write(slope) == "<mn>1</mn><mo>−</mo><msup><mrow>{0}</mrow><mrow><mn>2</mn></mrow></msup>"
    assert mathml.write(Name("d{0}")).endswith(">d&#123;0}</mtext>")


@pytest.mark.parametrize(
    ("x", "written"),
    [(math.nan, r"\mathrm{NaN}"), (-math.inf, r"-\infty"), (-2e-9, r"-2\times 10^{-9}"), (3, "3"), (1j, "0+1j")],
)
def test_numbers_in_latex(x: complex, written: str) -> None:
    """Exponents become powers of ten, and what is not finite its symbol."""
    assert latex.number(x) == written


def test_tensors_as_maths() -> None:
    """A vector is a row, a matrix a matrix, and what is large or deeper is described as text."""
    assert latex.numbers(snapshot([1.0, 2.0])) == r"(1,\ 2)"
    assert latex.numbers(snapshot([[1.0, 2.0]])) == r"\begin{pmatrix} 1 & 2 \end{pmatrix}"
    assert latex.numbers(snapshot([[[1.0]]])) == r"\text{[[[1]]]}"
    assert latex.numbers(None) == r"\text{not known}"
    assert mathml.numbers(snapshot([1.0, -2e-9])).count("<mo>,</mo>") == 1
    assert mathml.numbers(snapshot([[1.0], [2.0]])).count("<mtr>") == 2
    assert mathml.numbers(snapshot([[[1.0]]])) == "<mtext>[[[1]]]</mtext>"
    assert mathml.numbers(None) == "<mtext>not known</mtext>"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("theta_2", r"\theta_{2}"),
        ("y_hat_1", r"\hat{y}_{1}"),
        ("x_bar", r"\bar{x}"),
        ("W12", "W_{12}"),
        ("w_out", r"w_{\mathrm{out}}"),
        ("layer_norm", r"\mathrm{layer\_norm}"),
        ("loss_hat", r"\hat{\mathrm{loss}}"),
        ("loss#12", r"\mathrm{loss}_{(12)}"),
        ("x_t#2", "x_{t,(2)}"),
        ("_private", r"\mathrm{\_private}"),
        ("self.w", r"\texttt{self.w}"),
        ("größe_ä", r"\text{größe}_{\text{ä}}"),
        ("λ_2", "λ_{2}"),
        ("a_", r"\mathrm{a\_}"),
    ],
)
def test_names_in_latex(name: str, written: str) -> None:
    """Greek letters, accents, indices and code each get their own form."""
    assert latex.name(name) == written


def test_latex_commands_are_escaped() -> None:
    """No character of a name is read as a command."""
    assert latex.escape(r"\a_{b}^~#$%&") == r"\textbackslash a\_\{b\}\^{}\~{}\#\$\%\&"

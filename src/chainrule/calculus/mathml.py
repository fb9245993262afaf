"""Expressions as MathML, which browsers draw themselves, inside a shadow root too."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import replace

from chainrule.calculus import notation
from chainrule.calculus.expression import ATOM, POWER, PRODUCT, SIGNED, Expression, Form, Name, Notation, products
from chainrule.trace import Snapshot

ACCENTS = {"hat": "^", "bar": "¯", "tilde": "~"}
MINUS, FLAT = '<mo form="prefix">−</mo>', '<mo stretchy="false">'
THIN = '<mspace width=".15em"></mspace>'


def write(tree: Expression, places: Mapping[str, int] | None = None) -> str:
    """Return an expression; a name that has a place becomes `{place}`, to be filled in with the name or a number.

    >>> from chainrule.calculus.expression import parse
    >>> write(parse("2 * error + x"), {"error": 0})
    '<mn>2</mn><mo>·</mo>{0}<mo>+</mo><mi>x</mi>'
    """
    if not places:
        return MATHML.write(tree)
    placed = replace(MATHML, name=lambda called: f"{{{places[called]}}}" if called in places else name(called))
    return placed.write(tree)


def name(called: str) -> str:
    """Return a variable's name.

    >>> name("y_hat"), name("w1")
    ('<mover><mi>y</mi><mo>^</mo></mover>', '<msub><mi>w</mi><mtext>1</mtext></msub>')
    """
    stem, accents, indices = notation.name_parts(called)
    letters = html.unescape(f"&{stem};") if stem in notation.GREEK else stem
    base = f"<mi>{letters}</mi>" if letters.isidentifier() else code(letters)
    for accent in accents:
        base = f"<mover>{base}<mo>{ACCENTS[accent]}</mo></mover>"
    return f"<msub>{base}{text(','.join(indices))}</msub>" if indices else base


def text(plain: str) -> str:
    """Return text that is no formula; nothing in it is taken for a place."""
    return f"<mtext>{html.escape(plain)}</mtext>".replace("{", "&#123;")


def code(source: str) -> str:
    """Return code as it stands, in letters of one width."""
    return text(source).replace("<mtext>", '<mtext style="font-family:ui-monospace,monospace;font-size:.9em">')


def number(x: complex) -> str:
    """Return one number.

    >>> number(-2)
    '<mo form="prefix">−</mo><mn>2</mn>'
    """
    written = notation.number(x)
    size, _, exponent = written.removeprefix("-").partition(" " if "j" in written else "e")
    size = {"nan": "NaN", "inf": "∞"}.get(size, size)
    power = f"<mo>×</mo><msup><mn>10</mn><mn>{exponent.replace('-', '−')}</mn></msup>" if exponent else ""
    return f"{MINUS if written.startswith('-') else ''}<mn>{size}</mn>{power}"


def numbers(tensor: Snapshot | None) -> str:
    """Return a tensor's numbers, small ones as a row of numbers or a matrix."""
    rows = notation.rows(tensor)
    if tensor is None or rows is None:
        return text(notation.numbers(tensor))
    if len(tensor.shape) < 2:
        row = "<mo>,</mo>".join(map(number, rows[0]))
        return brackets(row) if tensor.shape else row
    cells = ("".join(f"<mtd>{number(x)}</mtd>" for x in row) for row in rows)
    return brackets(f"<mtable>{''.join(f'<mtr>{row}</mtr>' for row in cells)}</mtable>")


def brackets(written: str, flat: bool = False) -> str:
    """Return parentheses around what is written; only those around a fraction or a matrix grow with it."""
    mo = "<mo>" if "<mfrac" in written or "<mtable" in written else FLAT
    return f"<mrow>{mo}(</mo>{written}{mo})</mo></mrow>"


def _derivative(above: tuple[str, ...], below: str) -> str:
    return MATHML.forms["/"].fill(["<mo>+</mo>".join(map(_partial, above)), _partial(below)])


def _partial(called: str) -> str:
    return f"<mi>∂</mi>{name(called) if Name(called).is_plain else brackets(name(called))}"


def _function(called: str) -> str:
    vjp, _, op = called.partition("_")
    if vjp == "vjp":
        return f"<msub><mi>vjp</mi>{text(op.replace('_', ' '))}</msub>"
    return f"<mi>{ {'log': 'ln', 'sum': '∑'}.get(called, html.escape(called.removeprefix('torch.'))) }</mi>"


MATHML = Notation(
    name=name,
    literal=lambda source: f"<mn>{source}</mn>",
    number=number,
    numbers=numbers,
    derivative=_derivative,
    function=_function,
    brackets=brackets,
    forms={
        **products("<mo>·</mo>", "<mo>·</mo>", "<mo>⊙</mo>", THIN),
        "-": Form(MINUS + "{}", PRODUCT, 0, SIGNED),
        "/": Form("<mfrac><mrow>{}</mrow><mrow>{}</mrow></mfrac>", 0, 0, POWER),
        "**": Form("<msup><mrow>{}</mrow><mrow>{}</mrow></msup>", ATOM, 0, POWER),
        ".T": Form("<msup><mrow>{}</mrow><mo>⊤</mo></msup>", ATOM, 0, POWER),
        ",": Form("<mo>,</mo>", 0, 0, ATOM),
        "step()": Form(f"<mrow>{FLAT}[</mo>{{}}<mo>&gt;</mo><mn>0</mn>{FLAT}]</mo></mrow>", 0, 0, ATOM),
    },
    signs=(MINUS, "<mo>+</mo>", "<mo>−</mo>"),
    beside=THIN,
    fraction=POWER,
)

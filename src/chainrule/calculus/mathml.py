"""Names and expressions as MathML, which browsers draw themselves, inside a shadow root too."""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Mapping

from chainrule.calculus.notation import ACCENTS, GREEK

_MARKS = {"hat": "^", "bar": "¯", "tilde": "~"}
_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "−", ast.Mult: "·", ast.MatMult: ""}
_RANK: dict[type[ast.operator], int] = {ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.MatMult: 2, ast.Div: 2, ast.Pow: 4}


def name(text: str) -> str:
    """Write a variable's name.

    >>> name("y_hat"), name("w1")
    ('<mover><mi>y</mi><mo>^</mo></mover>', '<msub><mi>w</mi><mtext>1</mtext></msub>')
    """
    bare, _, again = text.partition("#")
    found = re.fullmatch(r"([^\W\d_]+)(\d*)((?:_[^\W_]+)*)", bare)
    if not found:
        return f"<mtext>{html.escape(text)}</mtext>"
    stem, digits, rest = found.groups()
    base = f"<mi>{f'&{stem};' if stem in GREEK else html.escape(stem)}</mi>"
    below = [digits] if digits else []
    for part in filter(None, rest.split("_")):
        if part in ACCENTS:
            base = f"<mover>{base}<mo>{_MARKS[part]}</mo></mover>"
        else:
            below.append(part)
    below += [f"({again})"] if again else []
    return f"<msub>{base}<mtext>{html.escape(','.join(below))}</mtext></msub>" if below else base


def expression(text: str, places: Mapping[str, int]) -> str:
    """Write an expression; a name that has a place becomes `{place}`, to be filled in with the name or a number.

    >>> expression("2 error", {"error": 0})
    '<mn>2</mn><mspace width=".15em"></mspace>{0}'
    >>> expression("f(x)[1:]", {})
    '<mtext>f(x)[1:]</mtext>'
    """
    try:
        return _write(ast.parse(re.sub(r"(?<=\d) (?=[^\W\d])", "*", text), mode="eval").body, places, 0)
    except (SyntaxError, ValueError):
        return f"<mtext>{html.escape(text)}</mtext>".replace("{", "&#123;")


def _write(tree: ast.expr, places: Mapping[str, int], rank: int) -> str:
    def inside(part: ast.expr, needed: int) -> str:
        return _write(part, places, needed)

    def bracketed(text: str, own: int) -> str:
        return f"<mrow><mo>(</mo>{text}<mo>)</mo></mrow>" if own < rank else text

    plain = ast.unparse(tree)
    if plain in places:
        return f"{{{places[plain]}}}"
    match tree:
        case ast.Constant(value=int() | float() as value):
            return f"<mn>{value}</mn>"
        case ast.Name() | ast.Attribute() | ast.Subscript(slice=ast.Constant()):
            return name(plain)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return bracketed(f"<mo>−</mo>{inside(operand, 3)}", 1)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return f"<mfrac><mrow>{inside(left, 0)}</mrow><mrow>{inside(right, 0)}</mrow></mfrac>"
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return f"<msup><mrow>{inside(left, 5)}</mrow><mrow>{inside(right, 0)}</mrow></msup>"
        case ast.BinOp(left=ast.Constant() as left, op=ast.Mult(), right=ast.Name() as right):
            return bracketed(f'{inside(left, 2)}<mspace width=".15em"></mspace>{inside(right, 3)}', 2)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _SIGNS:
            own = _RANK[type(op)]
            return bracketed(f"{inside(left, own)}<mo>{_SIGNS[type(op)]}</mo>{inside(right, own + 1)}", own)
        case ast.Call(func=ast.Name(id="step"), args=[argument], keywords=[]):
            return f"<mrow><mo>[</mo>{inside(argument, 0)}<mo>&gt;</mo><mn>0</mn><mo>]</mo></mrow>"
        case ast.Call(func=function, args=arguments, keywords=[]):
            called = html.escape(ast.unparse(function).removeprefix("torch."))
            listed = "<mo>,</mo>".join(inside(argument, 0) for argument in arguments)
            return f"<mi>{called}</mi><mrow><mo>(</mo>{listed}<mo>)</mo></mrow>"
    raise ValueError(plain)

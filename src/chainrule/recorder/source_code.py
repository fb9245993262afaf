"""Read the user's source at one instruction: its expression, the variable it is assigned to, and its arguments.

Python knows, for each instruction, which characters of the source it came from. Where there is no source, there is no
expression; nothing here raises.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

from chainrule.recorder.limits import SPANS


@dataclass(frozen=True, slots=True)
class SourceSpan:
    """Describe one instruction of the user's code, as its source has it."""

    code: CodeType | None = None
    expression: str | None = None
    targets: tuple[str | None, ...] = ()
    """The variables that it is assigned to: one, or several that it is unpacked into."""
    function: str | None = None
    """What it calls, such as `self.layers[0]`."""
    arguments: tuple[str, ...] = ()
    """The source text of the positional arguments."""
    variables: tuple[str, ...] = ()
    """The same, where it is a variable; else nothing."""
    file: str | None = None
    line: int | None = None


NOWHERE = SourceSpan()
_spans: dict[tuple[int, int, bool], SourceSpan] = {}


def span_at(code: CodeType, instruction: int, direct: bool) -> SourceSpan:
    """Read the user's source at an instruction, once; only a call that stands there itself has an expression."""
    span = _spans.get((id(code), instruction, direct))
    if span is None:
        if len(_spans) > SPANS:
            _spans.clear()
        try:
            span = _read(code, instruction, direct)
        except Exception:
            span = SourceSpan(code, file=code.co_filename)
        _spans[id(code), instruction, direct] = span
    return span


@lru_cache
def relative_path(file: str, folder: str) -> str:
    """Return a file's path relative to the working directory, or its last part; a notebook's is `cell`."""
    if file.startswith("<"):
        return "cell" if "ipython" in file else file.strip("<>")
    if "ipykernel_" in file or "__marimo__cell_" in file:
        return "cell"
    path = Path(file)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


def _read(code: CodeType, instruction: int, direct: bool) -> SourceSpan:
    places = list(code.co_positions())
    line, last_line, column, last_column = (
        places[instruction // 2] if 0 <= instruction // 2 < len(places) else [None] * 4
    )
    bare = SourceSpan(code, file=code.co_filename, line=line)
    if line is None or last_line is None or column is None or last_column is None:
        return bare
    lines = linecache.getlines(code.co_filename)
    node = _parse("".join(lines)).get((line, column, last_line, last_column))
    if node is None or (operands := _parts(node)) is None:
        return bare
    bare = replace(bare, function=_text(lines, node.func) if isinstance(node, ast.Call) else None)
    if not direct:
        return bare
    expression = _text(lines, node)
    if isinstance(node, ast.AugAssign):
        expression = f"{_text(lines, node.target)} {_SYMBOL.get(type(node.op), '?')} {_text(lines, node.value)}"
    written = (part for part in operands if not isinstance(getattr(part, "operand", part), ast.Constant))  # no -1
    arguments = tuple(_text(lines, part) for part in written)
    variables = tuple(text if text.isidentifier() else "" for text in arguments)
    return replace(bare, expression=expression, targets=_targets(node), arguments=arguments, variables=variables)


_SYMBOL = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@", ast.FloorDiv: "//",
    ast.Mod: "%", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
}  # fmt: skip


def _text(lines: Sequence[str], part: ast.expr | ast.AugAssign) -> str:
    """Return the text of a node, as `ast.get_source_segment` does, which goes through the whole file each time."""
    rows = [line.encode() for line in lines[part.lineno - 1 : part.end_lineno]]
    rows[-1] = rows[-1][: part.end_col_offset]
    rows[0] = rows[0][part.col_offset :]
    return " ".join(b"".join(rows).decode().split())


def _parts(node: ast.expr | ast.AugAssign) -> list[ast.expr] | None:
    """List what an expression works on, the items of a list each for itself; `None` if it is no call or operator."""
    match node:
        case ast.AugAssign(target=left, value=right) | ast.BinOp(left=left, right=right):
            parts = [left, right]
        case ast.Compare(left=left, comparators=[right]):
            parts = [left, right]
        case ast.Call(func=ast.Attribute(value=receiver), args=arguments):
            parts = [receiver, *arguments]
        case ast.Call(args=arguments):
            parts = list(arguments)
        case ast.UnaryOp(operand=part) | ast.Attribute(value=part) | ast.Subscript(value=part):
            parts = [part]
        case _:
            return None
    return [item for part in parts for item in (part.elts if isinstance(part, (ast.List, ast.Tuple)) else [part])]


def _targets(node: ast.expr | ast.AugAssign) -> tuple[str | None, ...]:
    """Find the variables that an expression's value is bound to."""
    if isinstance(node, ast.AugAssign):
        return (_variable(node.target),)
    around: Any = node.parent  # type: ignore[attr-defined]  # set by `_parse`
    match around, around.parent:
        case ast.Tuple(elts=values), ast.Assign(targets=[ast.Tuple(elts=names)]) if len(names) == len(values):
            return (_variable(names[values.index(node)]),) if node in values else ()
        case ast.Assign(targets=[ast.Tuple(elts=names)]), _ if len(names) > 1:
            return tuple(map(_variable, names))
        case ((ast.Assign(targets=[place, *_]) | ast.AnnAssign(target=place) | ast.NamedExpr(target=place)), _):
            return (_variable(place),)
    return ()


def _variable(place: ast.expr) -> str | None:
    return ast.unparse(place) if isinstance(place, (ast.Name, ast.Attribute)) else None


@lru_cache(maxsize=256)
def _parse(source: str) -> dict[tuple[int | None, ...], ast.expr | ast.AugAssign]:
    """Index every expression of a source by where it stands; each node knows the one around it."""
    found: dict[tuple[int | None, ...], ast.expr | ast.AugAssign] = {}
    try:
        tree: Any = ast.parse(source)
    except (SyntaxError, ValueError):
        return found
    tree.parent = None
    for node in ast.walk(tree):
        if isinstance(node, (ast.expr, ast.AugAssign)):
            found[node.lineno, node.col_offset, node.end_lineno, node.end_col_offset] = node
        for child in ast.iter_child_nodes(node):
            child.parent = node  # type: ignore[attr-defined]
    return found

"""Find out what the code that is running calls its values: from its frames, and from its source.

Python knows, for each instruction, which characters of the source it came from. So a call seen from the inside can
be read as it was written: its expression, the variable that it is assigned to, and the text of each argument. Where
there is no source, there are no names; nothing here raises.
"""

from __future__ import annotations

import ast
import contextlib
import linecache
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FrameType, ModuleType

DEPTH = 32
"""Frames that are searched for a name, from the innermost outwards."""

_HERE = f"{Path(__file__).resolve().parent}{os.sep}"


@dataclass(frozen=True)
class Site:
    """Describe the place in the user's code that a call came from."""

    frame: FrameType | None = None
    expression: str | None = None
    target: str | None = None
    arguments: tuple[str, ...] = ()
    """The source text of the positional arguments, without modules and plain numbers."""
    file: str | None = None
    line: int | None = None


def user_frame(
    internal: tuple[str, ...], wrappers: tuple[str, ...], called: CodeType | None
) -> tuple[FrameType | None, bool]:
    """Find the innermost frame of the user's code, and whether the call stands there itself.

    It does when between that frame and us there are only `wrappers` (files) and the `called` function's own frame;
    otherwise the call was made inside a library, and the user's expression means more than this one call.
    """
    frame: FrameType | None = sys._getframe(1)
    direct = True
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((_HERE, *internal)) and file != contextlib.__file__:
            return frame, direct
        direct = direct and (file.startswith((_HERE, *wrappers)) or frame.f_code is called)
        frame = frame.f_back
    return None, False


def frames_from(frame: FrameType | None, internal: tuple[str, ...]) -> Iterator[FrameType]:
    """Walk outwards over the user's frames."""
    for _ in range(DEPTH):
        if frame is None:
            return
        if not frame.f_code.co_filename.startswith((_HERE, *internal)):
            yield frame
        frame = frame.f_back


def calls_of(code: CodeType, block: CodeType | None) -> Iterator[FrameType]:
    """Walk outwards, up to the code with the block, over the frames that run `code`."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not block:
        if frame.f_code is code:
            yield frame
        frame = frame.f_back


def locals_of(frame: FrameType) -> Mapping[str, object]:
    """Read a frame's variables without keeping them alive.

    Up to Python 3.12 a function's frame holds on to what was read from it; it is emptied, unless the user holds it too.
    """
    held = frame.f_locals
    if sys.version_info >= (3, 13) or not frame.f_code.co_flags & CO_OPTIMIZED or sys.getrefcount(held) > 3:
        return held
    found = dict(held)
    held.clear()
    return found


def around(frame: FrameType | None, block: CodeType | None, internal: tuple[str, ...]) -> list[FrameType]:
    """Order the user's frames by whose names count first: those of the code with the block, then of what it calls.

    So a weight keeps the name that it has in the block, whatever a function calls its parameter.
    """
    frames = list(frames_from(frame, internal))
    inside = next((i + 1 for i, frame in enumerate(frames) if frame.f_code is block), 0)
    return [*frames[:inside][::-1], *frames[inside:]]


def name_among(frames: Iterable[FrameType], thing: object) -> str | None:
    """Find the variable that holds this very object, in the first frame that has one."""
    for frame in frames:
        for name, held in locals_of(frame).items():
            if held is thing and name.isidentifier() and not name.startswith("_"):
                return name
        if frame.f_code.co_flags & CO_OPTIMIZED:
            for name in frame.f_code.co_names:
                if frame.f_globals.get(name) is thing:
                    return name
    return None


def site_of(frame: FrameType | None, direct: bool) -> Site:
    """Read the user's source at the instruction that a frame is executing."""
    if frame is None:
        return Site()
    file, line = _short(frame.f_code.co_filename, os.getcwd()), frame.f_lineno  # noqa: PTH109  # a Path is slow
    found = _read(frame.f_code, frame.f_lasti) if direct else None
    if found is None:
        return Site(frame, file=file, line=line)
    expression, target, arguments = found
    kept = tuple(text for text in arguments if not isinstance(held_as(frame, text), _NO_OPERAND))
    return Site(frame, expression, target, kept, file, line)


def held_as(frame: FrameType | None, name: str) -> object:
    """Find what a frame holds under a name such as `w` or `self.w`, without running any code of the user's."""
    first, *rest = name.split(".")
    if frame is None:
        return None
    thing = locals_of(frame).get(first, frame.f_globals.get(first))
    for part in rest:
        thing = getattr(thing, "__dict__", {}).get(part)
    return thing


_NO_OPERAND = (ModuleType, type, bool, int, float, complex, str)


@lru_cache
def _short(file: str, folder: str) -> str:
    """Give a file's path relative to the working directory, or its last part; a notebook's is `cell`."""
    if file.startswith("<"):
        return "cell" if "ipython" in file else file.strip("<>")
    if "ipykernel_" in file:
        return "cell"
    path = Path(file)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


_Found = tuple[str, str | None, tuple[str, ...]]


@lru_cache(maxsize=4096)
def _read(code: CodeType, instruction: int) -> _Found | None:
    """Read the expression at one instruction: its text, its target and its arguments."""
    positions = next((p for i, p in enumerate(code.co_positions()) if i == instruction // 2), None)
    if positions is None or None in positions:
        return None
    lines = linecache.getlines(code.co_filename)
    tree = _parse("".join(lines))
    found = tree.get((positions[0], positions[2], positions[1], positions[3])) if tree else None
    if found is None:
        return None
    node, parents = found
    source = "".join(lines)

    def text(part: ast.AST) -> str:
        return " ".join((ast.get_source_segment(source, part) or "").split())

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
    parts = [e for part in parts for e in (part.elts if isinstance(part, (ast.List, ast.Tuple)) else [part])]
    expression = text(node)
    if isinstance(node, ast.AugAssign):
        expression = f"{text(node.target)} {_SYMBOL.get(type(node.op), '?')} {text(node.value)}"
    return expression, _target(node, parents), tuple(text(p) for p in parts if not _is_number(p))


_SYMBOL = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@", ast.FloorDiv: "//",
    ast.Mod: "%", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
}  # fmt: skip


def _is_number(part: ast.expr) -> bool:
    inner = part.operand if isinstance(part, ast.UnaryOp) else part
    return isinstance(inner, ast.Constant)


def _target(node: ast.AST, parents: tuple[ast.AST, ...]) -> str | None:
    """Find the variable that an expression's value is bound to."""
    if isinstance(node, ast.AugAssign):
        return ast.unparse(node.target) if isinstance(node.target, (ast.Name, ast.Attribute)) else None
    match parents:
        case [*_, ast.Assign(targets=[ast.Name() | ast.Attribute() as place])]:
            return ast.unparse(place)
        case [*_, ast.AnnAssign(target=ast.Name(id=name))] | [*_, ast.NamedExpr(target=ast.Name(id=name))]:
            return name
        case [*_, ast.Assign(targets=[ast.Tuple(elts=names)]), ast.Tuple(elts=values)] if len(names) == len(values):
            bound = names[values.index(node)] if node in values else None
            return bound.id if isinstance(bound, ast.Name) else None
    return None


_Position = tuple[int | None, ...]


@lru_cache(maxsize=256)
def _parse(source: str) -> dict[_Position, tuple[ast.AST, tuple[ast.AST, ...]]] | None:
    """Index every expression of a source by where it stands, with the two nodes around it."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    index: dict[_Position, tuple[ast.AST, tuple[ast.AST, ...]]] = {}
    pending: list[tuple[ast.AST, tuple[ast.AST, ...]]] = [(tree, ())]
    while pending:
        node, parents = pending.pop()
        if isinstance(node, (ast.expr, ast.AugAssign)):
            index[node.lineno, node.col_offset, node.end_lineno, node.end_col_offset] = (node, parents)
        pending.extend((child, (*parents, node)[-2:]) for child in ast.iter_child_nodes(node))
    return index

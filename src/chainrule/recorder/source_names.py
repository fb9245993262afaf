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
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FrameType, ModuleType

DEPTH = 32
"""Frames that are searched for a name, from the innermost outwards."""

KNOWN = 16_384
"""Instructions whose source is remembered."""

_HERE = f"{Path(__file__).resolve().parents[1]}{os.sep}"


class Files(dict[str, int]):
    """Sort files, each once: 0 is the user's, 1 what a call passes through on its way to us, 2 inside a library."""

    def __init__(self, internal: tuple[str, ...], wrappers: tuple[str, ...]) -> None:
        """Sort by how a file's path begins."""
        super().__init__()
        self._internal, self._wrappers = (_HERE, contextlib.__file__, *internal), (_HERE, *wrappers)

    def __missing__(self, file: str) -> int:
        """Sort a file that is new."""
        kind = 1 if file.startswith(self._wrappers) else 2 if file.startswith(self._internal) else 0
        self[file] = kind
        return kind


@dataclass(frozen=True, slots=True)
class Place:
    """Describe one instruction of the user's code, as its source has it."""

    code: CodeType | None = None
    expression: str | None = None
    target: str | None = None
    arguments: tuple[str, ...] = ()
    """The source text of the positional arguments."""
    file: str | None = None
    line: int | None = None


NOWHERE = Place()
_NO_NAMES: dict[int, str] = {}


class Site:
    """Hold where a call came from, while it runs."""

    __slots__ = ("frame", "inner", "names", "outer", "outside", "place", "wanted")

    def __init__(
        self,
        frame: FrameType | None = None,
        place: Place = NOWHERE,
        inner: FrameType | None = None,
        outer: FrameType | None = None,
    ) -> None:
        """Hold the user's frame, and the innermost and the outermost of those that were looked for."""
        self.frame, self.place, self.inner, self.outer = frame, place, inner, outer
        self.wanted: Collection[int] = ()
        """The ids of what was looked up, the variables that hold it, and the frames where it was not looked for yet."""
        self.names: dict[int, str] = _NO_NAMES
        self.outside: list[FrameType] = []

    def operands(self) -> tuple[str, ...]:
        """Give the source text of the positional arguments, without modules and plain numbers."""
        held = ((text, held_as(self.frame, text)) for text in self.place.arguments)
        return tuple(text for text, thing in held if not isinstance(thing, _NO_OPERAND))


def site_of(files: Files, called: CodeType | None, block: CodeType | None, wanted: CodeType | None) -> Site:
    """Find the innermost frame of the user's code, and those that run `wanted`, up to the block's, in one walk.

    The call stands in the user's frame itself when between that frame and us there are only wrappers and the `called`
    function's own frame; otherwise it was made inside a library, and the user's expression means more than this call.
    """
    frame: FrameType | None = sys._getframe(1)
    found = inner = outer = None
    direct = True
    while frame is not None:
        code = frame.f_code
        if found is None and (kind := files[code.co_filename]) != 1:
            if not kind:
                found = frame
            elif direct:
                direct = code is called
        if code is block:
            break
        if code is wanted:
            outer = frame
            inner = inner or frame
        frame = frame.f_back
    if found is None:
        return Site()
    return Site(found, place_of(found.f_code, found.f_lasti, direct), inner, outer)


def frames_from(frame: FrameType | None, files: Files) -> Iterator[FrameType]:
    """Walk outwards over the user's frames."""
    for _ in range(DEPTH):
        if frame is None:
            return
        if not files[frame.f_code.co_filename]:
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


def around(frame: FrameType | None, block: CodeType | None, files: Files) -> tuple[list[FrameType], list[FrameType]]:
    """Split the user's frames into those up to the block's, whose names count first, and those outside of it.

    The block's own come before those of what it calls, so that a weight keeps the name that it has in the block,
    whatever a function calls its parameter.
    """
    frames = list(frames_from(frame, files))
    inside = next((i + 1 for i, frame in enumerate(frames) if frame.f_code is block), 0)
    return frames[:inside][::-1], frames[inside:]


def names_among(frames: Iterable[FrameType], wanted: Collection[int]) -> dict[int, str]:
    """Find the variables that hold some objects, given by their ids, each in the first frame that has one."""
    found: dict[int, str] = {}
    for frame in frames:
        if len(found) == len(wanted):
            break
        for name, held in locals_of(frame).items():
            if id(held) in wanted and id(held) not in found and name.isidentifier() and not name.startswith("_"):
                found[id(held)] = name
        if frame.f_code.co_flags & CO_OPTIMIZED:
            around_it = frame.f_globals
            for name in frame.f_code.co_names:
                if name in around_it and id(around_it[name]) in wanted:
                    found.setdefault(id(around_it[name]), name)
    return found


_places: dict[tuple[int, int, bool], Place] = {}


def place_of(code: CodeType, instruction: int, direct: bool) -> Place:
    """Read the user's source at an instruction, once; only a call that stands there itself has an expression."""
    place = _places.get((id(code), instruction, direct))
    if place is None:
        if len(_places) > KNOWN:
            _places.clear()
        line = next((p[0] for i, p in enumerate(code.co_positions()) if i == instruction // 2), None)
        found = _read(code, instruction) if direct else None
        expression, target, arguments = found or (None, None, ())
        place = Place(code, expression, target, arguments, code.co_filename, line)
        _places[id(code), instruction, direct] = place
    return place


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
def short(file: str, folder: str) -> str:
    """Give a file's path relative to the working directory, or its last part; a notebook's is `cell`."""
    if file.startswith("<"):
        return "cell" if "ipython" in file else file.strip("<>")
    if "ipykernel_" in file:
        return "cell"
    path = Path(file)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


_Found = tuple[str, str | None, tuple[str, ...]]


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

    def text(part: ast.expr | ast.AugAssign) -> str:
        # as `ast.get_source_segment` gives it, which goes through the whole file each time
        rows = [line.encode() for line in lines[part.lineno - 1 : part.end_lineno]]
        rows[-1] = rows[-1][: part.end_col_offset]
        rows[0] = rows[0][part.col_offset :]
        return " ".join(b"".join(rows).decode().split())

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

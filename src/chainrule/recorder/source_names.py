"""Find out where the code that is running stands, and what it calls its values: from its frames and their source."""

from __future__ import annotations

import contextlib
import dis
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from inspect import CO_COROUTINE, CO_GENERATOR, CO_OPTIMIZED
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any, TypeAlias

import torch

from chainrule.recorder.limits import FRAMES, ITEMS, SPANS
from chainrule.recorder.source_code import NOWHERE, SourceSpan, span_at

_HERE = f"{Path(__file__).parents[1]}{os.sep}"
_TORCH = f"{Path(torch.__file__).parent}{os.sep}"
_INTERNAL = (_HERE, contextlib.__file__, _TORCH)
_WRAPPERS = (_HERE, *(_TORCH + name for name in ("overrides.py", "_tensor.py", "_jit_internal.py")))
"""Files through which a call passes on its way to a function mode."""


class _Files(dict[str, int]):
    """Sort files, each once: 0 is the user's, 1 what a call passes through on its way to us, 2 inside a library."""

    def __missing__(self, file: str) -> int:
        kind = self[file] = 1 if file.startswith(_WRAPPERS) else 2 if file.startswith(_INTERNAL) else 0
        return kind


_files = _Files()
_MODULE_CALL = torch.nn.Module._wrapped_call_impl.__code__  # what runs whenever a module is called
_STEP = torch.optim.Optimizer.profile_hook_step(print).__code__  # what runs whenever an optimizer takes a step
_CALL = (lambda func, args, kwargs: func(*args, **kwargs)).__code__
_stand_ins: dict[tuple[int, int], tuple[CodeType, CodeType]] = {}
"""For an instruction the code that it is in, kept so that its id stays its own, and the one that stands in for it."""
_NO_OPERAND = (ModuleType, type, bool, int, float, complex, str)
_Names: TypeAlias = dict[int, list[tuple[str, CodeType]]]
"""What holds each object, by its id, and the code whose variable it is."""


@dataclass(slots=True, eq=False)
class CallSite:
    """Hold where a call came from, while it runs."""

    frame: FrameType | None = None
    """The user's."""
    span: SourceSpan = NOWHERE
    caller: FrameType | None = None
    """Where the call itself stands, be it in a library."""
    inner: FrameType | None = None
    outer: FrameType | None = None
    """The innermost and the outermost of those in which a module is called."""
    step: FrameType | None = None
    """The optimizer's step that makes the call."""
    block: CodeType | None = None
    """The code that the `with` block stands in."""

    def operands(self) -> tuple[str, ...]:
        """Return the source text of the positional arguments, without modules and plain numbers."""
        held = ((text, held_as(self.frame, text)) for text in self.span.arguments)
        return tuple(text for text, thing in held if not isinstance(thing, _NO_OPERAND))


def call_site(called: CodeType | None = None, block: CodeType | None = None) -> CallSite:
    """Find the innermost frame of the user's code, and the modules called on the way to it from the block's frame.

    The call stands in the user's frame itself when between that frame and us there are only wrappers and the `called`
    function's own frame; otherwise it was made inside a library, and the user's expression means more than this call.
    """
    frame: FrameType | None = sys._getframe(1)
    found = inner = outer = caller = step = None
    direct = True
    while frame is not None:
        code = frame.f_code
        if found is None and (kind := _files[code.co_filename]) != 1:
            if caller is None and code is not called:
                caller = frame
            if not kind:
                found = frame
            elif code is _STEP:
                step, direct = frame, True
            elif direct:
                direct = code is called
        if code is block:
            break
        if code is _MODULE_CALL:
            outer = frame
            inner = inner or frame
        frame = frame.f_back
    if found is None:
        return CallSite(block=block)
    return CallSite(found, span_at(found.f_code, found.f_lasti, direct), caller, inner, outer, step, block)


def whole_span(frame: FrameType | None) -> SourceSpan:
    """Read the user's whole expression in a frame, be the call that is noted deep inside of it."""
    return NOWHERE if frame is None else span_at(frame.f_code, frame.f_lasti, True)


def caller_of(called: CodeType | None) -> FrameType | None:
    """Find the frame that a call stands in, be it in a library."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and (_files[frame.f_code.co_filename] == 1 or frame.f_code is called):
        frame = frame.f_back
    return frame


def call_from(frame: FrameType | None, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call a function as if from the line that asked for it, so that a warning points there and is counted there."""
    if frame is None:
        return func(*args, **kwargs)
    code = frame.f_code
    known = _stand_ins.get((id(code), frame.f_lasti))
    if known is None:
        if len(_stand_ins) > SPANS:
            _stand_ins.clear()
        there = _CALL.replace(co_filename=code.co_filename, co_name=code.co_name, co_firstlineno=frame.f_lineno)
        known = _stand_ins[id(code), frame.f_lasti] = code, there
    return FunctionType(known[1], frame.f_globals)(func, args, kwargs)


def passed_on(site: CallSite) -> tuple[SourceSpan, FrameType | None]:
    """Follow a call's result outwards as long as it is returned at once, and to no builtin such as `map`.

    Return the outermost of the user's expressions that give it, and the call of the module around that if there is one.
    """
    span, module, frame = site.span, None, site.caller
    while frame is not None and frame.f_code is not site.block and _returns(frame.f_code, frame.f_lasti):
        frame = frame.f_back
        if frame is not None and frame.f_code is _MODULE_CALL:
            module = frame
        elif frame is not None and not _files[frame.f_code.co_filename]:
            outer = whole_span(frame)
            if isinstance(held_as(frame, outer.function or ""), (type, BuiltinFunctionType)):
                break
            span, module = outer, None
    return span, module


@lru_cache(maxsize=SPANS)
def _returns(code: CodeType, instruction: int) -> bool:
    """Tell whether what an instruction gives is returned by the next one."""
    steps = code.co_code[instruction + 2 :: 2]
    after = next((step for step in steps if step != dis.opmap["CACHE"]), None)
    return after == dis.opmap["RETURN_VALUE"] and not code.co_flags & (CO_GENERATOR | CO_COROUTINE)


def frames_from(frame: FrameType | None) -> Iterator[FrameType]:
    """Walk outwards over the user's frames."""
    for _ in range(FRAMES):
        if frame is None:
            return
        if not _files[frame.f_code.co_filename]:
            yield frame
        frame = frame.f_back


def called_from(frame: FrameType | None, code: CodeType) -> Iterator[FrameType]:
    """Give the user's frames around a call of some code, if a frame stands inside of one."""
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    yield from frames_from(frame)


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


def around(site: CallSite) -> tuple[list[FrameType], Iterable[FrameType]]:
    """Split the user's frames into those up to the block's, whose names count first, and those outside of it.

    The block's own come before those of what it calls, so that a weight keeps the name that it has in the block,
    whatever a function calls its parameter.
    """
    if site.frame is not None and site.frame.f_code is site.block:
        return [site.frame], frames_from(site.frame.f_back)
    frames = list(frames_from(site.frame))
    inside = next((i + 1 for i, frame in enumerate(frames) if frame.f_code is site.block), 0)
    return frames[:inside][::-1], frames[inside:]


def variables_of(frame: FrameType) -> list[tuple[str, object]]:
    """List what a frame's variables hold, and the globals that it uses; a comprehension's own are no names."""
    code, around_it = frame.f_code, frame.f_globals
    if code.co_name.endswith(("comp>", "expr>")):
        return []
    used = code.co_names if code.co_flags & CO_OPTIMIZED else ()
    return [*locals_of(frame).items(), *[(name, around_it[name]) for name in used if name in around_it]]


def names_among(frames: Iterable[FrameType], wanted: Collection[int], items: bool = False) -> _Names:
    """Find the variables that hold some objects, given by their ids, those of the first frame first.

    With `items`, what a list or dictionary holds is found as well, as `state[0]`.
    """
    found: _Names = {}
    inside: list[tuple[str, object, CodeType]] = []
    for frame in frames:
        code = frame.f_code
        for name, held in variables_of(frame):
            if id(held) in wanted and not name.startswith("_"):
                found.setdefault(id(held), []).append((name, code))
            elif items:
                inside += [(text, one, code) for text, one in items_of(name, held) if id(one) in wanted]
    for name, held, code in inside:
        found.setdefault(id(held), []).append((name, code))
    return found


def items_of(name: str, held: object) -> list[tuple[str, Any]]:
    """List what a list, a tuple or a dictionary holds, as `state[0]`."""
    if type(held) not in (list, tuple, dict) or not 0 < len(held) <= ITEMS or name.startswith("_"):  # type: ignore[arg-type]
        return []
    pairs = held.items() if isinstance(held, dict) else enumerate(held)  # type: ignore[arg-type]
    return [(f"{name}[{key!r}]", one) for key, one in pairs]


def held_as(frame: FrameType | None, name: str) -> object:
    """Find what a frame holds under a name such as `w` or `self.w`, without running any code of the user's."""
    first, *rest = name.split(".")
    if frame is None:
        return None
    thing = locals_of(frame).get(first, frame.f_globals.get(first, frame.f_builtins.get(first)))
    for part in rest:
        thing = getattr(thing, "__dict__", {}).get(part)
    return thing

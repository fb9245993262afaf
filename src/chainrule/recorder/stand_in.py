"""Call a function as if from the line that asked for it, so that a warning points there and is counted there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import CodeType, FrameType, FunctionType
from typing import Any

from chainrule.recorder.limits import SPANS

_CALL = (lambda func, args, kwargs: func(*args, **kwargs)).__code__
_stand_ins: dict[tuple[int, int], tuple[CodeType, CodeType]] = {}
"""For an instruction the code that it is in, kept so that its id stays its own, and the one that stands in for it."""


def call_from(frame: FrameType | None, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Return what a function returns when it is called where a frame is now."""
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

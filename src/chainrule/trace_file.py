"""Frozen dataclasses to and from plain JSON, by their fields and the types of these.

What is read is held to the types: a field that is missing, unknown or of another type is an error, unless it has a
default, so that a field that is added later may be missing in old files. Large arrays stand at the end as bytes
(base64, little-endian), each once; files of format 1 have them as lists where they belong.
"""

from __future__ import annotations

import base64
import gc
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import partial
from types import NoneType
from typing import Any, Literal, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from chainrule.errors import FileError

FORMAT = 2  # the version of the JSON layout; a file from a newer one is refused
SMALL = 16  # arrays of up to so many numbers stay where they belong, as lists that a person can read
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

_Dataclass = TypeVar("_Dataclass")
_Reader: TypeAlias = Callable[[Any], Any]


@contextmanager
def many_objects() -> Iterator[None]:
    """Keep Python from looking for cycles while many objects are made that have none; it takes half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def to_plain(thing: Any) -> dict[str, Any]:
    """Return a dataclass as plain JSON; numbers that are not finite become strings."""
    large: dict[bytes, int] = {}
    plain = _plain(thing, large)
    return {"format": FORMAT, **plain, "arrays": [base64.b64encode(array).decode() for array in large]}


def _plain(thing: Any, large: dict[bytes, int]) -> Any:
    if isinstance(thing, np.ndarray):
        if thing.size <= SMALL:
            return _plain(thing.tolist(), large)
        held = thing.astype(thing.dtype.newbyteorder("<"), copy=False).tobytes()
        return {"array": large.setdefault(held, len(large))}
    if is_dataclass(thing):
        return {field.name: _plain(getattr(thing, field.name), large) for field in fields(thing)}
    if isinstance(thing, Mapping):
        return {str(key): _plain(item, large) for key, item in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [_plain(item, large) for item in thing]
    if isinstance(thing, complex):
        return {"real": _plain(thing.real, large), "imag": _plain(thing.imag, large)}
    if isinstance(thing, float) and not math.isfinite(thing):
        return "NaN" if math.isnan(thing) else "Infinity" if thing > 0 else "-Infinity"
    return thing


def from_plain(
    kind: type[_Dataclass], plain: Any, needed: Iterable[str], check: Callable[[_Dataclass], None]
) -> _Dataclass:
    """Return the dataclass that was written; raise `FileError` if it is damaged, fails a check, or is too new."""
    if not isinstance(plain, Mapping) or type(plain.get("format")) is not int or plain["format"] < 1:
        raise FileError("This is no recording: it has no `format`. Give a file that `rec.save(...)` wrote.")
    if plain["format"] > FORMAT:
        raise FileError(
            f"This recording has format {plain['format']}, and this version of chainrule reads up to {FORMAT}. "
            "Update it: `pip install --upgrade chainrule`."
        )
    try:
        large = [base64.b64decode(text, validate=True) for text in plain.get("arrays", ())]
        names = dict.fromkeys((*needed, *plain)).keys() - {"format", "arrays"}
        held: _Dataclass = _reader(kind, large)({name: plain[name] for name in names})
        check(held)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise FileError(
            f"This recording is damaged ({str(error)[:200]}). Save it again from the code that made it."
        ) from error
    return held


def _reader(kind: Any, large: list[bytes]) -> _Reader:
    """Return a function that reads what has this type back from plain JSON, with the large arrays beside it.

    An array is a function of its shape and dtype at first, which the dataclass that it stands in knows.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        types = get_type_hints(kind)
        make: Any = getattr(kind, "_read", kind)
        readers = {field.name: _reader(types[field.name], large) for field in fields(kind)}
        return lambda plain: make(**{name: readers[name](item) for name, item in plain.items()})
    if origin is np.ndarray:
        return lambda plain: partial(_array, plain, large)
    if origin is tuple:
        each = _reader(inner[0], large)
        return lambda plain: tuple([each(item) for item in _exactly(list, plain)])
    if origin is Mapping:
        key, each = _text if inner[0] is str else lambda name: _position(int(name)), _reader(inner[1], large)
        return lambda plain: {key(name): each(item) for name, item in plain.items()}
    if NoneType in inner:
        some, *others = (_reader(one, large) for one in inner if one is not NoneType)
        if others:
            return _argument
        return lambda plain: None if plain is None else some(plain)
    if origin is Literal:
        return lambda plain: inner[inner.index(plain)]
    plainly: dict[Any, _Reader] = {int: _position, str: _text, float: lambda plain: float(_number(plain))}
    return plainly.get(kind, _number if inner else partial(_exactly, kind))


def _array(plain: Any, large: list[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    if isinstance(plain, Mapping) and "array" in plain:
        held = np.frombuffer(large[_position(plain["array"])], dtype.newbyteorder("<")).astype(dtype, copy=False)
    else:
        natural = np.asarray(_numbers(plain))
        if natural.size and not np.can_cast(natural.dtype, np.int64 if dtype.kind == "u" else dtype, "same_kind"):
            raise TypeError(f"{natural.dtype} is not {dtype}")
        with np.errstate(over="ignore"):
            held = np.asarray(natural.tolist(), dtype)
    array = held.reshape(shape)
    array.setflags(write=False)
    return array


def _position(plain: Any) -> int:
    """Return a whole number from 0; every one in a file is a position, a size or a line."""
    if _exactly(int, plain) < 0:
        raise ValueError(f"{plain} is below 0")
    return plain  # type: ignore[no-any-return]


def _text(plain: Any) -> str:
    return _exactly(str, plain).encode("utf-8", "replace").decode()  # type: ignore[no-any-return]  # half a character is none


def _argument(plain: Any) -> Any:
    """Return what a call was given: a number, a text, nothing, or several of these."""
    if isinstance(plain, list):
        return tuple([_argument(item) for item in plain])
    is_text = plain is None or (isinstance(plain, str) and plain not in NOT_FINITE)
    return plain and _text(plain) if is_text else _number(plain)


def _numbers(plain: Any) -> Any:
    """Return a number, or nested lists of numbers, those that are complex or not finite included."""
    return [_numbers(item) for item in plain] if isinstance(plain, list) else _number(plain)


def _number(plain: Any) -> Any:
    if isinstance(plain, str):
        return NOT_FINITE[plain]
    if isinstance(plain, Mapping):
        return complex(*(float(_number(plain[part])) for part in ("real", "imag")))
    if type(plain) not in (bool, int, float):
        raise TypeError(f"{plain!r} is no number")
    return plain


def _exactly(kind: type, plain: Any) -> Any:
    if type(plain) is not kind:
        raise TypeError(f"{plain!r} is no {kind.__name__}")
    return plain

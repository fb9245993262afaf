"""Frozen dataclasses to and from plain JSON, by their fields and the types of these.

What is read is held to the types: a field that is missing, unknown or of another type is an error, unless it has a
default, so that a field that is added later may be missing in old files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType
from typing import Any, Literal, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

from chainrule.errors import FileError

FORMAT = 1
"""The version of the JSON layout; a file from a newer one is refused."""

_Dataclass = TypeVar("_Dataclass")
_Reader: TypeAlias = Callable[[Any], Any]


def to_plain(thing: Any) -> Any:
    """Return dataclasses and arrays as plain JSON; numbers that are not finite become strings."""
    if isinstance(thing, np.ndarray):
        return to_plain(thing.tolist())
    if is_dataclass(thing):
        return {field.name: to_plain(getattr(thing, field.name)) for field in fields(thing)}
    if isinstance(thing, Mapping):
        return {str(key): to_plain(item) for key, item in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [to_plain(item) for item in thing]
    if isinstance(thing, complex):
        return {"real": to_plain(thing.real), "imag": to_plain(thing.imag)}
    if isinstance(thing, float) and not math.isfinite(thing):
        return "NaN" if math.isnan(thing) else "Infinity" if thing > 0 else "-Infinity"
    return thing


def from_plain(
    kind: type[_Dataclass], plain: Any, needed: Iterable[str], check: Callable[[_Dataclass], None]
) -> _Dataclass:
    """Return the dataclass that was written; raise `FileError` if it is damaged, fails a check, or is too new."""
    if not isinstance(plain, Mapping) or "format" not in plain:
        raise FileError("This is no recording: it has no `format`. Give a file that `rec.save(...)` wrote.")
    if not isinstance(plain["format"], int) or plain["format"] > FORMAT:
        raise FileError(
            f"This recording has format {plain['format']}, and this version of chainrule reads up to {FORMAT}. "
            "Update it: `pip install --upgrade chainrule`."
        )
    try:
        read: Callable[[Any], _Dataclass] = reader(kind)  # type: ignore[arg-type]  # a type is hashable
        held = read({name: plain[name] for name in (*needed, *plain) if name != "format"})
        check(held)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise FileError(f"This recording is damaged ({error!r}). Save it again from the code that made it.") from error
    return held


@cache
def reader(kind: Any) -> _Reader:
    """Return a function that reads what has this type back from plain JSON."""
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return getattr(kind, "_from_plain", None) or _fields_reader(kind)
    if origin is tuple:
        each = reader(inner[0])
        return lambda plain: tuple([each(item) for item in _exactly(list, plain)])
    if origin is Mapping:
        key, each = inner[0], reader(inner[1])
        return lambda plain: {key(name): each(item) for name, item in plain.items()}
    if NoneType in inner:
        (some,) = (reader(one) for one in inner if one is not NoneType)
        return lambda plain: None if plain is None else some(plain)
    if origin is Literal:
        return lambda plain: inner[inner.index(plain)]
    if kind is float:
        return lambda plain: float(read_numbers(plain))
    return read_numbers if inner else lambda plain: _exactly(kind, plain)


def read_numbers(plain: Any) -> Any:
    """Return a number, or nested lists of numbers, those that are complex or not finite included."""
    if isinstance(plain, list):
        return [read_numbers(item) for item in plain]
    if isinstance(plain, Mapping):
        return complex(float(plain["real"]), float(plain["imag"]))
    return float(plain) if isinstance(plain, str) else plain


def _fields_reader(kind: Any) -> _Reader:
    types = get_type_hints(kind)
    readers = {field.name: reader(types[field.name]) for field in fields(kind)}
    return lambda plain: kind(**{name: readers[name](item) for name, item in plain.items()})


def _exactly(kind: type, plain: Any) -> Any:
    if type(plain) is not kind:
        raise TypeError(f"{plain!r} is no {kind.__name__}")
    return plain

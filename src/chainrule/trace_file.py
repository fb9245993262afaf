"""Frozen dataclasses to and from plain JSON, by their fields and the types of these.

What is read is held to the types: a field that is missing, unknown or of another type is an error, unless it has a
default, so that a field that is added later may be missing in old files. Large arrays stand at the end as bytes
(base64, little-endian), each once; files of format 1 have them as lists where they belong.
"""

from __future__ import annotations

import base64
import gc
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import partial
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from chainrule.errors import FileError

if TYPE_CHECKING:
    from chainrule.trace import Snapshot, Trace, Visit

FORMAT = 2  # the version of the JSON layout; a file from a newer one is refused
SMALL = 16  # arrays of up to so many numbers stay where they belong, as lists that a person can read
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

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


@many_objects()
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


@many_objects()
def from_plain(kind: type[Trace], plain: Any) -> Trace:
    """Return the trace that was written; raise `FileError` if it is damaged or too new."""
    if not isinstance(plain, Mapping) or type(plain.get("format")) is not int or plain["format"] < 1:
        raise FileError("This is no recording: it has no `format`. Give a file that `rec.save(...)` wrote.")
    if plain["format"] > FORMAT:
        raise FileError(
            f"This recording has format {plain['format']}, and this version of chainrule reads up to {FORMAT}. "
            "Update it: `pip install --upgrade chainrule`."
        )
    try:
        large = [base64.b64decode(text, validate=True) for text in plain.get("arrays", ())]
        names = {"values", "ops", "nodes", "passes", *plain} - {"format", "arrays"}
        held: Trace = _reader(kind, large)({name: plain[name] for name in names})
        _check(held)
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


def _check(trace: Trace) -> None:
    """Raise an error, such as `ValueError`, if something points nowhere or to what comes later, or has a wrong shape.

    It takes time in proportion to the trace, however far off a position or a shape is.
    """
    if not all(_is_in_order(trace)):
        raise ValueError("something in it points nowhere, or to what comes later")
    if not all(_has_shapes(trace)):
        raise ValueError("a gradient in it does not have the shape or the dtype that it must")


def _is_in_order(trace: Trace) -> Iterator[bool]:
    """Tell of each op, value, node and pass whether it comes after what it is made from, and is known there."""
    made = [-1 if value.op is None else value.op for value in trace.values]
    within = [-1 if node.op is None else node.op for node in trace.nodes]
    outputs = {(i, value) for i, op in enumerate(trace.ops) for value in op.outputs}
    for i, op in enumerate((*trace.ops, *([trace.failed.op] if trace.failed else []))):
        yield set(op.inputs).isdisjoint(op.outputs)
        yield all(made[value] < i for value in op.inputs) and max(op.outputs, default=-1) < len(made)
        yield len(op.letters) in (0, len(op.inputs)) and all(len(name) == 1 for name in (*op.letters, *op.constants))
        yield all(int(place) < len(op.inputs) for place in re.findall(r"'@(\d+)'", repr(op.arguments)))
    for i, value in enumerate(trace.values):
        yield value.before is None or value.before < i
        yield value.op is None or (value.op, i) in outputs
        yield value.node is None or within[value.node] <= made[i]
    for i, node in enumerate(trace.nodes):
        last = len(trace.ops) if node.op is None else node.op
        yield within[i] < len(trace.ops)
        for edge in node.edges:
            yield edge.node is None or (edge.node < i and within[edge.node] <= last)
            yield edge.value is None or made[edge.value] < last
    for run in trace.passes:
        yield all(value < len(made) for value in (*run.roots, *run.before, *(run.asked or ())))
    for update in trace.updates:
        yield all(value < len(made) for value in (*update.parameters, *update.gradients))
    for failed in trace.failed_passes:
        yield all(value < len(made) for value in failed.values)
    for event in trace.events:
        yield all(value < len(made) for value in (*event.values, *event.made))


def _has_shapes(trace: Trace) -> Iterator[bool]:
    """Tell of each gradient whether it has the shape of what it belongs to."""
    slots = {(value.node, value.slot): value.shape for value in trace.values if value.node is not None}
    for value in trace.values:
        yield value.node is None or slots[value.node, value.slot] == value.shape
    for update in trace.updates:
        yield all(_is_gradient(held, trace.values[i].shape) for i, held in update.gradients.items())
    for run in trace.passes:
        for i, got in run.gradients.items():  # of a batch of them, each has that shape
            shape = trace.values[i].shape
            yield _is_gradient(got, (*got.shape[: len(got.shape) - len(shape)], *shape))
        yield all(_is_gradient(held, trace.values[i].shape) for i, held in run.before.items())
        for hook in run.hooks:
            yield all(_is_gradient(held, trace.values[hook.value].shape) for held in (hook.before, hook.after))
        for visit in run.visits:
            for slot, one in enumerate(visit.upstream):
                yield one is None or _is_gradient(one, slots.get((visit.node, slot), one.shape))
            yield from _flows_fit(trace, visit)


def _flows_fit(trace: Trace, visit: Visit) -> Iterator[bool]:
    edges, came = trace.nodes[visit.node].edges, [one for one in visit.upstream if one is not None]
    yield len(came) > 0 and len(visit.flows) == len(edges)
    for edge, flow in zip(edges, visit.flows, strict=False):
        went, local = flow.contribution, flow.local
        if went is not None:
            yield _is_gradient(went, went.shape if edge.value is None else trace.values[edge.value].shape)
        if went is None or local is None:
            yield local is None
        else:
            shapes = {"elementwise": came[0].shape, "gradient": went.shape, "jacobian": (came[0].size, went.size)}
            yield len(came) == 1 and _is_gradient(local, shapes[flow.kind or ""])


def _is_gradient(held: Snapshot, shape: tuple[int, ...]) -> bool:
    return held.shape == shape and ("float" in held.dtype or "complex" in held.dtype)

"""Files: whatever is read, it is a `FileError`, or a recording of which every view can be had."""

from __future__ import annotations

import copy
import json
import math
import random
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

import chainrule
from chainrule import trace_file
from chainrule.trace import Trace
from tests.support.broken import Apart
from tests.support.sweep import share

HOSTILE: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 7, 1000, 10**10, 2**62, 2**63, 10**400, 0.5, -0.0, 1e308, 1e400, -1e400),
    *("", "w", "a", "loss#2", "NaN", "-Infinity", "\ud800", "<script>", "{0}", "(" * 300, "f(" * 2000, "x" * 10_000),
    *("w + " * 3000 + "w", "2**" * 99 + "2", "S2000000000", "object", "int8", "float64", "bfloat16", "load", "qint8"),
    *([], [[]], [-1], [0], [0, 0], [2, 3], [10**10], [2**40, 2**40], [1e400], ["NaN"], [None], [300], ["a", "b"]),
    *({}, {"real": 1}, {"array": 0}, {"array": -1}, {"norm": "NaN"}, {"min": 0}, {"0": None}, {"b": 2}, {"w": 1.0}),
)
"""What is put at a place of a file where it does not belong, or only looks as if it did."""


@cache
def recordings() -> tuple[dict[str, Any], ...]:
    """Record a few small programs that have between them all that a file can hold."""
    torch.manual_seed(0)
    w = torch.tensor(1.0, requires_grad=True)
    with chainrule.record() as scalars:
        h = w * 3
        h.register_hook(lambda g: g * 2)
        (h - torch.sin(w)) ** 2
        loss = (h - 1) ** 2
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad  # type: ignore[operator]
        (w / 0.0).backward()
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    with chainrule.record() as layers:
        out = model(torch.randn(6, 4))
        torch.nn.functional.cross_entropy(out, torch.tensor([0, 1, 0, 1, 0, 1])).backward()
    v, u = torch.randn(3, requires_grad=True), torch.randn(2, 3, dtype=torch.bfloat16, requires_grad=True)
    with chainrule.record() as tensors:
        top, index = (v * u.float()).max(0)
        big = (v[0] * torch.arange(1200.0)).sum()
        spectrum = torch.fft.fft(v).abs().sum()
        (top.sum() + big + spectrum + index.sum() + (v > 0).sum()).backward()
    with chainrule.record() as twice:
        cube = (v**3).sum()
        (g,) = torch.autograd.grad(cube, v, create_graph=True)
        (g @ v).backward()
    return tuple(json.loads(json.dumps(rec.trace.to_dict())) for rec in (scalars, layers, tensors, twice))


def places(plain: Any) -> Iterator[tuple[Any, Any]]:
    """List each place in a file: what holds it, and its key there."""
    for key, item in list(plain.items() if isinstance(plain, dict) else enumerate(plain)):
        yield plain, key
        if isinstance(item, (dict, list)):
            yield from places(item)


def mutated(chance: random.Random) -> Any:
    """Return a recording's file with one to three things wrong in it."""
    plain = copy.deepcopy(chance.choice(recordings()))
    for _ in range(chance.choice((1, 1, 2, 3))):
        holder, key = chance.choice(list(places(plain)))
        kind = chance.choice(("hostile", "hostile", "hostile", "other", "nudge", "remove", "repeat"))
        if kind == "remove":
            del holder[key]
        elif kind == "repeat" and isinstance(holder, list):
            holder.insert(chance.randrange(len(holder) + 1), copy.deepcopy(holder[key]))
        elif kind == "nudge" and type(holder[key]) is int:
            holder[key] += chance.choice((-2, -1, 1, 2))
        elif kind == "other":
            there, name = chance.choice([place for place in places(plain) if place[1] == key or isinstance(key, int)])
            holder[key] = copy.deepcopy(there[name])
        else:
            holder[key] = copy.deepcopy(chance.choice(HOSTILE))
    return plain


def look_at_everything(trace: Trace) -> None:
    """Take every view of a trace; one that cannot be had says so with an error of ours."""
    rec = chainrule.Recording(lambda: trace)
    names = [value.name for value in trace.values[:6]] + [value.name for value in trace.values[-3:]]
    views: list[Any] = [lambda: (str(rec), rec._repr_html_(), rec.why(), rec.trace.to_dict())]
    for backward in (None, *range(min(3, len(trace.passes)))):
        views += [lambda b=backward: rec.table(b)._repr_html_(), lambda b=backward: str(rec.table(b, fold=False))]
        views += [lambda b=backward: rec.graph(b).page, lambda b=backward: rec.figure(b)]
    for name in names:
        views += [lambda n=name: rec.grad(n), lambda n=name: str(rec.derivation(n)), lambda n=name: str(rec.why(n))]
        views += [lambda n=name: rec.derivation(n).latex, lambda n=name: str(rec.check(-1, **{n: 7.0}))]
        views += [lambda n=name: str(rec.check(-1, **{n: rec.grad(n) * 1.5})), lambda n=name: rec.table(name=n)]
    for view in views:
        with suppress(chainrule.ChainruleError):
            view()


def test_large_arrays_are_kept_as_bytes_and_once() -> None:
    """A saved step is at most a third and a little more larger than its arrays, and no number of it is another."""
    torch.manual_seed(0)
    model, x = torch.nn.Linear(50, 40), torch.randn(30, 50)
    with chainrule.record(keep="all") as rec:
        model(x).square().mean().backward()
    text = json.dumps(rec.trace.to_dict())
    arrays = {id(held): held for held in _arrays(rec.trace)}
    assert len(text) < 1.34 * sum(held.nbytes for held in arrays.values()) + 20_000
    for before, after in zip(_arrays(rec.trace), _arrays(Trace.from_dict(json.loads(text))), strict=True):
        assert (before.dtype, before.shape, before.tobytes()) == (after.dtype, after.shape, after.tobytes())
        assert not after.flags.writeable


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "uint8", "float16", "bfloat16", "float64", "complex64"])
def test_each_dtype_reads_as_it_was_in_either_format(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of any dtype, not finite ones too, are the same from bytes and from the lists of format 1."""
    held = torch.randn(20).mul(3).to(getattr(torch, dtype))
    if held.is_floating_point():
        held[:3] = torch.tensor([math.nan, math.inf, -math.inf])
    with chainrule.record() as rec:
        held[None].clone()
    for small in (16, 1000):
        monkeypatch.setattr(trace_file, "SMALL", small)
        read = Trace.from_dict(json.loads(json.dumps(rec.trace.to_dict())))
        for before, after in zip(_arrays(rec.trace), _arrays(read), strict=True):
            assert (before.dtype, before.shape) == (after.dtype, after.shape)
            np.testing.assert_array_equal(before, after)


def _arrays(thing: Any) -> Iterator[np.ndarray[Any, Any]]:
    """List the arrays in a trace."""
    if isinstance(thing, np.ndarray):
        yield thing
    elif isinstance(thing, (list, tuple)):
        for item in thing:
            yield from _arrays(item)
    elif isinstance(thing, dict):
        yield from _arrays(list(thing.values()))
    elif is_dataclass(thing):
        yield from _arrays([getattr(thing, field.name) for field in fields(thing)])


def test_a_result_may_be_older_than_what_its_op_takes() -> None:
    """A function whose forward made a result before it met an argument reads back like any other."""
    c, w = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    with chainrule.record() as rec:
        h, _ = Apart.apply(c, w)  # type: ignore[no-untyped-call]
        h.sum().backward()
    (op,) = (op for op in rec.trace.ops if op.name == "Apart")
    assert max(op.inputs) > min(op.outputs)
    look_at_everything(Trace.from_dict(rec.trace.to_dict()))


def test_a_dtype_of_a_newer_pytorch_reads_as_the_next_wider() -> None:
    """A file whose dtypes this PyTorch lacks can be looked at, with numbers of the dtype that holds them."""
    trace = Trace.from_dict(json.loads(json.dumps(recordings()[0]).replace('"float32"', '"float9_new"')))
    look_at_everything(trace)
    assert chainrule.Recording(lambda: trace).grad("w").dtype == torch.float32


@pytest.mark.parametrize("expression", ["+".join(["c"] * 400), "f(" * 2000, "(" * 300, "2**" * 99 + "2", "\ud800", ""])
def test_any_expression_can_be_looked_at(expression: str) -> None:
    """An expression that is too long or too deep for maths is shown as text."""
    plain = copy.deepcopy(recordings()[0])
    plain["ops"][0]["expression"] = expression
    look_at_everything(Trace.from_dict(plain))


@pytest.mark.sweep
def test_what_is_loaded_can_be_looked_at() -> None:
    """Of thousands of files with something wrong in them, each is a `FileError`, or a recording with every view."""
    loaded = 0
    for seed in range(share(4000)):
        plain = mutated(random.Random(seed))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                trace = Trace.from_dict(plain)
                loaded += 1
                look_at_everything(trace)
            except chainrule.FileError:
                continue
            except Exception as error:
                error.add_note(f"seed {seed}")
                raise
    assert loaded > share(4000) / 12

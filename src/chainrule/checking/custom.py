"""Find what a custom `torch.autograd.Function` does wrong, by watching one forward and one backward pass of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from torch.autograd.function import BackwardCFunction, FunctionCtx
from torch.overrides import TorchFunctionMode, _pop_mode, _push_mode

SAID: Mapping[str, str] = {
    "none": "`{name}` returned None for input {place}. Its backward has to give that input a gradient, too.",
    "zeros": "`{name}` had a gradient, and its backward returned nothing but 0 for input {place}.",
    "over": "`{name}` kept a tensor for its backward that was written over since. Keep a `.clone()` of it.",
    "repeated": "The backward writes to places by an index that names one more than once: all but the last are "
    "lost. Add them up: `index_add_`, `scatter_add_`, or `index_put_(..., accumulate=True)`.",
    "no graph": "`{name}` keeps an intermediate result for its backward, which has no graph: a second derivative "
    "misses what comes through it. Keep the inputs or the outputs, and compute the rest anew in the backward.",
    "zero": "It is 0 throughout: nothing comes back. Look for `detach()`, `no_grad` and factors of 0 on the way.",
}
"""The sentence of each slip; the first that is found is told."""
_WRITES = frozenset({"__setitem__", "index_put_", "index_put", "scatter_", "scatter", "index_copy_", "index_copy"})


class _Watch(TorchFunctionMode):
    """Note what custom functions keep, and what their backward passes do."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, object]] = {}
        self.kept: list[tuple[str, torch.Tensor, torch.Tensor]] = []
        self._inner: dict[int, torch.Tensor] = {}
        """What was computed with gradients switched off, as within a custom function's forward, by its id."""
        self._written: set[int] = set()
        """What was written to with gradients switched on: not within a custom function's forward, but after it."""
        self._nodes: set[Any] = set()
        self._is_inside = 0

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Look at writes to indexed places within a backward pass."""
        kwargs = kwargs or {}
        if self._is_inside and func.__name__ in _WRITES and not (kwargs.get("accumulate") or True in args[3:]):
            for index in (one for one in _flat(args[1:]) if one.dtype == torch.int64):
                if index.unique().numel() < index.numel():
                    self.found["repeated"] = {}
        result = func(*args, **kwargs)
        if not torch.is_grad_enabled():
            self._inner |= {id(one): one for one in _flat(result)}
        elif func.__name__ == "__setitem__" or re.fullmatch(r"__i\w+__|\w*[a-z0-9]_", func.__name__):
            self._written |= {id(one) for one in _flat(args[:1])}
        return result

    def save(self, original: Callable[..., None], context: Any, *tensors: torch.Tensor | None) -> None:
        """Note what is kept, as it is then."""
        self.hang(context)
        self._keep(context, tensors)
        original(context, *tensors)

    def apply(self, original: Callable[..., Any], function: Any, *args: Any) -> Any:
        """Run a custom function, and note what else it keeps."""
        result = original(function, *args)
        for one in _flat(result):
            if isinstance(one.grad_fn, BackwardCFunction):
                self.hang(one.grad_fn)
                self._keep(one.grad_fn, vars(one.grad_fn).values())
        return result

    def hang(self, node: Any) -> None:
        """Hang hooks on a node."""
        if node not in self._nodes:
            self._nodes.add(node)
            node.register_prehook(partial(self._enter, node))
            node.register_hook(partial(self._leave, node))
            held = _flat(list(vars(node).values()))  # of an `apply` that was taken before we watched
            if any(id(one) in self._written and id(one) in self._inner for one in held):
                self.found["over"] = {"name": _name(node)}

    def _keep(self, node: Any, tensors: Iterable[Any]) -> None:
        self.kept += [(_name(node), one, one.detach().clone()) for one in _flat(list(tensors))]

    def _enter(self, node: Any, _: object) -> None:
        self._is_inside += 1
        _push_mode(self)  # which autograd runs without
        if torch.is_grad_enabled():  # it is differentiated twice
            held = [*_flat(list(vars(node).values())), *_flat(list(node.saved_tensors))]
            if any(id(one) in self._inner and one.is_floating_point() and not one.requires_grad for one in held):
                self.found["no graph"] = {"name": _name(node)}

    def _leave(self, node: Any, given: Sequence[Any], came: Sequence[Any]) -> None:
        self._is_inside -= 1
        _pop_mode()
        for place, (gradient, (edge, _slot)) in enumerate(zip(given, node.next_functions, strict=False), 1):
            kind = "none" if gradient is None and edge is not None else ""
            if gradient is not None and not gradient.any() and any(one is not None and one.any() for one in came):
                kind = "zeros"
            if kind:
                self.found.setdefault(kind, {"name": _name(node), "place": place})


def _name(node: Any) -> str:
    return type(node).__name__.removesuffix("Backward")


def _flat(thing: Any) -> Iterator[torch.Tensor]:
    if isinstance(thing, torch.Tensor):
        yield thing
    elif isinstance(thing, (list, tuple)):
        for one in thing:
            yield from _flat(one)


def slips_of_functions(loss_of: Callable[..., torch.Tensor], points: Sequence[torch.Tensor]) -> dict[str, str]:
    """Say what custom functions do wrong, the likeliest cause of a wrong gradient first."""
    watch, leaves = _Watch(), [point.clone().requires_grad_() for point in points]
    apply, save = torch.autograd.Function.__dict__["apply"].__func__, FunctionCtx.save_for_backward
    with ExitStack() as stack:
        stack.enter_context(patch.object(torch.autograd.Function, "apply", classmethod(partial(watch.apply, apply))))
        stack.enter_context(patch.object(FunctionCtx, "save_for_backward", lambda *args: watch.save(save, *args)))
        stack.enter_context(torch.random.fork_rng(devices=[]))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(watch)
        if (loss := loss_of(*leaves)).requires_grad:
            pending, seen = [loss.grad_fn], set[Any]()
            while pending:
                if (node := pending.pop()) is None or node in seen:
                    continue
                seen.add(node)
                if isinstance(node, BackwardCFunction):
                    watch.hang(node)
                pending += [below for below, _ in node.next_functions]
            torch.autograd.grad(loss, leaves, allow_unused=True)
    for name, tensor, then in watch.kept:
        if not torch.allclose(tensor.detach(), then, 0, 0, equal_nan=True):
            watch.found["over"] = {"name": name}
    return {kind: SAID[kind].format(**watch.found[kind]) for kind in SAID if kind in watch.found}

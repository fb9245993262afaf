"""What autograd does not follow: numbers taken out, gradients cleared or clipped, and what an optimizer steps with."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from types import CodeType
from typing import Any

from torch import Tensor
from torch.nn.utils import clip_grad
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle

from chainrule.recorder.guard import Guard
from chainrule.recorder.snapshots import Copies
from chainrule.recorder.source_code import NOWHERE, SourceSpan, span_at
from chainrule.recorder.source_names import CallSite, call_site
from chainrule.recorder.tape import SeenEvent, SeenUpdate, Tape
from chainrule.recorder.values import Values

TAKES_NUMBERS = frozenset({"item", "tolist", "numpy", "__float__", "__int__", "__array__"})
COPIES_NUMBERS = frozenset({"tensor", "as_tensor", "new_tensor"})
CLIPS = clip_grad.__file__


class Events:
    """Write down, in the order in which it happens, what is done to values and gradients beside the graph."""

    def __init__(self, tape: Tape, values: Values, copies: Copies, guard: Guard) -> None:
        self._tape, self._values, self._copies, self._guard = tape, values, copies, guard
        self._me = weakref.ref(self)

    def watch_optimizers(self) -> RemovableHandle:
        """Have every optimizer tell, before it takes a step, until the handle is removed."""
        return register_optimizer_step_pre_hook(partial(_before_step, self._me))

    def take(self, name: str, tensor: Tensor, code: CodeType | None = None) -> None:
        """Note that something is done with a tensor that has to do with the graph."""
        if tensor.requires_grad or self._tape.find(tensor) is not None:
            site = call_site(code, self._values.paths.block)
            self.note(name, site, (self._values.of(tensor, site, [tensor]),))

    def clear(self, gradient: Tensor) -> None:
        """Note that a gradient is filled with zeros."""
        if (leaf := self._values.leaf_with(gradient)) is not None:
            self.note("clear", call_site(None, self._values.paths.block), leaf.values[-1:])

    def make(self, name: str, site: CallSite, given: Sequence[int], made: Sequence[Tensor]) -> None:
        """Note that new tensors are made of numbers alone."""
        values = [self._values.of(tensor, site, made, i) for i, tensor in enumerate(made)]
        for position, value in enumerate(values):
            self._values.name_result(self._tape.values[value], site, position, len(made))
        self.note(name, site, given, values)

    def note(self, name: str, site: CallSite, values: Sequence[int], made: Sequence[int] = ()) -> None:
        """Write an event down, or add to the last one if that is the same call."""
        events, now = self._tape.events, SeenEvent(name, [], [], *self._tape.moment, _span(site))
        if not events or replace(events[-1], values=[], made=[]) != now:
            events.append(now)
        events[-1].values += values
        events[-1].made += made

    def step(self, optimizer: Optimizer, by_closure: bool) -> None:
        """Write down what an optimizer is about to step, and with which gradients."""
        site, tape = call_site(None, self._values.paths.block), self._tape
        held: dict[int, Any] = {}
        for g, group in enumerate(optimizer.param_groups):
            for i, leaf in enumerate(group["params"]):
                is_new = tape.find(leaf) is None
                value = self._values.of(leaf, site, [leaf])
                seen = tape.values[value]
                if is_new and not (seen.name or seen.paths):
                    seen.written = f"{type(optimizer).__name__}.param_groups[{g}]['params'][{i}]"
                held[value] = None if leaf.grad is None else self._copies.of(leaf.grad, whole=True)
        gradients = {value: copy for value, copy in held.items() if copy is not None}
        tape.updates.append(SeenUpdate(tuple(held), gradients, len(tape.passes), _span(site), by_closure))


def _span(site: CallSite) -> SourceSpan:
    """Read the user's expression, be the call that is noted deep inside of it."""
    return NOWHERE if site.frame is None else span_at(site.frame.f_code, site.frame.f_lasti, True)


def _before_step(me: weakref.ref[Events], optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Tell the recorder, if it is alive: every optimizer calls this before its step."""
    if (events := me()) is not None:
        by_closure = any(callable(given) for given in (*args[1:], *kwargs.values()))
        events._guard.run(events.step, optimizer, by_closure)

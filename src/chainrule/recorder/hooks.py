"""What backward passes report: each node's turn, what each leaf gets, and what the user's own hooks change.

A hook must never raise, and must not keep the recorder alive: the reference would go through C++, where Python's
collector cannot follow it. So each hook holds a weak reference, and runs under the guard.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node as TorchNode
from torch.utils.hooks import RemovableHandle

from chainrule.recorder.gradient_cache import GradientCache
from chainrule.recorder.guard import Guard
from chainrule.recorder.local_gradients import local_gradients
from chainrule.recorder.snapshots import Keep, Lazy, lazy_copy
from chainrule.recorder.tape import SeenPass, Tape


class BackwardHooks:
    """Hang hooks on nodes and tensors, and write down on the tape what they report."""

    def __init__(self, tape: Tape, guard: Guard, keep: Keep, local_gradients: bool) -> None:
        self._tape, self._guard, self._keep, self._local = tape, guard, keep, local_gradients
        self._cache = GradientCache(keep)
        self._pass_of: dict[int, SeenPass] = {}
        self._roots: tuple[int, ...] = ()
        self._arrived: dict[int, Lazy] = {}
        """What arrived last at a value that the user has hooks on."""
        self._handles: list[RemovableHandle] = []
        self._nodes: list[TorchNode] = []
        self._me = weakref.ref(self)

    def start(self, roots: tuple[int, ...]) -> tuple[int, ...]:
        """Set the values that the next backward pass starts from; return those set before."""
        before, self._roots = self._roots, roots
        self._cache.clear()
        return before

    def clear(self) -> None:
        """Remove every hook, and drop every reference into PyTorch's graph."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._nodes.clear()
        self._pass_of.clear()
        self._cache.clear()

    def hang(self, node: TorchNode, number: int, is_leaf: bool) -> None:
        """Hang a hook on the next of autograd's nodes."""
        self._nodes.append(node)
        if is_leaf:  # before it is added to `.grad`, which may then be the very same tensor
            self._handles.append(node.register_prehook(partial(_forward, self._me, BackwardHooks.arrive, number)))
        else:
            self._handles.append(node.register_hook(partial(_forward, self._me, BackwardHooks.visit, number)))

    def observe_hooks(self, tensor: Tensor, value: int, name: str, user: RemovableHandle | None = None) -> None:
        """Look at a gradient before and after a hook of the `user`'s, or all those that a tensor has."""
        if user is None or list(tensor._backward_hooks or ()) == [user.id]:
            self._observe(tensor, value, first=True)
        self._observe(tensor, value, name, user)

    def _observe(
        self, tensor: Tensor, value: int, name: str = "", user: RemovableHandle | None = None, first: bool = False
    ) -> None:
        """Have the next look between two hooks; the `first` look comes before them all."""
        reference = self._me

        def look(gradient: Tensor) -> None:
            if (hooks := reference()) is not None and (user is None or user.id in (user.hooks_dict_ref() or ())):
                hooks._guard.run(hooks.look, value, name, gradient)

        before = list(tensor._backward_hooks or ()) if first else ()
        self._handles.append(tensor.register_hook(look))
        ordered: Any = tensor._backward_hooks
        for key in before:  # ours comes first; theirs stay in their order
            ordered[key] = ordered.pop(key)

    def look(self, value: int, name: str, gradient: Tensor) -> None:
        """Write down what a hook of the user's was given, and what it returned."""
        node = self._tape.values[value].node
        run = self._running(-1 if node is None else node, node is None)
        if run is None:
            return
        self._cache.clear()  # a hook may have changed what is on its way
        now = lazy_copy(gradient, self._keep)
        if name and value in self._arrived:
            run.hooks.append((value, name, self._arrived[value], now))
        self._arrived[value] = now

    def visit(self, number: int, outgoing: tuple[Any, ...], incoming: tuple[Any, ...]) -> None:
        """Write down a node's turn: what came in, what went out on each edge, and the local gradients."""
        run = self._pass_of.get(torch._C._current_graph_task_id()) or self._running(number, leaf=False)
        if run is None:
            return
        cache, keep = self._cache, self._keep
        came = tuple([None if gradient is None else cache.entering(gradient) for gradient in incoming])
        if not any(came):
            return
        local = None
        if self._local and (found := local_gradients(self._nodes[number], incoming, outgoing)):
            local = {edge: (lazy_copy(factor, keep), kind) for edge, (factor, kind) in found.items()}
        went: list[Lazy | None] = []
        for gradient, (to, _, _) in zip(outgoing, self._tape.nodes[number].edges, strict=True):
            if gradient is None:
                went.append(None)
            elif gradient.dim():
                went.append(cache.leaving(gradient, self._leaf_behind(to)))
            else:
                went.append(lazy_copy(gradient, keep))
        run.turns.append((number, came, tuple(went), local))

    def _leaf_behind(self, node: int | None) -> int | None:
        """Find the leaf that gets what goes to a node as it is, or transposed."""
        while node is not None:
            held = self._tape.nodes[node]
            if held.is_leaf:
                return node
            node = held.edges[0][0] if held.name == "TBackward0" else None
        return None

    def arrive(self, number: int, incoming: tuple[Any, ...]) -> None:
        """Write down what a leaf gets."""
        run = self._pass_of.get(torch._C._current_graph_task_id()) or self._running(number, leaf=True)
        if run is None or incoming[0] is None:
            return
        leaf = self._tape.find(self._nodes[number].variable)  # type: ignore[attr-defined]
        got = self._cache.entering_leaf(incoming[0], number)
        run.turns.append((number, (got,), None, leaf.values[-1] if leaf else None))

    def _running(self, number: int, leaf: bool) -> SeenPass | None:
        """Find the backward pass that is running now; autograd numbers them.

        `None` for one that did not begin at what was recorded, such as another thread's that shares a leaf.
        """
        task = torch._C._current_graph_task_id()
        run = self._pass_of.get(task)
        if run is None:
            begins = {self._tape.values[root].node for root in self._roots}
            started_at = self._tape.value_at.get((number, 0))
            if number not in begins and not (leaf and None in begins) and (self._roots or leaf or started_at is None):
                return None
            run = self._pass_of[task] = SeenPass(self._roots or (() if started_at is None else (started_at,)))
            self._tape.passes.append(run)
        return run


def _forward(me: weakref.ref[BackwardHooks], act: Callable[..., None], number: int, *gradients: Any) -> None:
    """Autograd calls this after a node has run, and before a leaf accumulates; tell the recorder if that is alive."""
    if (hooks := me()) is not None:
        hooks._guard.run(act, hooks, number, *gradients)

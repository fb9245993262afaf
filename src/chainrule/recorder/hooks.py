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
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node as TorchNode
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack, _pop_mode, _push_mode
from torch.utils.hooks import RemovableHandle

from chainrule.recorder.guard import Guard, numbers_alone, unseen
from chainrule.recorder.local_gradients import Gradients, local_gradients
from chainrule.recorder.snapshots import Copies, Lazy, Waiting
from chainrule.recorder.tape import SeenPass, Tape
from chainrule.trace import Snapshot

_running_task = torch._C._current_graph_task_id


class BackwardHooks:
    """Hang hooks on nodes and tensors, and write down on the tape what they report."""

    def __init__(self, tape: Tape, guard: Guard, copies: Copies, local_gradients: bool) -> None:
        self._tape, self._guard, self._copies, self._local = tape, guard, copies, local_gradients
        self._sent: dict[tuple[int | None, int], tuple[weakref.ref[Tensor], int, Lazy | None]] = {}
        """What is on its way to each node and slot: the tensor, not kept alive, its version, and its copy."""
        self._pass_of: dict[int, SeenPass] = {}
        self._roots: tuple[int, ...] = ()
        self._arrived: dict[int, Lazy] = {}
        """What arrived last at a value that the user has hooks on."""
        self.mode: Callable[[], TorchFunctionMode | None] = lambda: None
        self.inside: list[SeenPass] = []
        """The passes that a custom Function's own backward pass runs in now, while the recorder watches it."""
        self._handles: list[RemovableHandle] = []
        self._nodes: dict[int, TorchNode] = {}
        self._me = weakref.ref(self)

    def start(self, roots: tuple[int, ...]) -> tuple[int, ...]:
        """Set the values that the next backward pass starts from; return those set before."""
        before, self._roots = self._roots, roots
        self._sent.clear()
        return before

    def keep(self, handle: RemovableHandle) -> None:
        """Remove a hook with the others."""
        self._handles.append(handle)

    def clear(self) -> None:
        """Remove every hook, and drop every reference into PyTorch's graph."""
        while self._handles:
            self._handles[-1].remove()
            self._handles.pop()
        self._nodes.clear()
        self._pass_of.clear()
        self._sent.clear()

    def hang(self, node: TorchNode, number: int, is_leaf: bool) -> None:
        """Hang a hook on the next of autograd's nodes."""
        self._nodes[number] = node
        hook = partial(_report, self._me, number, is_leaf)
        # of a leaf before it is added to `.grad`, which may then be the very same tensor
        self._handles.append(node.register_prehook(hook) if is_leaf else node.register_hook(hook))
        if isinstance(node, BackwardCFunction):  # what it computes anew, and differentiates, is part of the pass
            self._handles.append(node.register_prehook(partial(_enter, self._me, number)))

    def leave(self, depth: int) -> None:
        """Watch no longer, but for as many as are still running around it."""
        while len(self.inside) > depth:
            if _get_current_function_mode_stack()[-1:] == [self.mode()]:  # autograd puts it back after an error
                _pop_mode()
            self.inside.pop()

    def observe_hooks(self, tensor: Tensor, value: int, name: str, user: RemovableHandle | None = None) -> None:
        """Look at a gradient before and after a hook of the `user`'s, or all those that a tensor has."""
        if user is None or list(tensor._backward_hooks or ()) == [user.id]:
            self._observe(tensor, value)
        self._observe(tensor, value, name, user)

    def _observe(self, tensor: Tensor, value: int, name: str = "", user: RemovableHandle | None = None) -> None:
        """Have the next look between two hooks; one without a name comes before them all."""
        reference = self._me

        def look(gradient: Tensor) -> None:
            if (hooks := reference()) is not None and (user is None or user.id in (user.hooks_dict_ref() or ())):
                hooks._guard.run(hooks.look, value, name, gradient)

        theirs = {} if name else dict(tensor._backward_hooks or {})
        self._handles.append(tensor.register_hook(look))
        ordered: Any = tensor._backward_hooks
        try:
            for key in theirs:  # ours comes first; theirs stay in their order
                ordered[key] = ordered.pop(key)
        except BaseException:
            ordered.update(theirs)
            raise

    def look(self, value: int, name: str, gradient: Tensor) -> None:
        """Write down what a hook of the user's was given, and what it returned."""
        node = self._tape.values[value].node
        run = self._running(-1 if node is None else node, node is None)
        if run is None:
            return
        self._sent.clear()  # a hook may have changed what is on its way
        now = self._copies.of(gradient)
        if name and value in self._arrived:
            run.hooks.append((value, name, self._arrived[value], now))
        self._arrived[value] = now

    def visit(self, number: int, outgoing: Gradients, incoming: Gradients) -> None:
        """Write down a node's turn: what came in, what went out on each edge, and the local gradients."""
        run = self._pass_of.get(_running_task()) or self._running(number, leaf=False)
        if run is None:
            return
        if incoming[0] is None and all(gradient is None for gradient in incoming):
            return
        came = tuple([self._came(number, slot, gradient) for slot, gradient in enumerate(incoming)])
        copy_of, sent, beside = self._copies.of_numbers, self._sent, (incoming, came)
        went: list[Lazy | None] = []
        for gradient, (to, slot, _) in zip(outgoing, self._tape.nodes[number].edges, strict=False):
            if gradient is None:
                went.append(None)
                continue
            copy = came[0] if gradient is incoming[0] else copy_of(gradient, False, beside)
            sent[to, slot] = weakref.ref(gradient), gradient._version, copy
            went.append(copy)
        local = None
        if self._local and not self._copies.has_stand_ins:  # whom a node may ask to do something, such as to send
            try:
                local = local_gradients(self._nodes[number], incoming, outgoing)
            except Exception as error:
                self._guard.note(error)
        run.turns.append((number, came, tuple(went), local))

    def _came(self, number: int, slot: int, gradient: Tensor | None) -> Lazy | None:
        """Find the copy of what was sent to a node, if it came unchanged and alone; else copy what came."""
        if gradient is None:
            return None
        sent = self._sent.pop((number, slot), None)
        if sent is not None and sent[0]() is gradient and sent[1] == gradient._version:
            return sent[2]
        return self._copies.of_numbers(gradient)

    def arrive(self, number: int, gradient: Tensor | None) -> None:
        """Write down what a leaf gets; it is kept whole."""
        run = self._pass_of.get(_running_task()) or self._running(number, leaf=True)
        if run is None or gradient is None:
            return
        leaf = self._tape.find(self._nodes[number].variable)  # type: ignore[attr-defined]
        got = self._came(number, 0, gradient)
        if isinstance(got, (Waiting, Snapshot)):
            got = self._copies.of_numbers(gradient, whole=True)
        run.turns.append((number, (got,), None, leaf.values[-1] if leaf else None))
        held = self._nodes[number].variable.grad  # type: ignore[attr-defined]
        if leaf and held is not None and leaf.values[-1] not in run.before:
            run.before[leaf.values[-1]] = self._copies.of_numbers(held)

    def _running(self, number: int, leaf: bool) -> SeenPass | None:
        """Find the backward pass that is running now; autograd numbers them.

        `None` for one that did not begin at what was recorded, such as another thread's that shares a leaf.
        """
        task = _running_task()
        run = self._pass_of.get(task)
        if run is None and self.inside:
            run = self._pass_of[task] = self.inside[-1]
            run.roots += self._roots
        if run is None:
            begins = {self._tape.values[root].node for root in self._roots}
            started_at = self._tape.value_at.get((number, 0))
            if number not in begins and not (leaf and None in begins) and (self._roots or leaf or started_at is None):
                return None
            run = self._pass_of[task] = SeenPass(self._roots or (() if started_at is None else (started_at,)))
            self._tape.passes.append(run)
        return run


def _report(me: weakref.ref[BackwardHooks], number: int, is_leaf: bool, first: Gradients, *came: Gradients) -> None:
    """Tell the recorder, if it is alive: autograd calls this after a node has run, and before a leaf accumulates."""
    hooks = me()
    if hooks is None:
        return
    guard = hooks._guard
    guard.has_run = True
    try:
        if hooks.inside and isinstance(hooks._nodes[number], BackwardCFunction):
            hooks.leave(len(hooks.inside) - 1)
        with unseen(), numbers_alone():
            if is_leaf:
                hooks.arrive(number, first[0])
            else:
                hooks.visit(number, first, *came)
    except Exception as error:
        guard.note(error)


def _enter(me: weakref.ref[BackwardHooks], number: int, _: Gradients) -> None:
    """Watch what a custom Function's own backward pass does: autograd calls this before it."""
    if (hooks := me()) is None:
        return
    run, mode = hooks._running(number, leaf=False), hooks.mode()
    if run is not None and mode is not None and mode not in _get_current_function_mode_stack():
        hooks.inside.append(run)
        _push_mode(mode)

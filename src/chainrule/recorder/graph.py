"""Autograd's graph: number its nodes, and hang hooks that report what backward passes do, until the block ends.

A hook must never raise, and must not keep the recorder alive: the reference would go through C++, where Python's
collector cannot follow it. So each hook holds a weak reference, and runs under the guard.

Once Python has touched its nodes, PyTorch frees a graph node by node, each inside the one before: a chain of 100,000
overflows an 8 MB stack. Where an edge crosses a multiple of `DEPTH`, the node above is given something that holds the
node below, and that lets go of it later, when the stack is short again.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node as TorchNode
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack, _pop_mode, _push_mode
from torch.utils.hooks import RemovableHandle

from chainrule.recorder.guard import numbers_alone
from chainrule.recorder.limits import DEPTH
from chainrule.recorder.local_gradients import Gradients, local_gradients
from chainrule.recorder.snapshots import Lazy, Waiting
from chainrule.recorder.tape import SeenEdge, SeenNode, SeenPass, Tape
from chainrule.trace import Snapshot

_running_task = torch._C._current_graph_task_id
_NO_EDGE: SeenEdge = (None, 0, None)
_Children: TypeAlias = tuple[tuple[TorchNode | None, int], ...]


class Graph:
    """Know autograd's nodes, each by its position on the tape, and write down there what happens at them."""

    def __init__(self, tape: Tape, mode: TorchFunctionMode, local_gradients: bool) -> None:
        self._tape, self._guard, self._copies, self._local = tape, tape.guard, tape.copies, local_gradients
        self._mode, self._me = weakref.ref(mode), weakref.ref(self)
        self.number_of: dict[TorchNode, int] = {}
        self.nodes: dict[int, TorchNode] = {}
        self.inside: list[SeenPass] = []
        """The passes that a custom Function's own backward pass runs in now, while the recorder watches it."""
        self._sent: dict[tuple[int | None, int], tuple[weakref.ref[Tensor], int, Lazy | None]] = {}
        """What is on its way to each node and slot: the tensor, not kept alive, its version, and its copy."""
        self._pass_of: dict[int, SeenPass] = {}
        self._roots: tuple[int, ...] = ()
        self._arrived: dict[int, Lazy] = {}
        """What arrived last at a value that the user has hooks on."""
        self._handles: list[RemovableHandle] = []

    def keep(self, handle: RemovableHandle) -> None:
        """Remove a hook with the others."""
        self._handles.append(handle)

    def clear(self) -> None:
        """Remove every hook, and drop every reference into PyTorch's graph."""
        while self._handles:
            self._handles[-1].remove()
            self._handles.pop()
        for held in (self.number_of, self.nodes, self._pass_of, self._sent):
            held.clear()

    # The walk -------------------------------------------------------------------------------------------------

    def walk(self, root: TorchNode, op: int | None, value_of: Callable[[Tensor], int]) -> None:
        """Write down the nodes behind `root` that are new, children first, and hang a hook on each.

        `value_of` finds the value of a leaf that is met.
        """
        number_of, nodes, pending = self.number_of, self._tape.nodes, [(root, root.next_functions)]
        while pending:
            node, children = pending[-1]
            new = [
                (child, child.next_functions) for child, _ in children if child is not None and child not in number_of
            ]
            if new:
                pending += new
                continue
            pending.pop()
            if node in number_of:
                continue
            seen = self._seen(node, children, op, value_of)
            number = len(nodes)
            nodes.append(seen)
            number_of[node], self.nodes[number] = number, node
            # of a leaf before it is added to `.grad`, which may then be the very same tensor
            hang, told = (node.register_prehook, Graph.arrive) if seen.is_leaf else (node.register_hook, Graph.visit)
            self._handles.append(hang(partial(_tell, self._me, told, number)))
            if isinstance(node, BackwardCFunction):  # what it computes anew, and differentiates, is part of the pass
                self._handles.append(node.register_prehook(partial(_tell, self._me, Graph.enter, number)))

    def _seen(
        self, node: TorchNode, children: _Children, op: int | None, value_of: Callable[[Tensor], int]
    ) -> SeenNode:
        """Describe one node whose children are written down already."""
        kind = type(node).__name__
        if kind == "AccumulateGrad":
            return SeenNode(kind, None, (), 1, is_leaf=True)
        depth, nodes, number_of = 0, self._tape.nodes, self.number_of
        edges: list[SeenEdge] = []
        for child, slot in children:
            if child is None:
                edges.append(_NO_EDGE)
                continue
            number = number_of[child]
            below = nodes[number]
            if below.depth > depth:
                depth = below.depth
            at = value_of(child.variable) if below.is_leaf else self._tape.value_at.get((number, slot))  # type: ignore[attr-defined]
            edges.append((number, slot, at))
        depth += 1
        if depth >= DEPTH:
            below_it = [child for child, _ in children if child is not None]
            crossed = [child for child in below_it if nodes[number_of[child]].depth // DEPTH < depth // DEPTH]
            if crossed:
                node.metadata["chainrule"] = _Below(crossed)  # type: ignore[index]  # a method in its stub
        return SeenNode(kind, op, tuple(edges), depth, is_leaf=False)

    # Backward passes ------------------------------------------------------------------------------------------

    def start(self, roots: tuple[int, ...]) -> tuple[int, ...]:
        """Set the values that the next backward pass starts from; return those set before."""
        before, self._roots = self._roots, roots
        self._sent.clear()
        return before

    def leave(self, depth: int) -> None:
        """Watch no longer, but for as many as are still running around it."""
        while len(self.inside) > depth:
            if _get_current_function_mode_stack()[-1:] == [self._mode()]:  # autograd puts it back after an error
                _pop_mode()
            self.inside.pop()

    def enter(self, number: int, _: Gradients) -> None:
        """Watch what a custom Function's own backward pass does."""
        run, mode = self._running(number, leaf=False), self._mode()
        if run is not None and mode is not None and mode not in _get_current_function_mode_stack():
            self.inside.append(run)
            _push_mode(mode)

    def visit(self, number: int, outgoing: Gradients, incoming: Gradients) -> None:
        """Write down a node's turn: what came in, what went out on each edge, and the local gradients."""
        if self.inside and isinstance(self.nodes[number], BackwardCFunction):
            self.leave(len(self.inside) - 1)
        run = self._pass_of.get(_running_task()) or self._running(number, leaf=False)
        if run is None:
            return
        if incoming[0] is None and all(gradient is None for gradient in incoming):
            return
        with numbers_alone():
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
                    local = local_gradients(self.nodes[number], incoming, outgoing)
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

    def arrive(self, number: int, incoming: Gradients) -> None:
        """Write down what a leaf gets; it is kept whole."""
        (gradient,) = incoming
        run = self._pass_of.get(_running_task()) or self._running(number, leaf=True)
        if run is None or gradient is None:
            return
        variable = self.nodes[number].variable  # type: ignore[attr-defined]
        leaf, held = self._tape.find(variable), variable.grad
        with numbers_alone():
            got = self._came(number, 0, gradient)
            if isinstance(got, (Waiting, Snapshot)):
                got = self._copies.of_numbers(gradient, whole=True)
            run.turns.append((number, (got,), None, leaf.values[-1] if leaf else None))
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

    # The user's own hooks -------------------------------------------------------------------------------------

    def observe_hooks(self, tensor: Tensor, value: int, name: str, user: RemovableHandle | None = None) -> None:
        """Look at a gradient before and after a hook of the `user`'s, or all those that a tensor has."""
        if user is None or list(tensor._backward_hooks or ()) == [user.id]:
            self._observe(tensor, value)
        self._observe(tensor, value, name, user)

    def _observe(self, tensor: Tensor, value: int, name: str = "", user: RemovableHandle | None = None) -> None:
        """Have the next look between two hooks; one without a name comes before them all."""
        theirs = {} if name else dict(tensor._backward_hooks or {})
        self._handles.append(tensor.register_hook(partial(_tell, self._me, Graph.look, value, name, user)))
        ordered: Any = tensor._backward_hooks
        try:
            for key in theirs:  # ours comes first; theirs stay in their order
                ordered[key] = ordered.pop(key)
        except BaseException:
            ordered.update(theirs)
            raise

    def look(self, value: int, name: str, user: RemovableHandle | None, gradient: Tensor) -> None:
        """Write down what a hook of the user's was given, and what it returned, unless it is removed by now."""
        node = self._tape.values[value].node
        run = self._running(-1 if node is None else node, node is None)
        if run is None or (user is not None and user.id not in (user.hooks_dict_ref() or ())):
            return
        self._sent.clear()  # a hook may have changed what is on its way
        now = self._copies.of(gradient)
        if name and value in self._arrived:
            run.hooks.append((value, name, self._arrived[value], now))
        self._arrived[value] = now


def _tell(me: weakref.ref[Graph], told: Callable[..., None], *what: Any) -> None:
    """Tell the graph, if it is alive: autograd calls this at a node's turn, or between hooks on a tensor."""
    if (graph := me()) is not None:
        graph._guard.run(told, graph, *what)


_waiting = threading.local()
"""For each thread, in `pieces`, what it still has to let go of while it is letting go."""


class _Below(list[Any]):
    """Hold the nodes below a cut."""

    def __del__(self, waiting: threading.local = _waiting) -> None:
        """Let go of what is below: at once, if this is the first cut that is reached; else the first one does it."""
        busy = getattr(waiting, "pieces", None)
        pieces = waiting.pieces = [] if busy is None else busy
        pieces.extend(self)
        self.clear()
        if busy is None:
            try:
                while pieces:
                    pieces.pop()
            finally:
                waiting.pieces = None

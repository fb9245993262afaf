"""The walk over autograd's graph: number its nodes, write down their edges, and have a hook hung on each.

Once Python has touched its nodes, PyTorch frees a graph node by node, each inside the one before: a chain of 100,000
overflows an 8 MB stack. Where an edge crosses a multiple of `DEPTH`, the node above is given something that holds the
node below, and that lets go of it later, when the stack is short again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from torch.autograd.graph import Node as TorchNode

from chainrule.recorder.hooks import BackwardHooks
from chainrule.recorder.limits import DEPTH
from chainrule.recorder.tape import SeenEdge, SeenNode, Tape

_NO_EDGE: SeenEdge = (None, 0, None)
_ValueOf = Callable[[Any], int]


class Nodes:
    """Number autograd's nodes, as long as the block runs; a node's number is its position on the tape."""

    def __init__(self, tape: Tape, hooks: BackwardHooks) -> None:
        self._tape, self._hooks = tape, hooks
        self.number_of: dict[TorchNode, int] = {}

    def walk(self, root: TorchNode, op: int | None, leaf: _ValueOf, known: Mapping[tuple[int, int], int]) -> None:
        """Write down the nodes behind `root` that are new, children first, and hang a hook on each.

        `leaf` finds the value of a leaf. `known` has the values that `op` was given, by node and slot.
        """
        number_of, pending = self.number_of, [root]
        while pending:
            node = pending[-1]
            if node in number_of:
                pending.pop()
                continue
            new = [child for child, _ in node.next_functions if child is not None and child not in number_of]
            if new:
                pending.extend(new)
                continue
            seen = self._seen(node, op, leaf, known)
            number = number_of[pending.pop()] = len(self._tape.nodes)
            self._tape.nodes.append(seen)
            self._hooks.hang(node, number, seen.is_leaf)

    def _seen(self, node: TorchNode, op: int | None, leaf: _ValueOf, known: Mapping[tuple[int, int], int]) -> SeenNode:
        """Describe one node whose children are written down already."""
        kind = type(node).__name__
        if kind == "AccumulateGrad":
            return SeenNode(kind, None, (), 1, is_leaf=True)
        depth, nodes, value_at = 0, self._tape.nodes, self._tape.value_at
        children = node.next_functions
        edges: list[SeenEdge] = []
        for child, slot in children:
            if child is None:
                edges.append(_NO_EDGE)
                continue
            here = self.number_of[child], slot
            below = nodes[here[0]]
            if below.depth > depth:
                depth = below.depth
            if below.is_leaf:
                value: int | None = leaf(child.variable)  # type: ignore[attr-defined]
            else:
                value = known.get(here)
                if value is None:
                    value = value_at.get(here)
            edges.append((*here, value))
        depth += 1
        if depth >= DEPTH:
            new_piece = depth // DEPTH
            below_it = [child for child, _ in children if child is not None]
            crossed = [child for child in below_it if nodes[self.number_of[child]].depth // DEPTH < new_piece]
            if crossed:
                node.metadata["chainrule"] = _Below(crossed)  # type: ignore[index]  # a method in its stub
        return SeenNode(kind, op, tuple(edges), depth, is_leaf=False)


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

"""The walk over autograd's graph: number its nodes, write down their edges, and have a hook hung on each.

Once Python has touched its nodes, PyTorch frees a graph node by node, each inside the one before: a chain of 100,000
overflows an 8 MB stack. Where an edge crosses a multiple of `DEPTH`, the node above is given something that holds the
node below, and that lets go of it later, when the stack is short again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from torch.autograd.graph import Node as TorchNode

from chainrule.recorder.hooks import BackwardHooks
from chainrule.recorder.limits import DEPTH
from chainrule.recorder.tape import SeenEdge, SeenNode, Tape

_NO_EDGE: SeenEdge = (None, 0, None)
_Children: TypeAlias = tuple[tuple[TorchNode | None, int], ...]


class Nodes:
    """Number autograd's nodes, as long as the block runs; a node's number is its position on the tape."""

    def __init__(self, tape: Tape, hooks: BackwardHooks) -> None:
        self._tape, self._hooks = tape, hooks
        self.number_of: dict[TorchNode, int] = {}

    def walk(self, root: TorchNode, op: int | None, value_of: Callable[[Any, Any], int], site: Any) -> None:
        """Write down the nodes behind `root` that are new, children first, and hang a hook on each.

        `value_of` finds the value of a leaf that is met at a site.
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
            seen = self._seen(node, children, op, value_of, site)
            number = len(nodes)
            nodes.append(seen)
            number_of[node] = number
            self._hooks.hang(node, number, seen.is_leaf)

    def _seen(
        self, node: TorchNode, children: _Children, op: int | None, value_of: Callable[[Any, Any], int], site: Any
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
            if below.is_leaf:
                value: int | None = value_of(child.variable, site)  # type: ignore[attr-defined]
            else:
                value = self._tape.value_at.get((number, slot))
            edges.append((number, slot, value))
        depth += 1
        if depth >= DEPTH:
            new_piece = depth // DEPTH
            below_it = [child for child, _ in children if child is not None]
            crossed = [child for child in below_it if nodes[number_of[child]].depth // DEPTH < new_piece]
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

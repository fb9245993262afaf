"""The walk over autograd's graph: number its nodes, write down their edges, and have a hook hung on each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import torch
from torch.autograd.graph import Node as TorchNode

from chainrule.recorder.deep_graphs import cut_edges
from chainrule.recorder.limits import DEPTH
from chainrule.recorder.tape import SeenEdge, SeenNode

Children: TypeAlias = tuple[tuple[TorchNode | None, int], ...]
_NO_EDGE: SeenEdge = (None, 0, None)
_NO_VALUES: Mapping[tuple[int, int], int] = MappingProxyType({})


class Nodes:
    """Hold autograd's nodes as long as the block runs; a node's number is its position in the tape's `nodes`."""

    def __init__(self, seen: list[SeenNode]) -> None:
        self._seen = seen
        self.live: list[TorchNode] = []
        self.number_of: dict[TorchNode, int] = {}
        self.value_at: dict[tuple[int, int], int] = {}
        """The value that is the result of a node, at one of its slots."""

    def clear(self) -> None:
        """Drop every reference into PyTorch's graph."""
        self.live.clear()
        self.number_of.clear()

    def walk(
        self,
        root: TorchNode,
        op: int | None,
        value_of_leaf: Callable[[torch.Tensor], int],
        hang: Callable[[TorchNode, int], None],
        known: Mapping[tuple[int, int], int] = _NO_VALUES,
    ) -> None:
        """Write down the nodes behind `root` that are new, children first, and hang a hook on each.

        `known` has the values that `op` was given, by node and slot; in it a value that changed in place is up to date.
        """
        number_of, pending = self.number_of, [root]
        while pending:
            node = pending[-1]
            if node in number_of:
                pending.pop()
                continue
            children = node.next_functions
            new = [child for child, _ in children if child is not None and child not in number_of]
            if new:
                pending.extend(new)
                continue
            pending.pop()
            hang(node, self._add(node, op, children, value_of_leaf, known))

    def _add(
        self,
        node: TorchNode,
        op: int | None,
        children: Children,
        value_of_leaf: Callable[[torch.Tensor], int],
        known: Mapping[tuple[int, int], int],
    ) -> int:
        """Write one node down, whose children are already."""
        depth = 0
        edges: list[SeenEdge] = []
        for child, slot in children:
            if child is None:
                edges.append(_NO_EDGE)
                continue
            number = self.number_of[child]
            below = self._seen[number]
            depth = max(depth, below.depth)
            if below.is_leaf:
                value: int | None = value_of_leaf(child.variable)  # type: ignore[attr-defined]
            else:
                here = number, slot
                value = known.get(here, self.value_at.get(here))
            edges.append((number, slot, value))
        depth += 1
        if depth >= DEPTH:
            below_it = [(child, self._seen[self.number_of[child]].depth) for child, _ in children if child is not None]
            cut_edges(node, depth, below_it)
        number = self.number_of[node] = len(self._seen)
        self.live.append(node)
        kind = type(node).__name__
        leaf = kind == "AccumulateGrad"
        self._seen.append(SeenNode(kind, None if leaf else op, tuple(edges), depth, leaf))
        return number

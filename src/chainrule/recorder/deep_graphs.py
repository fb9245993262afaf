"""Let a deep graph of autograd's go in short pieces, so that freeing it does not overflow the stack.

Once Python has touched its nodes, PyTorch frees a graph node by node, each inside the one before: a chain of 100,000
overflows an 8 MB stack. Where an edge crosses a multiple of `DEPTH`, the node above is given something that holds the
node below, and that lets go of it later, when the stack is short again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from chainrule.recorder.limits import DEPTH

_KEY = "chainrule"


class _Waiting(threading.local):
    """Hold, for each thread, the pieces that it is to let go of, and whether it is doing so."""

    def __init__(self) -> None:
        self.pieces: list[Any] = []
        self.busy = False


_waiting = _Waiting()


class _Below:
    """Hold the nodes below a cut."""

    __slots__ = ("below",)

    def __init__(self, below: list[Any]) -> None:
        self.below = below

    def __del__(self, waiting: _Waiting = _waiting) -> None:
        """Let go of what is below: at once, if this is the first cut that is reached; else the first one does it."""
        waiting.pieces.extend(self.below)
        del self.below
        if waiting.busy:
            return
        waiting.busy = True
        try:
            while waiting.pieces:
                waiting.pieces.pop()
        finally:
            waiting.busy = False


def cut_edges(node: Any, depth: int, below: Iterable[tuple[Any, int]]) -> None:
    """Cut the edges from a node at one depth to nodes that lie beyond a multiple of `DEPTH`."""
    crossed = [child for child, its_depth in below if its_depth // DEPTH < depth // DEPTH]
    if crossed:
        node.metadata[_KEY] = _Below(crossed)

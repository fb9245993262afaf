"""Take the gradients of a backward pass as they flow, each once, though it leaves one node and arrives at the next."""

from __future__ import annotations

import weakref
from typing import NamedTuple

import torch

from chainrule.recorder.snapshots import WHOLE, Copy, Keep, Taken, is_plain, take
from chainrule.trace import Snapshot


class _Held(NamedTuple):
    """Remember what was taken of a tensor, and the tensor itself without keeping it alive."""

    tensor: weakref.ref[torch.Tensor]
    version: int
    taken: Taken


class Flowing:
    """Know again what was just taken: by where its numbers lie in memory, as long as they are held and unchanged."""

    def __init__(self, keep: Keep) -> None:
        """Take as `keep` says; what a leaf gets is taken whole, except with "shapes"."""
        self._keep: Keep = keep
        self._whole: Keep = "all" if keep == "auto" else keep
        self._held: dict[int, _Held] = {}
        self._toward: dict[int, Copy] = {}

    def clear(self) -> None:
        """Forget what was taken."""
        self._held.clear()
        self._toward.clear()

    def out(self, gradient: torch.Tensor, leaf: int | None) -> Taken:
        """Take what goes out on an edge.

        What is on its way to a leaf, where it is kept whole, is copied at once, and its statistics can wait. A leaf
        to which several are on their way keeps no more than one copy waiting.
        """
        if self._keep == "shapes" or gradient.dim() == 0:
            return take(gradient, self._keep)
        if not is_plain(gradient):
            return take(gradient, self._keep)
        taken = self._again(gradient)
        if taken is None:
            if leaf is not None and self._keep == "auto" and gradient.numel() > WHOLE:
                if leaf in self._toward:
                    self._toward[leaf].settle()
                taken = self._toward[leaf] = Copy(gradient.clone(), whole=False)
            else:
                taken = take(gradient, self._keep)
            if len(self._held) > WHOLE:
                self._held.clear()
        # also where it was known: the tensor by which it was is let go of before its view arrives
        self._held[gradient.data_ptr()] = _Held(weakref.ref(gradient), gradient._version, taken)
        return taken

    def into(self, gradient: torch.Tensor) -> Taken:
        """Take what comes into a node."""
        if self._keep == "shapes" or gradient.dim() == 0 or not is_plain(gradient):
            return take(gradient, self._keep)
        return self._again(gradient) or take(gradient, self._keep)

    def into_leaf(self, gradient: torch.Tensor, leaf: int) -> Taken:
        """Take what comes into a leaf."""
        waiting = self._toward.pop(leaf, None)
        taken = self._again(gradient) if self._keep == "auto" and gradient.dim() and is_plain(gradient) else None
        if isinstance(taken, Copy):
            return taken if taken.whole else Copy(taken.tensor, whole=True)
        if waiting is not None:
            waiting.settle()
        return take(gradient, self._whole)

    def _again(self, gradient: torch.Tensor) -> Taken | None:
        """Find what was taken of the same numbers, be it of the same tensor turned over."""
        held = self._held.get(gradient.data_ptr())
        tensor = None if held is None else held.tensor()
        if held is None or tensor is None or tensor._version != held.version or gradient._version != held.version:
            return None
        if tensor.dtype is not gradient.dtype or tensor.numel() != gradient.numel():
            return None
        taken, shape, strides = held.taken, gradient.shape, gradient.stride()
        if shape == tensor.shape and strides == tensor.stride():
            return taken
        if not (_is_dense(tensor) and _is_dense(gradient)):
            return None
        if isinstance(taken, Copy):
            return Copy(taken.tensor.as_strided(shape, strides), taken.whole)
        if isinstance(taken, Snapshot) and taken.statistics:
            return Snapshot(tuple(shape), taken.dtype, statistics=taken.statistics)
        return None


def _is_dense(tensor: torch.Tensor) -> bool:
    """Tell whether a tensor fills its part of the memory, as it is or turned over."""
    return tensor.is_contiguous() or (tensor.dim() == 2 and tensor.t().is_contiguous())

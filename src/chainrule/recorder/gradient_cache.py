"""A cache of gradients in a backward pass: each is copied once, though it leaves one node and enters the next."""

from __future__ import annotations

import weakref
from typing import NamedTuple

from torch import Tensor

from chainrule.recorder.limits import WHOLE
from chainrule.recorder.snapshots import Keep, Lazy, LazyCopy, is_plain, lazy_copy
from chainrule.trace import Snapshot


class _Cached(NamedTuple):
    """Hold a tensor's copy, and the tensor itself without keeping it alive."""

    tensor: weakref.ref[Tensor]
    version: int
    copy: Lazy


class GradientCache:
    """Find the copy of a gradient by where its numbers lie in memory, as long as they are held and unchanged."""

    def __init__(self, keep: Keep) -> None:
        """Copy as `keep` says; what enters a leaf is kept whole, except with "shapes"."""
        self._keep: Keep = keep
        self._whole: Keep = "all" if keep == "auto" else keep
        self._cached: dict[int, _Cached] = {}
        self._toward: dict[int, LazyCopy] = {}
        """The last copy that is on its way to each leaf."""

    def clear(self) -> None:
        """Forget every copy."""
        self._cached.clear()
        self._toward.clear()

    def leaving(self, gradient: Tensor, leaf: int | None) -> Lazy:
        """Return a copy of what leaves a node on an edge, and `leaf` it is on its way to."""
        if self._keep == "shapes" or gradient.dim() == 0 or not is_plain(gradient):
            return lazy_copy(gradient, self._keep)
        copy = self._find(gradient)
        if copy is None:
            copy = self._copy_toward(leaf, gradient) if leaf is not None else lazy_copy(gradient, self._keep)
            if len(self._cached) > WHOLE:
                self._cached.clear()
        # also where it was known: the tensor by which it was is let go of before its view arrives
        self._cached[gradient.data_ptr()] = _Cached(weakref.ref(gradient), gradient._version, copy)
        return copy

    def _copy_toward(self, leaf: int, gradient: Tensor) -> Lazy:
        """Copy what a leaf will keep whole; its statistics can wait. Of several on the way only one copy waits."""
        if self._keep != "auto" or gradient.numel() <= WHOLE:
            return lazy_copy(gradient, self._keep)
        if leaf in self._toward:
            self._toward[leaf].settle()
        copy = self._toward[leaf] = LazyCopy(gradient.clone(), whole=False)
        return copy

    def entering(self, gradient: Tensor) -> Lazy:
        """Return a copy of what enters a node."""
        if self._keep == "shapes" or gradient.dim() == 0 or not is_plain(gradient):
            return lazy_copy(gradient, self._keep)
        return self._find(gradient) or lazy_copy(gradient, self._keep)

    def entering_leaf(self, gradient: Tensor, leaf: int) -> Lazy:
        """Return a copy of what enters a leaf."""
        waiting = self._toward.pop(leaf, None)
        copy = self._find(gradient) if self._keep == "auto" and gradient.dim() and is_plain(gradient) else None
        if isinstance(copy, LazyCopy):
            return copy if copy.whole else LazyCopy(copy.tensor, whole=True)
        if waiting is not None:
            waiting.settle()
        return lazy_copy(gradient, self._whole)

    def _find(self, gradient: Tensor) -> Lazy | None:
        """Find the copy of the same numbers, be it of the same tensor transposed."""
        cached = self._cached.get(gradient.data_ptr())
        tensor = None if cached is None else cached.tensor()
        if cached is None or tensor is None or not tensor._version == gradient._version == cached.version:
            return None
        if tensor.dtype is not gradient.dtype or tensor.numel() != gradient.numel():
            return None
        copy, shape, strides = cached.copy, gradient.shape, gradient.stride()
        if shape == tensor.shape and strides == tensor.stride():
            return copy
        if not (_is_dense(tensor) and _is_dense(gradient)):
            return None
        if isinstance(copy, LazyCopy):
            return LazyCopy(copy.tensor.as_strided(shape, strides), copy.whole)
        if isinstance(copy, Snapshot) and copy.statistics:
            return Snapshot(tuple(shape), copy.dtype, statistics=copy.statistics)
        return None


def _is_dense(tensor: Tensor) -> bool:
    """Tell whether a tensor fills its part of the memory, as it is or transposed."""
    return tensor.is_contiguous() or (tensor.dim() == 2 and tensor.t().is_contiguous())

"""Copy a PyTorch tensor, or its statistics, now; convert it to NumPy lazily, when somebody asks."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from chainrule.recorder.limits import WHOLE
from chainrule.trace import Snapshot, held_dtype

Keep: TypeAlias = Literal["auto", "all", "shapes"]

_PLAIN = frozenset({Tensor, torch.nn.Parameter})
_wrapped = torch._C._functorch.is_functorch_wrapped_tensor


class LazyCopy:
    """Hold a copy of a tensor; its numbers, or their statistics unless it is kept `whole`, are made when asked for."""

    __slots__ = ("_snapshot", "tensor", "whole")

    def __init__(self, tensor: Tensor, whole: bool = True) -> None:
        self.tensor, self.whole = tensor, whole
        self._snapshot: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """Convert it to NumPy, once."""
        if self._snapshot is None:
            self._snapshot = snapshot(self.tensor, "all" if self.whole else "auto")
        return self._snapshot

    def settle(self) -> None:
        """Convert it now, and drop the copy."""
        self.snapshot()
        self.tensor = _NOTHING


_NOTHING = torch.empty(0)

Lazy: TypeAlias = tuple[Any, torch.dtype] | LazyCopy | Snapshot
"""What is kept of a tensor before it is plain NumPy: a single number, a copy, or what needs no more work."""


def is_plain(tensor: Tensor) -> bool:
    """Tell whether a tensor has numbers of its own that can be copied as they are."""
    if type(tensor) not in _PLAIN or tensor.layout is not torch.strided or not tensor.is_cpu:
        return False
    return not (tensor.is_nested or tensor.is_quantized or _wrapped(tensor))


def lazy_copy(tensor: Tensor, keep: Keep) -> Lazy:
    """Copy a tensor's numbers, or their statistics, or its shape alone, as fast as possible.

    To be called where no gradients are recorded and no function mode is active.
    """
    if keep == "shapes":
        return snapshot(tensor, keep) if tensor.is_nested else _shape_alone(tensor.shape, tensor.dtype)
    if tensor.dim() == 0:
        try:
            return tensor.item(), tensor.dtype
        except (RuntimeError, TypeError):  # as inside of vmap, or where there are shapes alone
            return snapshot(tensor, keep)
    if is_plain(tensor) and (keep == "all" or tensor.numel() <= WHOLE):
        return LazyCopy(tensor.clone())
    return snapshot(tensor, keep)


def to_snapshot(lazy: Lazy) -> Snapshot:
    """Convert a lazy copy to NumPy."""
    if isinstance(lazy, Snapshot):
        return lazy
    if isinstance(lazy, LazyCopy):
        return lazy.snapshot()
    number, dtype = lazy
    name = _dtype_name(dtype)
    array = np.array(number, dtype=held_dtype(name))
    array.setflags(write=False)
    return Snapshot((), name, array)


def snapshot(tensor: Tensor, keep: Keep) -> Snapshot:
    """Copy a tensor's numbers, or their statistics, or its shape alone."""
    shape = () if tensor.is_nested else tensor.shape  # a nested tensor has no shape
    if keep == "shapes" or tensor.device.type == "meta":
        return _shape_alone(shape, tensor.dtype)
    dtype = _dtype_name(tensor.dtype)
    try:
        tensor = tensor.detach().cpu()
        tensor = tensor if tensor.layout is torch.strided else tensor.to_dense()
        if keep == "all" or tensor.numel() <= WHOLE:
            return Snapshot(tuple(shape), dtype, _array(tensor, dtype))
        return Snapshot(tuple(shape), dtype, statistics=_statistics(tensor))
    except (RuntimeError, TypeError):  # it has no numbers of its own, as inside of vmap, or none for NumPy
        return _shape_alone(shape, tensor.dtype)


@lru_cache
def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


@lru_cache(maxsize=1024)
def _shape_alone(shape: tuple[int, ...], dtype: torch.dtype) -> Snapshot:
    return Snapshot(tuple(shape), _dtype_name(dtype))


@lru_cache
def _held_as(dtype: str) -> torch.dtype:
    held: torch.dtype = getattr(torch, str(held_dtype(dtype)))
    return held


def _array(tensor: Tensor, dtype: str) -> np.ndarray[Any, np.dtype[Any]]:
    if tensor._is_zerotensor():  # it stands for zeros, and has no memory
        tensor = torch.zeros_like(tensor)
    tensor = tensor.resolve_conj().resolve_neg()
    array = tensor.to(_held_as(dtype)).numpy().copy()
    array.setflags(write=False)
    return array


def _statistics(tensor: Tensor) -> dict[str, float]:
    """Sum a large tensor up in a few numbers, in as few and as fast passes over it as there are.

    NumPy is faster than PyTorch for the least and the largest, and much faster in counting zeros.
    """
    if tensor.is_complex():
        return {"norm": float(tensor.abs().norm())}
    numbers = (tensor.double() if tensor.dtype == torch.float64 else tensor.float()).resolve_neg()
    if not numbers.is_contiguous():  # in the order of the memory, most need no copy to be one long row
        numbers = numbers.permute(sorted(range(numbers.dim()), key=numbers.stride, reverse=True))
    numbers = numbers.reshape(-1)
    array = numbers.numpy()
    smallest, largest = float(array.min()), float(array.max())
    finite = math.isfinite(smallest) and math.isfinite(largest)  # the rest is counted only where there is any
    norm = math.sqrt(float(numbers.dot(numbers)))
    if not 1e-12 < norm < 1e18 and finite and (smallest or largest):  # squares may have been too small or too large
        scale = max(-smallest, largest)
        norm = scale * float(torch.linalg.vector_norm(numbers.double() / scale))
    return {
        "min": smallest,
        "max": largest,
        "mean": float(numbers.sum()) / numbers.numel(),
        "norm": norm,
        "zeros": float(np.count_nonzero(array == 0)) if smallest <= 0 <= largest or not finite else 0.0,
        "nans": 0.0 if finite else float(np.isnan(array).sum()),
        "infinite": 0.0 if finite else float(np.isinf(array).sum()),
    }

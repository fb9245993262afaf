"""Copy what is to be kept of a PyTorch tensor into plain NumPy."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
import torch

from chainrule.trace import Snapshot, held_dtype

Keep: TypeAlias = Literal["auto", "all", "shapes"]

WHOLE = 1_000
"""Tensors of up to so many elements are kept whole with `keep="auto"`."""


def snapshot(tensor: torch.Tensor, keep: Keep) -> Snapshot:
    """Copy a tensor's numbers, or their statistics, or its shape alone."""
    shape = () if tensor.is_nested else tuple(tensor.shape)  # a nested tensor has no shape
    dtype = str(tensor.dtype).removeprefix("torch.")
    if keep == "shapes" or tensor.device.type == "meta":
        return Snapshot(shape, dtype)
    try:
        tensor = tensor.detach().cpu()
        tensor = tensor if tensor.layout is torch.strided else tensor.to_dense()
        if keep == "all" or tensor.numel() <= WHOLE:
            return Snapshot(shape, dtype, _array(tensor, dtype))
        return Snapshot(shape, dtype, statistics=_statistics(tensor))
    except (RuntimeError, TypeError):  # it has no numbers of its own, as inside of vmap, or none for NumPy
        return Snapshot(shape, dtype)


@lru_cache
def _held_as(dtype: str) -> torch.dtype:
    held: torch.dtype = getattr(torch, str(held_dtype(dtype)))
    return held


def _array(tensor: torch.Tensor, dtype: str) -> np.ndarray[Any, np.dtype[Any]]:
    if tensor._is_zerotensor():  # it stands for zeros, and has no memory
        tensor = torch.zeros_like(tensor)
    tensor = tensor.resolve_conj().resolve_neg()
    array = tensor.to(_held_as(dtype)).numpy().copy()
    array.setflags(write=False)
    return array


def _statistics(tensor: torch.Tensor) -> dict[str, float]:
    """Sum a large tensor up in a few numbers."""
    if tensor.is_complex():
        return {"norm": float(tensor.abs().norm())}
    numbers = tensor.double() if tensor.dtype == torch.float64 else tensor.float()
    smallest, largest = map(float, numbers.aminmax())
    finite = math.isfinite(smallest) and math.isfinite(largest)  # the rest is counted only where there is any
    return {
        "min": smallest,
        "max": largest,
        "mean": float(numbers.mean()),
        "norm": float(torch.linalg.vector_norm(numbers)),
        "zeros": float(numbers.numel() - torch.count_nonzero(numbers)),
        "nans": 0.0 if finite else float(numbers.isnan().sum()),
        "infinite": 0.0 if finite else float(numbers.isinf().sum()),
    }

"""Copy a PyTorch tensor's numbers now; turn them into NumPy, or into their statistics, when somebody asks."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from chainrule.recorder.guard import numbers_alone
from chainrule.recorder.limits import COPIED, WAITING, WHOLE
from chainrule.trace import Snapshot, held_dtype

Keep: TypeAlias = Literal["auto", "all", "shapes"]

_PLAIN = frozenset({Tensor, torch.nn.Parameter})
_functorch = torch._C._functorch
_wrapped = _functorch.is_functorch_wrapped_tensor


class Waiting:
    """Hold a copy of a tensor until its statistics are asked for."""

    __slots__ = ("held",)

    def __init__(self, copy: Tensor) -> None:
        self.held: Tensor | Snapshot = copy

    def settle(self) -> Snapshot:
        """Work the statistics out, once, and let go of the copy."""
        if isinstance(self.held, Tensor):
            self.held = snapshot(self.held, whole=False)
        return self.held


Lazy: TypeAlias = tuple[Any, torch.dtype] | Tensor | Waiting | Snapshot
"""What is kept of a tensor before it is plain NumPy: a single number, a copy, or what needs no more work."""


class Copies:
    """Copy tensors as `keep` says and as fast as there is a way; to be called unseen.

    Small tensors are kept whole. Of others there are statistics, which wait if a copy takes less time. PyTorch could
    share a large tensor's memory until somebody writes to it, but then moves it, whoever else looks at it.
    """

    def __init__(self, keep: Keep) -> None:
        self.keep: Keep = keep
        self.has_stand_ins = False
        """Whether there was a tensor that stands for others, such as a distributed one."""
        self._waiting: deque[Waiting] = deque(maxlen=WAITING)

    def of(self, tensor: Tensor, whole: bool = False) -> Lazy:
        """Copy a tensor, below autograd."""
        with numbers_alone():
            return self.of_numbers(tensor, whole)

    def of_numbers(self, tensor: Tensor, whole: bool = False, beside: Beside = ((), ())) -> Lazy:
        """Copy a tensor, a large one to be kept `whole` if that is wanted; of one without numbers, its shape.

        It may show the same memory as those `beside` it, whose copies are known.
        """
        try:
            held = tensor if type(tensor) in _PLAIN and not _wrapped(tensor) else _inside(tensor)
            self.has_stand_ins = self.has_stand_ins or held is None
            if held is None or self.keep == "shapes":
                return _shape_alone(() if tensor.is_nested else tensor.shape, tensor.dtype)
            if not held.dim():
                return held.item(), held.dtype
            if whole or held.numel() <= WHOLE or self.keep == "all":
                return held.clone()
            return self._summed_up(held, beside)
        except (RuntimeError, TypeError, ValueError):  # there are no numbers, or it has no shape, or not yet
            return _shape_alone((), tensor.dtype)

    def _summed_up(self, tensor: Tensor, beside: Beside) -> Lazy:
        if tensor.layout is torch.strided and tensor.nbytes <= COPIED:
            if len(self._waiting) == WAITING:
                self._waiting[0].settle()
            waiting = Waiting(tensor.clone())
            self._waiting.append(waiting)
            return waiting
        for other, copy in zip(*beside, strict=True):
            if isinstance(copy, Snapshot) and _have_the_same_numbers(other, tensor):
                return Snapshot(tuple(tensor.shape), copy.dtype, None, copy.statistics)
        return snapshot(tensor, whole=False)


Beside: TypeAlias = tuple[Sequence[Tensor | None], Sequence[Lazy | None]]


def _have_the_same_numbers(one: Tensor | None, other: Tensor) -> bool:
    """Tell whether two tensors show one piece of memory, in whatever order."""
    if one is None or one.data_ptr() != other.data_ptr() or (one.dtype, one.numel()) != (other.dtype, other.numel()):
        return False
    return (one.shape, one.stride()) == (other.shape, other.stride()) or (_is_dense(one) and _is_dense(other))


def _is_dense(tensor: Tensor) -> bool:
    """Tell whether a tensor fills its part of the memory, as it is or with its dimensions in another order."""
    return tensor.is_contiguous() or _in_memory_order(tensor).is_contiguous()


def _in_memory_order(tensor: Tensor) -> Tensor:
    return tensor.permute(sorted(range(tensor.dim()), key=tensor.stride, reverse=True))


def is_plain(tensor: Tensor) -> bool:
    """Tell whether a tensor is one of PyTorch's own, and not a stand-in for others."""
    return type(tensor) in _PLAIN and not _wrapped(tensor)


def _inside(tensor: Tensor) -> Tensor | None:
    """Find the tensor whose numbers a stand-in shows, such as those that `torch.func.grad` differentiates."""
    while _functorch.is_gradtrackingtensor(tensor):
        tensor = _functorch.get_unwrapped(tensor)
    made_up = _wrapped(tensor) or torch._C._dispatch_keys(tensor).has(torch._C.DispatchKey.Python)
    return None if made_up else tensor


def to_snapshot(lazy: Lazy) -> Snapshot:
    """Convert what was kept to NumPy."""
    if isinstance(lazy, Snapshot):
        return lazy
    if isinstance(lazy, Waiting):
        return lazy.settle()
    if isinstance(lazy, Tensor):
        return snapshot(lazy, whole=True)
    number, dtype = lazy
    name = _dtype_name(dtype)
    array = np.array(number, dtype=held_dtype(name))
    array.setflags(write=False)
    return Snapshot((), name, array)


def snapshot(copy: Tensor, whole: bool) -> Snapshot:
    """Turn a copy of ours into NumPy, or into its statistics, or into its shape if it has no numbers."""
    if copy.is_nested:
        return _shape_alone((), copy.dtype)
    shape, dtype = tuple(copy.shape), _dtype_name(copy.dtype)
    try:
        copy = copy.detach().cpu()
        copy = copy if copy.layout is torch.strided else copy.to_dense()
        return Snapshot(shape, dtype, _array(copy, dtype)) if whole else Snapshot(shape, dtype, None, _statistics(copy))
    except (RuntimeError, TypeError):  # it is on the meta device, or of a dtype that NumPy lacks
        return _shape_alone(shape, copy.dtype)


@lru_cache
def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


@lru_cache(maxsize=1024)
def _shape_alone(shape: tuple[int, ...], dtype: torch.dtype) -> Snapshot:
    return Snapshot(tuple(shape), _dtype_name(dtype))


def _array(tensor: Tensor, dtype: str) -> np.ndarray[Any, np.dtype[Any]]:
    if tensor._is_zerotensor():  # it stands for zeros, and has no memory
        tensor = torch.zeros_like(tensor)
    tensor = tensor.resolve_conj().resolve_neg()
    array: np.ndarray[Any, np.dtype[Any]] = tensor.to(getattr(torch, str(held_dtype(dtype)))).numpy()
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
        numbers = _in_memory_order(numbers)
    numbers = numbers.reshape(-1)
    array = np.from_dlpack(numbers)  # `.numpy()` would keep a storage from ever being resized
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

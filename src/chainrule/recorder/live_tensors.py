"""Know live tensors again without keeping them alive, and which values each has been."""

from __future__ import annotations

import weakref

from torch import Tensor


class LiveTensor:
    """Follow one tensor: its values so far, oldest first, and the version that PyTorch counted at the last of them."""

    __slots__ = ("tensor", "values", "version")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = weakref.ref(tensor)
        self.version = -1
        """-1 where PyTorch counts no versions."""
        self.values: list[int] = []


class LiveTensors(dict[int, LiveTensor]):
    """Map the id of each tensor to what is known of it; an id may be used again, by another tensor."""

    def find(self, tensor: Tensor) -> LiveTensor | None:
        """Return what is known of a tensor, if it was met before."""
        known = self.get(id(tensor))
        return known if known is not None and known.tensor() is tensor else None

    def add(self, tensor: Tensor, value: int) -> LiveTensor:
        """Note which value a tensor is now."""
        known = self.get(id(tensor))
        if known is None or known.tensor() is not tensor:
            known = self[id(tensor)] = LiveTensor(tensor)
        if not tensor.is_inference():
            known.version = tensor._version
        known.values.append(value)
        return known

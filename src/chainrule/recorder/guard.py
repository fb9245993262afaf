"""Run the recorder's own code beside the user's, so that neither disturbs the other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import reduce
from operator import or_
from typing import Any, TypeVar

import torch

_Result = TypeVar("_Result")

unseen: Callable[[], AbstractContextManager[None]] = torch._C.DisableTorchFunction
"""Hide what runs from function modes, such as the recorder."""


def _keys(*names: str) -> torch._C.DispatchKeySet:
    return reduce(or_, (torch._C.DispatchKeySet(getattr(torch._C.DispatchKey, name)) for name in names))


_ABOVE_THE_NUMBERS = _keys(
    "AutogradFunctionality", "AutogradOther", "AutogradNestedTensor",
    "FuncTorchDynamicLayerFrontMode", "FuncTorchDynamicLayerBackMode",
)  # fmt: skip
_AND_MODES = _ABOVE_THE_NUMBERS | _keys("Python", "PythonTLSSnapshot")
_dispatch_modes = torch._C._len_torch_dispatch_stack


def numbers_alone() -> AbstractContextManager[None]:
    """Work on numbers below autograd, dispatch modes and `torch.func`: none of them sees it.

    Like `unseen` it is one object in C++ and not a setting to be put back, so that no signal can come in between.
    Under a mode, tensors that stand for others lose their own way of doing things, and may not be touched.
    """
    return torch._C._ExcludeDispatchKeyGuard(_AND_MODES if _dispatch_modes() else _ABOVE_THE_NUMBERS)


class Guard:
    """Run code unseen by any function mode; note what goes wrong, never raise it."""

    __slots__ = ("failures", "has_run")

    def __init__(self) -> None:
        self.failures: dict[str, None] = {}
        """What went wrong, each kind once."""
        self.has_run = False

    def run(self, act: Callable[..., _Result], *args: Any) -> _Result | None:
        """Return what `act` returns, or `None` if it failed."""
        self.has_run = True
        try:
            with unseen():
                return act(*args)
        except Exception as error:
            self.note(error)
            return None

    def note(self, error: Exception) -> None:
        """Write down an error of ours."""
        self.failures[f"{type(error).__name__}: {error}"] = None

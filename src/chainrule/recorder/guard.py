"""Run the recorder's own code beside the user's, so that neither disturbs the other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial, reduce
from operator import or_
from typing import Any, TypeVar

import torch

_Result = TypeVar("_Result")

unseen: Callable[[], AbstractContextManager[None]] = torch._C.DisableTorchFunction
"""Hide what runs from function modes, such as the recorder."""
_ABOVE_THE_NUMBERS = (
    "AutogradFunctionality", "AutogradOther", "AutogradNestedTensor", "Python", "PythonTLSSnapshot",
    "FuncTorchDynamicLayerFrontMode", "FuncTorchDynamicLayerBackMode",
)  # fmt: skip
numbers_alone: Callable[[], AbstractContextManager[None]] = partial(
    torch._C._ExcludeDispatchKeyGuard,
    reduce(or_, (torch._C.DispatchKeySet(getattr(torch._C.DispatchKey, name)) for name in _ABOVE_THE_NUMBERS)),
)
"""Work on numbers below autograd, dispatch modes and `torch.func`: none of them sees it.

Like `unseen` it is one object in C++ and not a setting to be put back, so that no signal can come in between.
"""


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

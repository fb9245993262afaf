"""Run the recorder's own code beside the user's, so that neither disturbs the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

_unseen, _is_recording, _record = torch._C.DisableTorchFunction, torch.is_grad_enabled, torch._C._set_grad_enabled
_Result = TypeVar("_Result")


class Guard:
    """Run code unseen by any function mode and without recording gradients; keep its first error, never raise it."""

    __slots__ = ("failure", "has_run")

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.has_run = False

    def run(self, act: Callable[..., _Result], *args: Any) -> _Result | None:
        """Return what `act` returns, or `None` if it failed."""
        self.has_run = True
        with _unseen():
            recording = _is_recording()
            try:
                if recording:
                    _record(False)
                return act(*args)
            except Exception as error:
                self.failure = self.failure or error
                return None
            finally:
                if recording:
                    _record(True)

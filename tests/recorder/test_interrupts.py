"""Interrupted: whatever ends a line of ours early, PyTorch and its gradients are as without us."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
from torch.overrides import _get_current_function_mode_stack

import chainrule
from tests.support.sweep import share

HERE = str(Path(chainrule.__file__).parent)
EXEMPT = {
    "with unseen():",
    "with numbers_alone():",
}
"""Lines that begin and end a setting in C++: Python looks for a signal after a call, so never between their halves."""


class Interrupt:
    """Raise an error before the line of ours that comes after so many others."""

    def __init__(self, after: int, error: type[BaseException]) -> None:
        self.left, self.error = after, error

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        """Trace the frames of the library alone."""
        if not frame.f_code.co_filename.startswith(HERE):
            return None
        if event == "line" and self.text(frame) not in EXEMPT:
            self.left -= 1
            if self.left == 0:
                raise self.error("interrupted")
        return self

    def text(self, frame: FrameType) -> str:
        """Return the source of the line that a frame is at."""
        return LINES[frame.f_code.co_filename][frame.f_lineno - 1].strip()


LAYER = torch.nn.Linear(2, 2).requires_grad_(False)
LINES = {str(path): path.read_text("utf-8").splitlines() for path in Path(HERE).rglob("*.py")}


def step(w: torch.Tensor) -> torch.Tensor:
    """Take a step with what the recorder has to look out for: a hook, a view, a write in place, a module."""
    h = torch.tanh(LAYER(w.view(1, 2))) * w
    h.register_hook(torch.Tensor.cos)
    h.register_hook(lambda gradient: gradient * 2)
    g = h.clone()
    g[0] *= 3
    loss = g.pow(2).sum()
    loss.backward()
    return loss.detach()


def lines_of(w: torch.Tensor) -> int:
    """Count the lines of ours that run when the step is recorded."""
    count = Interrupt(sys.maxsize, RuntimeError)
    interrupted(w, count)
    return sys.maxsize - count.left


def interrupted(w: torch.Tensor, interrupt: Interrupt) -> chainrule.Recording | None:
    """Record the step while lines are watched."""
    before = sys.gettrace()
    rec = None
    sys.settrace(interrupt)
    try:
        with chainrule.record() as rec:
            step(w)
    except interrupt.error:
        pass
    finally:
        sys.settrace(before)
    return rec


def leaf() -> torch.Tensor:
    """Make a weight that has a hook of its own."""
    w = torch.tensor([0.5, -1.0], requires_grad=True)
    w.register_hook(lambda gradient: gradient + 1)
    return w


def state(w: torch.Tensor) -> tuple[object, ...]:
    """Say what a recording must leave as it was."""
    hooks = [getattr(hook, "__module__", "") for hook in (w._backward_hooks or {}).values()]
    excluded = torch._C._dispatch_tls_local_exclude_set().raw_repr()
    return (
        torch.is_grad_enabled(),
        _get_current_function_mode_stack(),
        hooks,
        excluded,
        torch._C._is_torch_function_enabled(),
    )


def gradient_of(w: torch.Tensor) -> torch.Tensor:
    """Return the gradient that a step gives."""
    step(w)
    assert w.grad is not None
    return w.grad


def recorded() -> dict[str, Any]:
    """Record the step, undisturbed."""
    with chainrule.record() as rec:
        step(leaf())
    return rec.trace.to_dict()


@pytest.mark.sweep
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupt_after_any_line_leaves_nothing_behind(error: type[BaseException]) -> None:
    """Modes, hooks and settings are as before, gradients the user's, and the next recording is right."""
    right, before, gradient = recorded(), state(leaf()), gradient_of(leaf())
    number = lines_of(leaf())
    assert number > 3_000
    for after in range(1, number + 1, number // share(number)):
        w = leaf()
        interrupted(w, Interrupt(after, error))
        assert state(w) == before, after
        if w.grad is not None:
            assert torch.equal(w.grad, gradient), after
        w.grad = None
        assert torch.equal(gradient_of(w), gradient), after
        assert recorded() == right, after


def test_a_block_is_entered_once() -> None:
    """A second block needs a second `record()`, and the first recording stays whole."""
    w = leaf()
    block = chainrule.record()
    with block as rec:
        step(w)
    with pytest.raises(
        chainrule.ChainruleError, match=r"has had its block already.*Call `chainrule\.record\(\)` again"
    ):
        block.__enter__()
    assert not _get_current_function_mode_stack()
    assert len(rec.trace.ops) == len(recorded()["ops"])

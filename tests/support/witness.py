"""Watch from outside what PyTorch adds to `.grad`, and set it beside what a recording says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from unittest import mock

import torch

import chainrule
from tests.support.graphs import same


@dataclass(frozen=True)
class Gradient:
    """Hold one leaf's gradient in one backward pass: as recorded, and as `.grad` has it before and after."""

    recorded: torch.Tensor | None
    """`None` if the recording could not say."""
    before: torch.Tensor | None
    after: torch.Tensor

    @property
    def agrees(self) -> bool:
        """Tell whether PyTorch's `.grad` is, bit by bit, what it was plus what the recording has for it."""
        if self.recorded is None:
            return False
        expected = self.recorded if self.before is None else self.before + self.recorded
        return same(expected, self.after)


@dataclass(frozen=True)
class Seen:
    """Hold all recordings that were made, and the gradient of every leaf in every backward pass in them."""

    recordings: list[chainrule.Recording] = field(default_factory=list)
    gradients: list[Gradient] = field(default_factory=list)


@contextmanager
def witnessed() -> Iterator[Seen]:
    """Collect recordings, and what PyTorch really did meanwhile."""
    seen = Seen()
    begin, backward = chainrule.Recording.__init__, torch.autograd.backward

    def remembered(self: chainrule.Recording, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        seen.recordings.append(self)

    @wraps(backward)  # a mode is handed this function in place of PyTorch's, and knows it by its name
    def watched(tensors: Any, *args: Any, **kwargs: Any) -> None:
        with torch._C.DisableTorchFunction():  # so that our own copies are in no recording
            behind = leaves([tensors] if isinstance(tensors, torch.Tensor) else tensors)
            before = [None if leaf.grad is None else leaf.grad.clone() for leaf in behind]
        counts = [len(rec.trace.passes) for rec in seen.recordings]
        backward(tensors, *args, **kwargs)
        with torch._C.DisableTorchFunction():
            for rec, count in zip(seen.recordings, counts, strict=True):
                if len(rec.trace.passes) == count:
                    continue  # this recording is over
                for leaf, old in zip(behind, before, strict=True):
                    if leaf.grad is not None and not leaf._post_accumulate_grad_hooks:
                        seen.gradients.append(Gradient(_recorded(rec, leaf), old, leaf.grad.clone()))

    with mock.patch.object(chainrule.Recording, "__init__", remembered), mock.patch("torch.autograd.backward", watched):
        yield seen


def _recorded(rec: chainrule.Recording, leaf: torch.Tensor) -> torch.Tensor | None:
    try:
        return rec.grad(leaf)
    except chainrule.TraceError:
        return None


def leaves(roots: Any) -> list[torch.Tensor]:
    """Find the leaves behind some tensors by walking along autograd's own nodes."""
    found: dict[int, torch.Tensor] = {}
    pending, known = [root.grad_fn for root in roots], set()
    while pending:
        node = pending.pop()
        if node is None or node in known:
            continue
        known.add(node)
        if hasattr(node, "variable"):
            found[id(node.variable)] = node.variable
        pending.extend(child for child, _ in node.next_functions)
    return list(found.values())

"""The ops that a page computes beside arithmetic, each as calls of PyTorch on random tensors."""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812  # as everybody writes it
from torch import Tensor

import chainrule


class Draw:
    """Draw what a call is given: even seeds are float32, odd ones float64."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.dtype = torch.float64 if seed % 2 else torch.float32

    def __call__(self, *shape: int, low: float = -2.0, high: float = 2.0) -> Tensor:
        """Make a leaf."""
        numbers = [round(self.random.uniform(low, high), 3) for _ in range(torch.Size(shape).numel())]
        return torch.tensor(numbers, dtype=self.dtype).reshape(shape).requires_grad_()

    def index(self, below: int, *shape: int) -> Tensor:
        """Make classes, or places to pick."""
        return torch.tensor([self.random.randrange(below) for _ in range(torch.Size(shape).numel())]).reshape(shape)

    def fixed(self, *shape: int) -> Tensor:
        """Make a tensor that is not differentiated by."""
        return self(*shape, low=0.2).detach()


OPS: dict[str, list[Callable[[Draw], Tensor]]] = {
    "softmax": [
        lambda x: x(3).softmax(0),
        lambda x: torch.softmax(x(2, 3), dim=1),
        lambda x: F.softmax(x(2, 3, 2), 1),
        lambda x: F.softmax(x(), -1),
    ],
    "log_softmax": [lambda x: x(2, 3).log_softmax(-1), lambda x: F.log_softmax(x(3, 2), dim=0)],
    "cross_entropy": [
        lambda x: F.cross_entropy(x(4, 3), x.index(3, 4)),
        lambda x: F.cross_entropy(x(3), x.index(3)),
        lambda x: F.cross_entropy(x(4, 3), x.index(3, 4), x.fixed(3), label_smoothing=0.2),
        lambda x: F.cross_entropy(x(4, 3), x.index(3, 4), ignore_index=1, reduction="sum"),
        lambda x: F.cross_entropy(x(2, 3, 2), x.index(3, 2, 2), reduction="none"),
        lambda x: F.cross_entropy(x(2, 3), x.fixed(2, 3).softmax(1), weight=x.fixed(3), label_smoothing=0.1),
    ],
    "nll_loss": [
        lambda x: F.nll_loss(x(4, 3).log_softmax(1), x.index(3, 4), weight=x.fixed(3)),
        lambda x: F.nll_loss(x(4, 3), x.index(3, 4), reduction="none", ignore_index=0),
    ],
    "mse_loss": [lambda x: F.mse_loss(x(2, 3), x(2, 3)), lambda x: F.mse_loss(x(3), x(3), reduction="none")],
    "l1_loss": [lambda x: F.l1_loss(x(2, 3), x.fixed(2, 3), reduction="sum")],
    "linear": [lambda x: F.linear(x(2, 2, 3), x(4, 3), x(4)), lambda x: F.linear(x(3), x(2, 3))],
    "matmul": [
        lambda x: x(2, 2, 3) @ x(3, 2),
        lambda x: x(2, 1, 2, 3) @ x(3, 3, 2),
        lambda x: x(3) @ x(2, 3, 2),
        lambda x: x(2, 2, 3) @ x(3),
        lambda x: torch.bmm(x(2, 2, 3), x(2, 3, 2)),
        lambda x: x(3) @ x(3),
    ],
}


def record_op(call: Callable[[Draw], Tensor], seed: int) -> chainrule.Recording:
    """Record a call whose inputs are leaves or computed, and which is used twice, so that gradients are uneven."""
    draw = Draw(seed)
    with chainrule.record() as rec:
        made = call(draw)
        loss = (made * draw.fixed(*made.shape)).sum() + (made * made).mean()
        loss.backward()
    return rec

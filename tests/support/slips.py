"""Wrong answers, each with the slip that leads to it: one table for `rec.check`, the graph and the exercises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import chainrule

X = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]])


@dataclass(frozen=True)
class Wrong:
    """Hold a wrong answer to the gradient of a value, and the kind of slip that it looks like."""

    run: Callable[[], chainrule.Recording]
    value: str
    answer: Any
    kind: str


def chain(of: float = 3.0, target: float = 5.0, weight: float = 1.0) -> chainrule.Recording:
    """Record (w * x - y)**2 at w=1, x=3, y=5: -4 upstream, so dloss/dw = -12; the course has x=5, y=11, w=3."""
    x, y = torch.tensor(of), torch.tensor(target)
    w = torch.tensor(weight, requires_grad=True)
    with chainrule.record() as rec:
        y_hat = w * x
        error = y_hat - y
        loss = error**2
        loss.backward()
    return rec


def fork(at: float = 3.0) -> chainrule.Recording:
    """Record a fork: b is used twice."""
    a = torch.tensor(at, requires_grad=True)
    with chainrule.record() as rec:
        b = a * 2
        c = b + 1
        d = b * c
        d.backward()
    return rec


def matrices(reduce: Callable[[torch.Tensor], torch.Tensor]) -> chainrule.Recording:
    """Record a linear layer with a squared error."""
    w, b = torch.tensor([[0.5, -1.0], [2.0, 1.5]], requires_grad=True), torch.tensor([0.5, 1.0], requires_grad=True)
    with chainrule.record() as rec:
        h = X @ w
        out = h + b
        loss = reduce(out**2)
        loss.backward()
    return rec


def thrice(a: torch.Tensor) -> torch.Tensor:
    """Sum three times each entry."""
    return (a * 3).sum()


def slope() -> chainrule.Recording:
    """Record a number that is broadcast to four: the errors are 2, 3, 2, 3."""
    w, x = torch.tensor(3.0, requires_grad=True), torch.tensor([1.0, 2.0, 3.0, 4.0])
    with chainrule.record() as rec:
        y_hat = w * x
        error = y_hat - torch.tensor([1.0, 3.0, 7.0, 9.0])
        loss = (error**2).sum()
        loss.backward()
    return rec


def uses() -> chainrule.Recording:
    """Record ten uses of a weight, times 1 to 10."""
    w = torch.tensor(1.0, requires_grad=True)
    with chainrule.record() as rec:
        loss = w * 1
        for k in range(2, 11):
            loss = loss + w * k
        loss.backward()
    return rec


W, ROW = np.array([[0.5, -1.0], [2.0, 1.5]]), np.array([0.5, 1.0])
OUT = X.numpy() @ W + ROW
WRONG: dict[str, Wrong] = {
    "minus": Wrong(chain, "w", 12.0, "sign"),
    "without the square's factor": Wrong(chain, "w", 3.0, "upstream"),
    "without x": Wrong(chain, "w", -4.0, "factor"),
    "x twice": Wrong(chain, "w", -36.0, "doubled"),
    "the square's factor twice": Wrong(chain, "w", 48.0, "doubled"),
    "the square's derivative without its 2": Wrong(chain, "w", -6.0, "half"),
    "the square's derivative with 4": Wrong(chain, "w", -24.0, "twice"),
    "upside down": Wrong(chain, "w", -1 / 12, "inverse"),
    "nothing that is known": Wrong(chain, "w", 123.0, "none"),
    "a row for a number": Wrong(chain, "w", [1.0, 2.0], "shape"),
    "one of two uses": Wrong(fork, "b", 7.0, "path"),
    "the other use": Wrong(fork, "b", 6.0, "path"),
    "one of two paths": Wrong(fork, "a", 2 * 7.0, "path"),
    "the other path": Wrong(fork, "a", 2 * 6.0, "path"),
    "a factor lost on one of two paths": Wrong(fork, "a", 7.0 + 12.0, "factor"),
    "summed for a mean": Wrong(lambda: matrices(torch.mean), "w", X.numpy().T @ (2 * OUT), "sum"),
    "mean for a sum": Wrong(lambda: matrices(torch.sum), "w", X.numpy().T @ (2 * OUT) / OUT.size, "mean"),
    "summed for a mean, further up": Wrong(lambda: matrices(torch.mean), "out", 2 * OUT, "sum"),
    "transposed": Wrong(lambda: matrices(torch.sum), "w", (X.numpy().T @ (2 * OUT)).T, "transposed"),
    "transposed, not square": Wrong(lambda: matrices(torch.sum), "h", (2 * OUT).T, "transposed"),
    "not summed over the batch": Wrong(lambda: matrices(torch.sum), "b", 2 * OUT, "shape"),
    "tensor without upstream": Wrong(lambda: matrices(thrice), "out", 2 * OUT, "upstream"),
    "matrix without upstream": Wrong(lambda: matrices(torch.sum), "w", X.numpy().T @ np.ones_like(OUT), "upstream"),
    "tensor without a factor": Wrong(
        lambda: matrices(torch.sum), "w", X.numpy().T @ np.ones_like(OUT) * 1.0, "upstream"
    ),
    "tensor without the factor of the loss": Wrong(lambda: matrices(thrice), "w", X.numpy().T @ (2 * OUT), "factor"),
    "tensor with a factor twice": Wrong(lambda: matrices(thrice), "b", (18 * OUT).sum(0), "doubled"),
    "the mean's factor twice": Wrong(lambda: matrices(torch.mean), "out", 2 * OUT / OUT.size**2, "doubled"),
    "without what a number was broadcast to": Wrong(slope, "w", 20.0, "factor"),
    "all of ten uses but one": Wrong(uses, "w", 54.0, "path"),
    "one of ten uses": Wrong(uses, "w", 7.0, "path"),
}

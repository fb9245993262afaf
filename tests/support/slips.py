"""Wrong answers, each with the slip that leads to it: one table for `rec.check`, the graph and the exercises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # as everybody writes it

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


def normalised(form: str) -> chainrule.Recording:
    """Record a normalisation over the rows' entries, in pieces or in one, with weights on what comes of it."""
    x, g = (
        X3.clone().requires_grad_(),
        torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0], [2.0, 1.0, -1.0], [1.0, 0.0, 4.0]]),
    )
    with chainrule.record() as rec:
        if form == "pieces":
            mean = x.mean(dim=0)
            centred = x - mean
            squares = centred**2
            var = squares.sum(dim=0) / 3
            y = centred / (var + 1e-5).sqrt()
        elif form == "var":
            y = (x - x.mean(dim=0)) / (x.var(dim=0) + 1e-5).sqrt()
        else:
            y = {"layer": F.layer_norm(x, (3,)), "batch": F.batch_norm(x, None, None, training=True)}[form]
        loss = (y * g).sum()
        loss.backward()
    return rec


def without_the_mean(form: str, axis: int, spare: int) -> np.ndarray:
    """Work out the gradient of a normalisation's input, with the path through the mean left out."""
    rec = normalised(form)
    h, x = rec.grad("y").double().numpy(), X3.double().numpy()
    n = x.shape[axis]
    centred = x - x.mean(axis, keepdims=True)
    std = np.sqrt((centred**2).sum(axis, keepdims=True) / (n - spare) + 1e-5)
    return np.asarray(h / std - centred * (h * centred).sum(axis, keepdims=True) / (n - spare) / std**3)


def attention(form: str) -> chainrule.Recording:
    """Record an attention of three places with a mask, in pieces or in one."""
    q, k, v = (X3[:3].roll(turn, 0).clone().requires_grad_() for turn in range(3))
    hidden = torch.ones(3, 3, dtype=torch.bool).triu(1)
    seen = ~hidden[None]
    with chainrule.record() as rec:
        if form == "pieces":
            products = q @ k.T
            scaled = products / 4
            masked = scaled.masked_fill(hidden, -1e9)
            out = torch.softmax(masked, dim=1) @ v
        else:
            out = F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=seen)
        loss = (out**2).sum()
        loss.backward()
    return rec


def classes() -> chainrule.Recording:
    """Record a cross-entropy of four samples and three classes."""
    scores = X3.clone().requires_grad_()
    with chainrule.record() as rec:
        loss = F.cross_entropy(scores, torch.tensor([0, 2, 1, 1]))
        loss.backward()
    return rec


def repeated() -> chainrule.Recording:
    """Record a bias on a square table, where the sum over either axis fits."""
    b = torch.tensor([1.0, -2.0, 0.5], requires_grad=True)
    with chainrule.record() as rec:
        z = X3[:3] * b
        loss = (z**2).sum()
        loss.backward()
    return rec


def masked() -> chainrule.Recording:
    """Record a mask over a table, which lets through what is not large."""
    x = X3.clone().requires_grad_()
    with chainrule.record() as rec:
        kept = x.masked_fill(X3 > 1, 0.0)
        loss = (kept * (X3 + 3)).sum()
        loss.backward()
    return rec


X3 = torch.tensor([[0.5, -1.0, 2.0], [1.5, 0.0, -0.5], [-1.0, 2.0, 1.0], [0.0, 1.0, 0.5]])
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
    "over the wrong axis": Wrong(lambda: matrices(torch.sum), "b", (2 * OUT).sum(1), "axis"),
    "over the wrong axis, square": Wrong(
        repeated, "b", (2 * X3[:3] ** 2 * torch.tensor([1.0, -2.0, 0.5])).sum(1), "axis"
    ),
    "without the mean's path": Wrong(
        lambda: normalised("pieces"), "x", without_the_mean("pieces", 0, 1), "through_mean"
    ),
    "without the mean's path, in one piece": Wrong(
        lambda: normalised("layer"), "x", without_the_mean("layer", 1, 0), "through_mean"
    ),
    "without the mean's path, by columns": Wrong(
        lambda: normalised("batch"), "x", without_the_mean("batch", 0, 0), "through_mean"
    ),
    "n for n - 1": Wrong(
        lambda: normalised("pieces"), "squares", normalised("pieces").grad("squares") * 3 / 4, "one_less"
    ),
    "n for n - 1, on one of two paths": Wrong(
        lambda: normalised("pieces"),
        "centred",
        normalised("pieces").grad("centred") - normalised("pieces").grad("squares") * 2 * (X3 - X3.mean(0)) / 4,
        "one_less",
    ),
    "a mask left out": Wrong(masked, "x", X3 + 3, "factor"),
    "a scale left out": Wrong(lambda: attention("pieces"), "products", attention("pieces").grad("scaled"), "factor"),
    "a scale left out, in one piece": Wrong(
        lambda: attention("one"), "q", attention("one").grad("q") * 3**0.5, "scale"
    ),
    "summed for a mean of samples": Wrong(classes, "scores", classes().grad("scores") * 4, "sum"),
}

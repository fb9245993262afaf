"""The work that is measured: small models, each with its loss, so that one call gives a number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Work:
    """Describe one piece of work."""

    model: nn.Module
    """What gives the loss."""
    x: torch.Tensor
    run: Callable[[], torch.Tensor]
    """What is measured: the forward pass, as a user writes it."""

    def step(self) -> None:
        """Do a forward and a backward pass from gradients that are None."""
        self.model.zero_grad()
        self.run().backward()


class Scalar(nn.Module):
    """Hold a graph of single numbers, as in the first lessons."""

    def __init__(self) -> None:
        """Begin with a weight and a bias."""
        super().__init__()
        self.w, self.b = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the loss."""
        loss: torch.Tensor = (torch.tanh(self.w * x + self.b) - 2.0) ** 2
        return loss


class Loss(nn.Module):
    """Put a loss behind a model."""

    def __init__(self, model: nn.Module, loss: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Hold both."""
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the loss."""
        return self.loss(self.model(x))


def scalar() -> Work:
    """Make the graph of single numbers; as code without a module, which is how the lessons have it."""
    model, x, y = Scalar(), torch.tensor(1.0), 2.0
    w, b = model.w, model.b

    def run() -> torch.Tensor:
        loss: torch.Tensor = (torch.tanh(w * x + b) - y) ** 2
        return loss

    return Work(model, x, run)


def mlp() -> Work:
    """Make an MLP 784-256-10 on a batch of 64."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    x, y = torch.randn(64, 784), torch.randint(0, 10, (64,))
    model = Loss(layers, lambda out: nn.functional.cross_entropy(out, y))
    return Work(model, x, lambda: model(x))


def encoder(layers: int = 1, batch: int = 8) -> Work:
    """Make encoder layers with d = 128 on sequences of 64."""
    torch.manual_seed(0)
    stack = nn.Sequential(*(nn.TransformerEncoderLayer(128, 4, 512, batch_first=True) for _ in range(layers)))
    model, x = Loss(stack, lambda out: out.pow(2).mean()), torch.randn(batch, 64, 128)
    return Work(model, x, lambda: model(x))


WORKS: dict[str, Callable[[], Work]] = {"scalar": scalar, "mlp": mlp, "encoder": encoder, "six": lambda: encoder(6, 32)}

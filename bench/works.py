"""The work that is measured: small models, each with its loss, so that one call gives a number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Work:
    """Describe one piece of work."""

    name: str
    model: nn.Module
    """What gives the loss."""
    x: torch.Tensor
    run: Callable[[], torch.Tensor]
    """What is measured: the forward pass, as a user writes it."""

    def parameters(self) -> dict[str, torch.Tensor]:
        """Give the parameters by name."""
        return dict(self.model.named_parameters())

    def step(self) -> None:
        """Do a forward and a backward pass from gradients that are None."""
        self.model.zero_grad()
        self.run().backward()


class Scalar(nn.Module):
    """Hold a graph of single numbers, as in the first lessons."""

    def __init__(self, w: float = 1.0, b: float = 0.5, y: float = 2.0) -> None:
        """Begin with a weight and a bias."""
        super().__init__()
        self.w, self.b = nn.Parameter(torch.tensor(w)), nn.Parameter(torch.tensor(b))
        self.y = y

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the loss."""
        h = torch.tanh(self.w * x + self.b)
        error = h - self.y
        return error**2


class Loss(nn.Module):
    """Put a loss behind a model."""

    def __init__(self, model: nn.Module, loss: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Hold both."""
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the loss."""
        return self.loss(self.model(x))


def scalar() -> Work:
    """Make the graph of single numbers; as code without a module, which is how the lessons have it."""
    model, x, y = Scalar(), torch.tensor(1.0), 2.0
    w, b = model.w, model.b

    def run() -> torch.Tensor:
        loss: torch.Tensor = (torch.tanh(w * x + b) - y) ** 2
        return loss

    return Work("scalar graph", model, x, run)


def of_model(name: str, model: nn.Module, x: torch.Tensor) -> Work:
    """Make the work that is calling a model."""
    return Work(name, model, x, lambda: model(x))


def mlp() -> Work:
    """Make an MLP 784-256-10 on a batch of 64."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    x, y = torch.randn(64, 784), torch.randint(0, 10, (64,))
    return of_model("MLP 784-256-10", Loss(model, lambda out: nn.functional.cross_entropy(out, y)), x)


def encoder(layers: int = 1, batch: int = 8) -> Work:
    """Make encoder layers with d = 128 on sequences of 64."""
    torch.manual_seed(0)
    stack = nn.Sequential(*(nn.TransformerEncoderLayer(128, 4, 512, batch_first=True) for _ in range(layers)))
    name = "encoder layer" if layers == 1 else f"{layers} encoder layers"
    return of_model(name, Loss(stack, lambda out: out.pow(2).mean()), torch.randn(batch, 64, 128))


WORKS: dict[str, Callable[[], Work]] = {
    "scalar": scalar,
    "mlp": mlp,
    "encoder": encoder,
    "six": lambda: encoder(6, 32),
}

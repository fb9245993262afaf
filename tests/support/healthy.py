"""Fifty healthy programs, of which a question about lost gradients has to say that nothing is wrong."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F  # noqa: N812  # as everybody calls it
from torch import Tensor, nn

from tests.support.papers import PAPERS

Loss = Callable[[Tensor, Tensor], Tensor]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU, "leaky": nn.LeakyReLU, "elu": nn.ELU,
    "silu": nn.SiLU, "softplus": nn.Softplus,
}  # fmt: skip
LOSSES: dict[str, Loss] = {
    "mse": lambda out, y: F.mse_loss(out, F.one_hot(y, 3).float()),
    "cross entropy": F.cross_entropy,
    "huber": lambda out, y: F.huber_loss(out, F.one_hot(y, 3).float()),
    "bce": lambda out, y: F.binary_cross_entropy_with_logits(out, F.one_hot(y, 3).float()),
    "sum": lambda out, y: F.cross_entropy(out, y, reduction="sum"),
    "l1": lambda out, y: (out - F.one_hot(y, 3)).abs().mean(),
    "by hand": lambda out, y: -torch.log(out.softmax(1)[torch.arange(len(y)), y] + 1e-9).mean(),
}


class Last(nn.Module):
    """Take the last step of what a recurrent network gives."""

    def __init__(self, kind: type[nn.RNNBase], size: int, **how: object) -> None:
        """Hold the network."""
        super().__init__()
        self.rnn = kind(3, size, batch_first=True, **how)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Run over the sequence."""
        return torch.as_tensor(self.rnn(x)[0][:, -1])


def mlp(activation: str, depth: int, width: int = 16, norm: bool = False) -> nn.Module:
    """Make a network of layers of one width."""
    layers: list[nn.Module] = []
    for size in [6, *[width] * (depth - 1)]:
        layers += [nn.Linear(size, width), *([nn.LayerNorm(width)] if norm else []), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers, nn.Linear(width, 3))


def step(model: nn.Module, x: Tensor, loss: str) -> Callable[[], None]:
    """Make one step of training of a model."""
    y = torch.arange(len(x)) % 3

    def run() -> None:
        LOSSES[loss](model(x), y).backward()

    return run


def training(model: nn.Module, kind: type[torch.optim.Optimizer], steps: int = 3) -> Callable[[], None]:
    """Make some steps of training with an optimizer."""
    x, y, optimizer = torch.randn(12, 6), torch.arange(12) % 3, kind(model.parameters(), lr=0.01)  # type: ignore[call-arg]

    def run() -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()

    return run


def target_network() -> Callable[[], None]:
    """Learn from a frozen copy, under `no_grad`."""
    value, frozen, x = nn.Linear(4, 1), nn.Linear(4, 1), torch.randn(9, 4)
    frozen.requires_grad_(False)

    def run() -> None:
        with torch.no_grad():
            goal = 1 + 0.9 * frozen(x)
        F.mse_loss(value(x), goal).backward()

    return run


def by_hand() -> None:
    """Fit a line by hand, in place under `no_grad`."""
    x = torch.tensor([1.0, 2.0, 3.0, 4.0])
    w = torch.tensor(0.0, requires_grad=True)
    for _ in range(4):
        loss = ((w * x - 2 * x) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            w -= 0.01 * w.grad  # type: ignore[operator]
        w.grad = None


def attention_with_a_key_bias() -> None:
    """Attend by hand: the bias of the keys has a gradient of 0 but for rounding, and that does no harm."""
    query, key, value, x = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6), torch.randn(4, 5, 6)
    scores = query(x) @ key(x).transpose(1, 2) / 6**0.5
    causal = scores.masked_fill(torch.ones(5, 5).triu(1).bool(), float("-inf"))
    (causal.softmax(-1) @ value(x)).pow(2).mean().backward()


def penalty() -> None:
    """Differentiate a gradient, with `create_graph`."""
    net, x = mlp("tanh", 2), torch.randn(5, 6, requires_grad=True)
    (slope,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
    (net(x).mean() + ((slope.norm(dim=1) - 1) ** 2).mean()).backward()


def accumulated() -> None:
    """Accumulate over several backward passes."""
    net = mlp("relu", 2)
    for part in torch.randn(3, 4, 6):
        (net(part).pow(2).mean() / 3).backward()


def healthy() -> Iterator[tuple[str, Callable[[], object]]]:
    """List the programs by name."""
    points = torch.randn(24, 6)
    for activation, loss in zip(ACTIVATIONS, itertools.cycle(LOSSES)):
        yield f"{activation}, {loss}", step(mlp(activation, 2), points, loss)
    for loss in LOSSES:
        yield f"relu of three layers, {loss}", step(mlp("relu", 3), points, loss)
    for activation in ("relu", "tanh", "gelu", "silu", "elu"):
        yield f"{activation} of six layers", step(mlp(activation, 6, 32), points, "cross entropy")
        yield f"{activation} of eight normalised layers", step(mlp(activation, 8, norm=True), points, "mse")
    yield "large relu", step(mlp("relu", 3, 200), torch.randn(200, 6), "cross entropy")
    yield "sigmoid of three layers", step(mlp("sigmoid", 3), points, "bce")
    sequence, two = torch.randn(6, 12, 3), {"num_layers": 2}
    for kind, more in ((nn.RNN, {}), (nn.LSTM, {}), (nn.GRU, {}), (nn.LSTM, two), (nn.GRU, {**two, "dropout": 0.2})):
        name = f"{kind.__name__} {' '.join(more)}"
        yield name, step(nn.Sequential(Last(kind, 8, **more), nn.Linear(8, 3)), sequence, "cross entropy")
    for optimizer in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW):
        yield f"training with {optimizer.__name__}", training(mlp("relu", 2), optimizer)
    yield "target network", target_network()
    yield "sigmoid of four layers", step(mlp("sigmoid", 4), points, "cross entropy")
    for program in (by_hand, attention_with_a_key_bias, penalty, accumulated, *PAPERS.values()):
        yield program.__name__, program

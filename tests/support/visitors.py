"""Broken training loops as people bring them: variations of the clinic's cases, and none a copy.

Each runs its loop as `docs/how-to/symptoms.md` tells, three rounds under a recording. `rec.why()` has to name the row
that leads to the case.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import chainrule

Weights = dict[str, Tensor]
Round = Callable[[], Tensor]


@dataclass(frozen=True)
class Visitor:
    """Describe somebody with a broken program, and the case that they have to be led to."""

    case: str
    run: Callable[[], chainrule.Recording]


VISITORS: list[Visitor] = []


def visitor(
    case: str,
) -> Callable[[Callable[[], tuple[Round, Weights]]], Callable[[], tuple[Round, Weights]]]:
    """Put a program into the table: it gives one round of its loop, and its weights."""

    def add(program: Callable[[], tuple[Round, Weights]]) -> Callable[[], tuple[Round, Weights]]:
        def run() -> chainrule.Recording:
            torch.manual_seed(0)
            a_round, _ = program()
            with suppress(RuntimeError), chainrule.record() as rec:
                for _ in range(3):
                    if not a_round().isfinite():
                        break
            return rec

        run.__name__ = program.__name__
        VISITORS.append(Visitor(case, run))
        return program

    return add


def named(*modules: nn.Module) -> Weights:
    """Give the parameters of a model."""
    return dict(nn.Sequential(*modules).named_parameters())


def trained(optimizer: torch.optim.Optimizer, loss_of: Callable[[], Tensor]) -> Round:
    """Make the usual round."""

    def a_round() -> Tensor:
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        return loss

    return a_round


@visitor("10_not_zeroed")
def adam_and_batches() -> tuple[Round, Weights]:
    x = torch.randn(64, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.1
    model = nn.Linear(3, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)

    def a_round() -> Tensor:
        rows = torch.randperm(64)[:16]
        loss = nn.functional.mse_loss(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        return loss

    return a_round, named(model)


@visitor("20_sum_for_mean")
def reduction_sum() -> tuple[Round, Weights]:
    x, y = torch.randn(256, 8), torch.randn(256, 1)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
    criterion = nn.MSELoss(reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return trained(optimizer, lambda: criterion(model(x), y)), named(model)


@visitor("30_not_a_leaf")
def scaled_at_the_start() -> tuple[Round, Weights]:
    x, labels = torch.randn(32, 5), torch.randint(0, 3, (32,))
    table = torch.randn(5, 3, requires_grad=True) * 0.01
    shift = torch.zeros(3, requires_grad=True)

    def a_round() -> Tensor:
        loss = nn.functional.cross_entropy(x @ table + shift, labels)
        loss.backward(retain_graph=True)
        with torch.no_grad():
            shift.sub_(0.1 * torch.as_tensor(shift.grad))
        shift.grad = None
        return loss

    return a_round, {"table": table, "shift": shift}


@visitor("40_data")
def scaled_for_a_plot() -> tuple[Round, Weights]:
    x = torch.randn(40, 4)
    y = torch.sin(x[:, 0]) + x[:, 1]
    first, second = nn.Linear(4, 8), nn.Linear(8, 1)
    optimizer = torch.optim.SGD([*first.parameters(), *second.parameters()], lr=0.1)

    def a_round() -> Tensor:
        optimizer.zero_grad()
        units = torch.tanh(first(x))
        loss: Tensor = (second(units).squeeze(1) - y).pow(2).mean()
        units.data /= 100  # per cent, for a plot
        loss.backward()
        optimizer.step()
        return loss

    return a_round, named(first, second)


@visitor("50_missing_squeeze")
def prices() -> tuple[Round, Weights]:
    x = torch.rand(30, 6)
    prices = 3 * x[:, 0] + x[:, 1] ** 2
    model = nn.Sequential(nn.Linear(6, 12), nn.GELU(), nn.Linear(12, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    return trained(optimizer, lambda: nn.functional.l1_loss(model(x), prices)), named(model)


@visitor("60_detached")
def two_stages() -> tuple[Round, Weights]:
    words, labels = torch.randint(0, 50, (20, 7)), torch.randint(0, 2, (20,))
    embed, head = nn.Embedding(50, 10), nn.Linear(10, 2)
    optimizer = torch.optim.Adam([*embed.parameters(), *head.parameters()])

    def loss_of() -> Tensor:
        features = torch.stack([torch.from_numpy(embed(row).mean(0).detach().numpy()) for row in words])
        return nn.functional.cross_entropy(head(features), labels)

    return trained(optimizer, loss_of), named(embed, head)


@visitor("65_second_batch")
def letters_by_an_lstm() -> tuple[Round, Weights]:
    letters, lstm, head = torch.randn(5, 4, 3), nn.LSTM(3, 6), nn.Linear(6, 3)
    optimizer = torch.optim.Adam([*lstm.parameters(), *head.parameters()])
    states = None

    def loss_of() -> Tensor:
        nonlocal states
        read, states = lstm(letters, states)
        return nn.functional.mse_loss(head(read[:-1]), letters[1:])

    return trained(optimizer, loss_of), named(lstm, head)


@visitor("70_symmetric_or_dead")
def constant_start() -> tuple[Round, Weights]:
    x = torch.randn(50, 2)
    labels = (x[:, 0] * x[:, 1] > 0).float()
    model = nn.Sequential(nn.Linear(2, 6), nn.SiLU(), nn.Linear(6, 1))
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.1)
    optimizer = torch.optim.RMSprop(model.parameters())
    return trained(
        optimizer, lambda: nn.functional.binary_cross_entropy_with_logits(model(x).flatten(), labels)
    ), named(model)


@visitor("80_vanishing")
def ten_sigmoids() -> tuple[Round, Weights]:
    x, labels = torch.randn(32, 10), torch.randint(0, 4, (32,))
    layers = [part for _ in range(10) for part in (nn.Linear(10, 10), nn.Sigmoid())]
    model = nn.Sequential(*layers, nn.Linear(10, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    return trained(optimizer, lambda: nn.functional.cross_entropy(model(x), labels)), named(model)


@visitor("90_fine_tuning")
def five_classes_for_a_thousand() -> tuple[Round, Weights]:
    x, labels = torch.randn(16, 8), torch.randint(0, 5, (16,))
    net = nn.ModuleDict({"body": nn.Sequential(nn.Linear(8, 12), nn.ReLU()), "fc": nn.Linear(12, 1000)})
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    net["fc"] = nn.Linear(12, 5)
    return trained(optimizer, lambda: nn.functional.cross_entropy(net["fc"](net["body"](x)), labels)), named(net)

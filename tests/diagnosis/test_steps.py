"""Whole steps: what an optimizer, a copy or a number does to a gradient is named, and healthy loops are left alone."""
# ruff: noqa: D103  # the programs have no more to say

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # as everybody calls it
from torch import Tensor, nn
from torch.optim.optimizer import _global_optimizer_pre_hooks

import chainrule
from tests.support.loops import HEALTHY, Step, mlp
from tests.support.papers import PAPERS

X, Y = torch.randn(8, 6, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3
BROKEN: list[tuple[str, Callable[[], Any]]] = []


def broken(cause: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Put a program into the table."""
    return lambda program: BROKEN.append((cause, program)) or program  # type: ignore[func-returns-value]


def made(net: nn.Module | None = None) -> tuple[nn.Module, torch.optim.Optimizer, Callable[[], Tensor]]:
    """Make a network, its optimizer and its loss."""
    net = net or mlp(6, 8, 3)
    return net, torch.optim.SGD(net.parameters(), 0.1), lambda: F.cross_entropy(net(X), Y)


# fmt: off
@broken("emptied")
def emptied() -> None:
    _, optimizer, loss = made()
    loss().backward()
    optimizer.zero_grad()  # here
    optimizer.step()

@broken("emptied")
def emptied_with_zeros() -> None:
    net, optimizer, loss = made()
    loss().backward()
    net.zero_grad(set_to_none=False)  # here
    optimizer.step()

@broken("left over")
def left_over() -> None:
    _, optimizer, loss = made()
    for _ in range(3):
        loss().backward()
        optimizer.step()  # here

@broken("not divided")
def not_divided() -> None:
    net, optimizer, _ = made()
    for x, y in zip(X.chunk(4), Y.chunk(4), strict=True):
        F.cross_entropy(net(x), y).backward()
    optimizer.step()  # here

@broken("clipped too early")
def clipped_too_early() -> None:
    net, optimizer, loss = made()
    for _ in range(2):
        optimizer.zero_grad()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)  # here
        loss().backward()
        optimizer.step()

@broken("clipped too late")
def clipped_too_late() -> None:
    net, optimizer, loss = made()
    loss().backward()
    optimizer.step()
    nn.utils.clip_grad_value_(net.parameters(), 1.0)  # here

@broken("spread")
def spread_by_clipping() -> None:
    net, w = nn.Linear(6, 3), nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([*net.parameters(), w], 0.1)
    (w.norm().pow(2).sqrt().sqrt() + net(X).square().mean()).backward()
    nn.utils.clip_grad_norm_([*net.parameters(), w], 1.0)  # here
    optimizer.step()

@broken("old parameters")
def old_head() -> None:
    net, optimizer, loss = made()
    net[2] = nn.Linear(8, 3)  # type: ignore[operator]
    loss().backward()
    optimizer.step()  # here

@broken("old parameters")
def old_model() -> None:
    before, optimizer, _ = made()
    net = copy.deepcopy(before)
    F.cross_entropy(net(X), Y).backward()
    optimizer.step()  # here

@broken("plain list")
def plain_dictionary() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts, self.head = {"a": nn.Linear(6, 8)}, nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return torch.as_tensor(self.head(torch.tanh(self.parts["a"](x))))

    _, optimizer, loss = made(Net())
    loss().backward()
    optimizer.step()  # here

@broken("not held")
def without_its_bias() -> None:
    net = mlp(6, 8, 3)
    optimizer = torch.optim.SGD([w for w in net.parameters() if w.dim() == 2], 0.1)
    F.cross_entropy(net(X), Y).backward()
    optimizer.step()  # here

@broken("copied")
def copied_by_tensor() -> None:
    policy = nn.Linear(6, 1)
    kept = [policy(x).squeeze() for x in X]
    scores = torch.tensor(kept, requires_grad=True)  # here
    scores.mean().backward()

@broken("copied")
def copied_by_parameter() -> None:
    net = nn.Linear(2, 6)
    w = nn.Parameter(net(torch.ones(2)).tanh())  # here
    (X @ w).square().mean().backward()

@broken("copied")
def copied_by_loading() -> None:
    net, make = nn.Linear(6, 1, bias=False), nn.Linear(2, 6)
    net.load_state_dict({"weight": make(torch.ones(2))[None]})  # here
    net(X).square().mean().backward()

@broken("set data")
def set_as_data() -> None:
    net, make = nn.Linear(6, 1, bias=False), nn.Linear(2, 6)
    net.weight.data = make(torch.ones(2))[None]  # here
    net(X).square().mean().backward()

@broken("taken out")
def taken_out_as_an_array() -> None:
    first, last = nn.Linear(6, 4), nn.Linear(4, 3)
    hidden = first(X).detach().numpy()  # here
    F.cross_entropy(last(torch.from_numpy(hidden.clip(0))), Y).backward()

@broken("sampled")
def sampled() -> None:
    encode, decode = nn.Linear(6, 4), nn.Linear(2, 6)
    mean, spread = encode(X).chunk(2, 1)
    chosen = torch.distributions.Normal(mean, spread.exp())
    z = chosen.sample()  # here
    (F.mse_loss(decode(z), X) + mean.square().mean()).backward()

@broken("inference mode")
def in_inference_mode() -> None:
    first, last = nn.Linear(6, 4), nn.Linear(4, 3)
    with torch.inference_mode():
        hidden = first(X)  # here
    F.cross_entropy(last(hidden.clone()), Y).backward()

@broken("constant term")
def a_term_of_whole_numbers() -> None:
    out = nn.Linear(6, 3)(X)
    right = out.argmax(1)  # here
    dice = 1 - (right == Y).float().mean()
    (F.cross_entropy(out, Y) + 2 * dice).backward()

@broken("constant term")
def a_term_that_is_a_number() -> None:
    net = nn.Linear(6, 3)
    size = sum(w.norm().item() for w in net.parameters())  # here
    (F.cross_entropy(net(X), Y) + 0.01 * size).backward()

@broken("constant term")
def a_penalty_without_its_graph() -> None:
    net, x = mlp(6, 8, 1, between=nn.Tanh), X.clone().requires_grad_()
    (slope,) = torch.autograd.grad(net(x).sum(), x)  # here
    (net(X).mean() + slope.norm(dim=1).mean()).backward()

@broken("root at 0")
def in_the_first_of_three() -> None:
    w = nn.Parameter(torch.ones(6))
    for x in (X * 0, X, X):
        (x @ w).square().mean().sqrt().backward()  # here

@broken("equal units")
def all_alike() -> None:
    net = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 1))
    for w in net.parameters():
        nn.init.constant_(w, 0.1)
    net(X).square().mean().backward()

@broken("compiled")
def compiled() -> None:
    net = nn.Linear(6, 1)
    torch.compile(lambda x: net(x).detach() * net.bias, backend="aot_eager")(X).sum().backward()
# fmt: on


@pytest.mark.parametrize(("cause", "program"), BROKEN, ids=lambda one: getattr(one, "__name__", None))
def test_each_cause_is_found_at_its_line(cause: str, program: Callable[[], Any]) -> None:
    """For each broken program the right cause is the first that is named, with the line that did it."""
    torch.manual_seed(0)
    with chainrule.record() as rec:
        program()
    lines, first = inspect.getsourcelines(program)
    here = next((first + i for i, line in enumerate(lines) if line.rstrip().endswith("# here")), None)
    found = [reason for reason in rec.why().reasons if reason.cause == cause]
    assert found, rec.why()
    assert found[0].line == here, found[0]


def test_a_pass_is_named() -> None:
    """A reason says in which of the passes it was."""
    with chainrule.record() as rec:
        in_the_first_of_three()
    assert "NaN in the 1st of 3 passes because of" in rec.why().reasons[0].says
    assert rec.why(backward=1).reasons == ()


@pytest.mark.parametrize("make", HEALTHY, ids=lambda make: make.__name__)
def test_healthy_loops_are_left_alone(make: Callable[[], Step]) -> None:
    """Over five steps, each in a block of its own and all in one, no reason is given; questions may be asked."""
    torch.manual_seed(0)
    step = make()
    for _ in range(5):
        with chainrule.record() as rec:
            step()
        assert rec.why().reasons == (), rec.why()
    with chainrule.record() as rec:
        for _ in range(5):
            step()
    assert rec.why().reasons == (), rec.why()
    assert rec.trace.notes == ()


@pytest.mark.parametrize("paper", PAPERS)
def test_models_after_papers_are_left_alone(paper: str) -> None:
    """At the first step of ten models no reason is given."""
    torch.manual_seed(0)
    assert PAPERS[paper]().why().reasons == ()


def test_optimizers_are_left_as_they_were() -> None:
    """The hook on optimizers is gone after the block, also when that raised, and a step is recorded once."""
    net, optimizer, loss = made()
    with contextlib.suppress(KeyboardInterrupt), chainrule.record() as rec:
        loss().backward()
        optimizer.step()
        raise KeyboardInterrupt
    assert not _global_optimizer_pre_hooks
    (update,) = rec.trace.updates
    assert [rec.trace.values[v].name for v in update.parameters] == [name for name, _ in net.named_parameters()]
    assert [held.data is not None for held in update.gradients.values()] == [True] * 4
    assert update.after == 1

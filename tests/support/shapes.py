"""Recordings of every shape that makes a join expensive, each of about as many ops as are asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

import chainrule


def _leaf(number: float = 0.9) -> torch.Tensor:
    return torch.tensor(number, requires_grad=True)


def passes(size: int) -> None:
    """Descend on one weight: many short backward passes."""
    w = _leaf()
    for _ in range(size // 4):
        w.grad = None
        ((w - 1) ** 2).backward()
        with torch.no_grad():
            w -= 0.01 * w.grad  # type: ignore[operator]  # there is a gradient now


def chain(size: int) -> None:
    """Go through a long chain that uses its weight at every step, and fades at any length."""
    w = _leaf(0.5)
    h = w
    for _ in range(size // 2):
        h = torch.sin(h) * w
    h.backward()


def hooks(size: int) -> None:
    """Go through a chain with a hook on each value."""
    w = _leaf()
    h = w
    for _ in range(size):
        h = torch.sin(h)
        h.register_hook(lambda gradient: gradient)
    h.backward()


def fan(size: int) -> None:
    """Give one op the results of all others, which take one weight."""
    w = _leaf()
    torch.stack([torch.sin(w) for _ in range(size)]).sum().backward()


def leaves(size: int) -> None:
    """Give one op many leaves."""
    w, others = _leaf(), [_leaf() for _ in range(size)]
    torch.stack([w, *others]).sum().backward()


def pieces(size: int) -> None:
    """Make many values by one op, and add them up."""
    w = torch.full((size,), 0.9, requires_grad=True)
    first, *others = w.unbind()
    for piece in others:
        first = first + piece
    first.backward()


def roots(size: int) -> None:
    """Go backward from many values at once."""
    w = _leaf()
    torch.autograd.backward([w * i for i in range(size)])


def dead(size: int) -> None:
    """Pass many layers whose weights get no gradient, all because of the last."""
    w = _leaf()
    others = [_leaf() for _ in range(size // 2)]
    h = w
    for other in others:
        h = torch.tanh(h * other)
    torch.relu(h - 100).backward()


def layers(size: int) -> None:
    """Pass many modules, each with a weight."""

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor(0.9))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.weight + x

    net, w = nn.Sequential(*(nn.Sequential(Layer(), nn.Tanh()) for _ in range(size // 3))), _leaf()
    net(w).backward()


def _record(run: Callable[[int], None], size: int) -> chainrule.Recording:
    with chainrule.record() as rec:
        run(size)
    return rec


SHAPES: dict[str, Callable[[int], chainrule.Recording]] = {
    run.__name__: partial(_record, run) for run in (passes, chain, hooks, fan, leaves, pieces, roots, dead, layers)
}

"""Recordings of every shape that makes a join expensive, each of about as many ops as are asked for."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

import chainrule


def _leaf(number: float = 0.9) -> torch.Tensor:
    return torch.tensor(number, requires_grad=True)


def passes(size: int) -> chainrule.Recording:
    """Record a descent on one weight: many short backward passes."""
    w = _leaf()
    with chainrule.record() as rec:
        for _ in range(size // 4):
            w.grad = None
            ((w - 1) ** 2).backward()
            with torch.no_grad():
                w -= 0.01 * w.grad  # type: ignore[operator]  # there is a gradient now
    return rec


def chain(size: int) -> chainrule.Recording:
    """Record one pass through a long chain that uses its weight at every step."""
    w = _leaf()
    with chainrule.record() as rec:
        h = w
        for _ in range(size // 2):
            h = torch.sin(h) * w
        h.backward()
    return rec


def hooks(size: int) -> chainrule.Recording:
    """Record a chain with a hook on each value."""
    w = _leaf()
    with chainrule.record() as rec:
        h = w
        for _ in range(size):
            h = torch.sin(h)
            h.register_hook(lambda gradient: gradient)
        h.backward()
    return rec


def fan(size: int) -> chainrule.Recording:
    """Record one op that takes the results of all others, which take one weight."""
    w = _leaf()
    with chainrule.record() as rec:
        torch.stack([torch.sin(w) for _ in range(size)]).sum().backward()
    return rec


def leaves(size: int) -> chainrule.Recording:
    """Record one op that takes many leaves."""
    w, others = _leaf(), [_leaf() for _ in range(size)]
    with chainrule.record() as rec:
        torch.stack([w, *others]).sum().backward()
    return rec


def pieces(size: int) -> chainrule.Recording:
    """Record one op that makes many values, and a sum over them."""
    w = torch.full((size,), 0.9, requires_grad=True)
    with chainrule.record() as rec:
        first, *others = w.unbind()
        for piece in others:
            first = first + piece
        first.backward()
    return rec


def roots(size: int) -> chainrule.Recording:
    """Record one pass from many values."""
    w = _leaf()
    with chainrule.record() as rec:
        torch.autograd.backward([w * i for i in range(size)])
    return rec


def dead(size: int) -> chainrule.Recording:
    """Record many layers whose weights get no gradient, all because of the last."""
    w = _leaf()
    others = [_leaf() for _ in range(size // 2)]
    with chainrule.record() as rec:
        h = w
        for other in others:
            h = torch.tanh(h * other)
        torch.relu(h - 100).backward()
    return rec


def layers(size: int) -> chainrule.Recording:
    """Record many modules, each with a weight."""

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor(0.9))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.weight + x

    net, w = nn.Sequential(*(nn.Sequential(Layer(), nn.Tanh()) for _ in range(size // 3))), _leaf()
    with chainrule.record() as rec:
        net(w).backward()
    return rec


def forward(size: int) -> chainrule.Recording:
    """Record a forward pass alone."""
    w = _leaf()
    with chainrule.record() as rec:
        for _ in range(size):
            w = torch.sin(w)
    return rec


SHAPES: dict[str, Callable[[int], chainrule.Recording]] = {
    made.__name__: made for made in (passes, chain, hooks, fan, leaves, pieces, roots, dead, layers)
}

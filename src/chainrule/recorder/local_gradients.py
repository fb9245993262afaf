"""Ask one of autograd's own nodes for its local gradients, rather than work them out.

A node, called with an upstream gradient, returns what it passes on to each of its inputs. Called with ones it returns
the local gradients themselves, if each entry of the result comes from one entry of the input; a second call, with
uneven numbers, tells whether that is so. If not, and if it is small, a call for each entry gives the Jacobian, row by
row.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node

from chainrule.recorder.limits import JACOBIAN, WHOLE
from chainrule.recorder.snapshots import is_plain
from chainrule.trace import Kind

_NOT_TWICE = frozenset({"CopySlices", "Error", "NotImplemented", "DelayedError", "UndefinedGrad"})
"""Nodes that may not be called a second time to ask for their local gradients."""


def local_gradients(node: Node, incoming: tuple[Any, ...], outgoing: tuple[Any, ...]) -> dict[int, tuple[Tensor, Kind]]:
    """Return the local gradient of each edge where it is safe to ask and small, and how it acts."""
    if len(incoming) != 1 or incoming[0] is None or isinstance(node, BackwardCFunction):
        return {}
    upstream = incoming[0]
    if type(node).__name__ in _NOT_TWICE or upstream.layout is not torch.strided or upstream.numel() > WHOLE:
        return {}
    try:
        small = _small(upstream, outgoing)
        if not small:
            return {}
        ones = _call(node, _ones(upstream.shape, upstream.dtype) if is_plain(upstream) else torch.ones_like(upstream))
        edges = [edge for edge in small if ones[edge] is not None]
        if upstream.numel() == 1:
            return {
                edge: (ones[edge], "elementwise" if ones[edge].shape == upstream.shape else "gradient")
                for edge in edges
            }
        return _told_apart(node, upstream, edges, ones)
    except RuntimeError:
        return {}


def _small(upstream: Tensor, outgoing: tuple[Any, ...]) -> list[int]:
    """List the edges whose local gradient is small enough to be kept, as factors or as a matrix."""
    size = upstream.numel()
    return [
        edge
        for edge, gradient in enumerate(outgoing)
        if gradient is not None
        and gradient.numel() <= WHOLE
        and (size == 1 or gradient.shape == upstream.shape or size * gradient.numel() <= JACOBIAN)
    ]


def _told_apart(
    node: Node, upstream: Tensor, edges: list[int], ones: tuple[Any, ...]
) -> dict[int, tuple[Tensor, Kind]]:
    """Tell elementwise local gradients, which `ones` has, from Jacobians, which take a call for each entry."""
    uneven = _uneven(upstream.shape, upstream.dtype).to(upstream.device)
    answers = _call(node, uneven)
    rows: list[tuple[Any, ...]] = []
    found: dict[int, tuple[Tensor, Kind]] = {}
    for edge in edges:
        if ones[edge].shape == upstream.shape and _close(answers[edge], ones[edge] * uneven):
            found[edge] = (ones[edge], "elementwise")
        elif upstream.numel() * ones[edge].numel() <= JACOBIAN:
            rows = rows or [_call(node, unit) for unit in _units(upstream)]
            found[edge] = _narrow(torch.stack([row[edge].flatten() for row in rows]), ones[edge], upstream)
    return found


def _call(node: Node, gradient: Tensor) -> tuple[Any, ...]:
    answer = node(gradient)  # type: ignore[operator]  # a node is called like this in C++
    return answer if isinstance(answer, tuple) else (answer,)


@lru_cache(maxsize=256)
def _ones(shape: torch.Size, dtype: torch.dtype) -> Tensor:
    return torch.ones(shape, dtype=dtype)


@lru_cache(maxsize=256)
def _uneven(shape: torch.Size, dtype: torch.dtype) -> Tensor:
    return torch.arange(1, shape.numel() + 1).sin().add(1.5).reshape(shape).to(dtype)


def _units(like: Tensor) -> Tensor:
    return torch.eye(like.numel(), dtype=like.dtype).reshape(-1, *like.shape)


def _narrow(jacobian: Tensor, like: Tensor, upstream: Tensor) -> tuple[Tensor, Kind]:
    """Write a Jacobian as one factor per entry, where each entry of the result comes from one broadcast input."""
    try:
        column = torch.arange(like.numel()).reshape(like.shape).broadcast_to(upstream.shape).flatten()
    except RuntimeError:
        return jacobian, "jacobian"
    picked = jacobian.gather(1, column[:, None])
    rest = jacobian.scatter(1, column[:, None], torch.zeros_like(picked))
    return (picked.reshape(upstream.shape), "elementwise") if not rest.any() else (jacobian, "jacobian")


def _close(found: Tensor, expected: Tensor) -> bool:
    """Compare up to rounding, relative to each entry."""
    if torch.equal(found, expected):
        return True
    rounding = 8 * torch.finfo(found.dtype).eps
    return bool(torch.isclose(found, expected, rtol=rounding, atol=0, equal_nan=True).all())

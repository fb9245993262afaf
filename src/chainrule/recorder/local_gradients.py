"""Ask one of autograd's own nodes for its local gradients, rather than work them out.

A node, called with an upstream gradient, gives what it passes on to each of its inputs. Called with ones it gives the
local gradients themselves, if each entry of the result comes from one entry of the input; a second call, with uneven
numbers, tells whether that is so. If not, and if it is small, a call for each entry gives the Jacobian, row by row.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node

from chainrule.recorder.snapshots import WHOLE, is_plain
from chainrule.trace import Kind

JACOBIAN = 256
"""A local gradient that is no elementwise factor is kept as a matrix of up to so many entries."""
_NOT_TWICE = frozenset({"CopySlices", "Error", "NotImplemented", "DelayedError", "UndefinedGrad"})
"""Nodes that may not be called a second time to ask for their local gradients."""


def local_gradients(
    node: Node, incoming: tuple[Any, ...], outgoing: tuple[Any, ...]
) -> dict[int, tuple[torch.Tensor, Kind]]:
    """Ask a node itself for its local gradients, by calling it with ones, where that is safe and small."""
    if len(incoming) != 1 or incoming[0] is None or isinstance(node, BackwardCFunction):
        return {}
    upstream = incoming[0]
    if type(node).__name__ in _NOT_TWICE or upstream.layout is not torch.strided or upstream.numel() > WHOLE:
        return {}

    def ask(gradient: torch.Tensor) -> tuple[Any, ...]:
        answer = node(gradient)  # type: ignore[operator]  # a node is called like this in C++
        return answer if isinstance(answer, tuple) else (answer,)

    try:
        wanted = {edge for edge, gradient in enumerate(outgoing) if gradient is not None and gradient.numel() <= WHOLE}
        small = {edge for edge in wanted if upstream.numel() * outgoing[edge].numel() <= JACOBIAN}
        if upstream.numel() != 1:  # a matrix that is too large is not kept, so it is not asked for
            wanted = {edge for edge in wanted if outgoing[edge].shape == upstream.shape or edge in small}
        if not wanted:
            return {}
        ones = ask(_ones(upstream.shape, upstream.dtype) if is_plain(upstream) else torch.ones_like(upstream))
        asked = [edge for edge in sorted(wanted) if ones[edge] is not None]
        if upstream.numel() == 1:
            return {
                edge: (ones[edge], "elementwise" if ones[edge].shape == upstream.shape else "gradient")
                for edge in asked
            }
        uneven = _uneven(upstream.shape, upstream.dtype).to(upstream.device)
        answers = ask(uneven)
        rows: list[tuple[Any, ...]] | None = None
        found: dict[int, tuple[torch.Tensor, Kind]] = {}
        for edge in asked:
            if ones[edge].shape == upstream.shape and _close(answers[edge], ones[edge] * uneven):
                found[edge] = (ones[edge], "elementwise")
            elif edge in small:
                if rows is None:
                    units = torch.eye(upstream.numel(), dtype=upstream.dtype).reshape(-1, *upstream.shape)
                    rows = [ask(unit) for unit in units]
                found[edge] = _narrow(torch.stack([row[edge].flatten() for row in rows]), ones[edge], upstream)
        return found
    except RuntimeError:
        return {}


@lru_cache(maxsize=256)
def _ones(shape: torch.Size, dtype: torch.dtype) -> torch.Tensor:
    return torch.ones(shape, dtype=dtype)


@lru_cache(maxsize=256)
def _uneven(shape: torch.Size, dtype: torch.dtype) -> torch.Tensor:
    return torch.arange(1, shape.numel() + 1).sin().add(1.5).reshape(shape).to(dtype)


def _narrow(jacobian: torch.Tensor, like: torch.Tensor, upstream: torch.Tensor) -> tuple[torch.Tensor, Kind]:
    """Write a Jacobian as one factor per entry, where each entry of the result comes from one broadcast input."""
    try:
        column = torch.arange(like.numel()).reshape(like.shape).broadcast_to(upstream.shape).flatten()
    except RuntimeError:
        return jacobian, "jacobian"
    picked = jacobian.gather(1, column[:, None])
    rest = jacobian.scatter(1, column[:, None], torch.zeros_like(picked))
    return (picked.reshape(upstream.shape), "elementwise") if not rest.any() else (jacobian, "jacobian")


def _close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """Compare up to rounding, relative to each entry."""
    if torch.equal(found, expected):
        return True
    rounding = 8 * torch.finfo(found.dtype).eps
    return bool(torch.isclose(found, expected, rtol=rounding, atol=0, equal_nan=True).all())

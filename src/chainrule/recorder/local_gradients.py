"""Ask one of autograd's own nodes for its local gradients, rather than work them out.

A node, called with an upstream gradient, returns what it passes on to each of its inputs. Called with ones it returns
the local gradients themselves, if each entry of the result comes from one entry of the input; a second call, with
uneven numbers, tells whether that is so. If not, and if it is small, a call for each entry gives the Jacobian, row by
row.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node

from chainrule.recorder.limits import JACOBIAN, WHOLE
from chainrule.recorder.snapshots import is_plain
from chainrule.trace import Kind

Gradients: TypeAlias = tuple[Tensor | None, ...]
_ELEMENTWISE = frozenset(
    f"{name}Backward0"
    for name in (
        "Mul", "Div", "Add", "Sub", "Rsub", "Neg", "Abs", "Sign", "Exp", "Expm1", "Log", "Log1P", "Sqrt", "Rsqrt",
        "Reciprocal", "Pow", "Sin", "Cos", "Tan", "Sinh", "Cosh", "Tanh", "Atan", "Erf", "Sigmoid", "LogSigmoid",
        "Relu", "LeakyRelu", "Elu", "Gelu", "Silu", "Softplus", "Hardtanh", "Hardswish", "Maximum", "Minimum", "Where",
    )
)  # fmt: skip
"""Nodes that have a factor for each entry, where all shapes are equal: called with ones, they return it."""
_NOT_TWICE = frozenset({"CopySlices", "Error", "NotImplemented", "DelayedError", "UndefinedGrad"})
"""Nodes that may not be called a second time to ask for their local gradients."""


def local_gradients(node: Node, incoming: Gradients, outgoing: Gradients) -> dict[int, tuple[Tensor, Kind]]:
    """Return the local gradient of each edge where it is safe to ask and small, and how it acts."""
    upstream, name = incoming[0], type(node).__name__
    if len(incoming) != 1 or upstream is None or upstream.numel() > WHOLE or not is_plain(upstream):
        return {}
    if name in _NOT_TWICE or upstream.layout is not torch.strided or isinstance(node, BackwardCFunction):
        return {}
    try:
        size, (even, uneven) = upstream.numel(), _probes(upstream.shape, upstream.dtype, upstream.device)
        if name in _ELEMENTWISE and all(one is None or one.shape == upstream.shape for one in outgoing):
            factors = _call(node, even)
            return {edge: (factors[edge], "elementwise") for edge, one in enumerate(outgoing) if one is not None}
        small = [
            edge
            for edge, one in enumerate(outgoing)
            if one is not None
            and one.numel() <= WHOLE
            and (size == 1 or one.shape == upstream.shape or size * one.numel() <= JACOBIAN)
        ]
        if not small:
            return {}
        answers = _call(node, even)  # copied, since they may be what others hold
        ones = {edge: answer.clone() for edge in small if (answer := answers[edge]) is not None}
        if size == 1:
            shape = upstream.shape
            return {edge: (one, "elementwise" if one.shape == shape else "gradient") for edge, one in ones.items()}
        answers, rows, found = _call(node, uneven), list[tuple[Any, ...]](), dict[int, tuple[Tensor, Kind]]()
        for edge, factor in ones.items():
            if factor.shape == upstream.shape and _close(answers[edge], factor * uneven):
                found[edge] = factor, "elementwise"
            elif size * factor.numel() <= JACOBIAN:
                rows = rows or [_call(node, unit.reshape(upstream.shape)) for unit in torch.eye(size, dtype=even.dtype)]
                found[edge] = _narrow(torch.stack([row[edge].flatten() for row in rows]), factor, upstream)
        return found
    except RuntimeError:
        return {}


def _call(node: Node, gradient: Tensor) -> tuple[Any, ...]:
    answer = node(gradient)  # type: ignore[operator]  # a node is called like this in C++
    return answer if isinstance(answer, tuple) else (answer,)


@lru_cache(maxsize=256)
def _probes(shape: torch.Size, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Make the upstream gradients to ask with: ones, and uneven numbers, which tell one entry from another."""
    uneven = torch.arange(1, shape.numel() + 1).sin().add(1.5).reshape(shape)
    return torch.ones(shape, dtype=dtype, device=device), uneven.to(dtype).to(device)


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
    rounding = {"rtol": 8 * torch.finfo(found.dtype).eps, "atol": 0.0}
    return torch.equal(found, expected) or bool(torch.isclose(found, expected, equal_nan=True, **rounding).all())

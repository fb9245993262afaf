"""Random graphs of PyTorch ops for hypothesis, and code that records them; shared by several tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from hypothesis import strategies as st

import chainrule

UNARY: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "neg": lambda a: -a,
    "square": lambda a: a**2,
    "tanh": torch.tanh,
    "sin": torch.sin,
    "exp": lambda a: torch.exp(-a.abs()),
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "half": lambda a: a / 2,
    "same": lambda a: a.clone(),
    "minus": lambda a: 1 - a,
}
BINARY: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / (b**2 + 1),
}
SHAPES = [(), (1,), (3,), (2, 1), (2, 3)]


@dataclass(frozen=True)
class Plan:
    """Describe a graph: the leaves, then each step's op and the positions of what it takes."""

    leaves: tuple[torch.Tensor, ...]
    steps: tuple[tuple[str, int, int], ...]

    def run(self, leaves: Sequence[torch.Tensor]) -> torch.Tensor:
        """Compute a single number from the leaves, through every step."""
        values = list(leaves)
        for op, a, b in self.steps:
            first, second = values[a % len(values)], values[b % len(values)]
            made = UNARY[op](first) if op in UNARY else BINARY[op](first, second)
            values.append(made)
        if not any(made.dim() for made in values):
            loss = values[-1]
            for leaf in leaves:
                loss = loss + leaf
            return loss
        sums = torch.stack([made.sum() for made in values])
        return sums.sum()

    def fresh(self) -> list[torch.Tensor]:
        """Copy the leaves, to be differentiated by."""
        return [leaf.clone().requires_grad_() for leaf in self.leaves]


@st.composite
def plans(draw: st.DrawFn, shapes: Sequence[tuple[int, ...]] = SHAPES, steps: int = 8) -> Plan:
    """Draw a graph over leaves of shapes that broadcast with one another."""
    numbers = st.floats(-2, 2, allow_nan=False, width=32)
    leaves = []
    for shape in draw(st.lists(st.sampled_from(shapes), min_size=1, max_size=3)):
        size = torch.Size(shape).numel()
        leaves.append(torch.tensor(draw(st.lists(numbers, min_size=size, max_size=size))).reshape(shape))
    op = st.sampled_from([*UNARY, *BINARY])
    at = st.integers(0, 9)
    return Plan(tuple(leaves), tuple(draw(st.lists(st.tuples(op, at, at), min_size=1, max_size=steps))))


def record(plan: Plan) -> tuple[chainrule.Recording, list[torch.Tensor]]:
    """Record a graph with its backward pass."""
    leaves = plan.fresh()
    with chainrule.record() as rec:
        loss = plan.run(leaves)
        loss.backward()
    return rec, leaves


def same(a: torch.Tensor | None, b: torch.Tensor | None) -> bool:
    """Compare bit by bit, so that -0.0 is not 0.0 and NaN is NaN."""
    if a is None or b is None:
        return a is b
    a, b = (t.detach().to_dense().contiguous() for t in (a, b))
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if not a.numel():
        return True
    return a.reshape(-1).view(torch.uint8).equal(b.reshape(-1).view(torch.uint8))

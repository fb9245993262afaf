"""Measure what recording costs, and that nothing of it stays behind.

Plain and recorded steps alternate in one run, on one thread, and what is printed are ratios of medians.
"""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

import chainrule

Step = Callable[[], None]


def scalar() -> Step:
    """Make a step of a graph of single numbers, as in the first lessons."""
    x, y = torch.tensor(1.0), torch.tensor(2.0)
    w, b = torch.tensor(1.0, requires_grad=True), torch.tensor(0.5, requires_grad=True)

    def step() -> None:
        w.grad = b.grad = None
        loss = (torch.tanh(w * x + b) - y) ** 2
        loss.backward()

    return step


def mlp() -> Step:
    """Make a step of an MLP 784-256-10 on a batch of 64."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    x, y = torch.randn(64, 784), torch.randint(0, 10, (64,))

    def step() -> None:
        model.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()

    return step


def recorded(step: Step) -> Step:
    """Put a step into a block."""

    def run() -> None:
        with chainrule.record():
            step()

    return run


def medians(steps: dict[str, Step], rounds: int) -> dict[str, float]:
    """Time some steps in turn, and give the median of each in microseconds."""
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            taken[name].append((time.perf_counter() - start) * 1e6)
    return {name: statistics.median(times) for name, times in taken.items()}


def memory() -> float:
    """Give the memory that this process holds now, in MB."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123  # no file of ours
        return int(statm.read().split()[1]) * resource.getpagesize() / 1e6


def main() -> None:
    """Print one table."""
    torch.set_num_threads(1)
    rows = []
    for name, make, rounds in (("scalar graph", scalar, 2000), ("MLP 784-256-10, batch 64", mlp, 300)):
        step = make()
        found = medians({"plain": step, "recorded": recorded(step)}, rounds)
        ratio = found["recorded"] / found["plain"]
        rows.append(f"{name:34} {found['plain']:9.0f} us plain {ratio:6.2f} x recorded")
    watched, never = scalar(), scalar()
    for _ in range(500):
        recorded(watched)()
    held = [memory()]
    for _ in range(10_000):
        recorded(watched)()
    held.append(memory())
    found = medians({"recorded before": watched, "never recorded": never}, 5000)
    ratio = found["recorded before"] / found["never recorded"]
    rows.append(f"{'plain step after 10,000 recordings':34} {ratio:9.3f} x one that was never recorded")
    rows.append(f"{'memory over 10,000 recordings':34} {held[1] - held[0]:+9.1f} MB of {held[0]:.0f}")
    print("\n".join(rows))


if __name__ == "__main__":
    main()

"""Measure what an answer costs as recordings grow: the time for ten times as much over the time for a tenth of it.

python -m bench.asking
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import torch

import chainrule


def steps(size: int) -> chainrule.Recording:
    """Record so many steps of a descent on one weight."""
    w = torch.tensor(0.9, requires_grad=True)
    with chainrule.record() as rec:
        for _ in range(size):
            w.grad = None
            ((w - 1) ** 2).backward()
            with torch.no_grad():
                w -= 0.001 * w.grad  # type: ignore[operator]  # there is a gradient now
    return rec


def ops(size: int) -> chainrule.Recording:
    """Record one pass through so many ops, half of which take one weight."""
    w = torch.tensor(0.9, requires_grad=True)
    with chainrule.record() as rec:
        h = w
        for _ in range(size // 2):
            h = torch.sin(h) * w
        h.backward()
    return rec


WAYS: dict[str, Callable[[chainrule.Recording], object]] = {
    "print": str,
    "why": lambda rec: str(rec.why()),
    "check": lambda rec: str(rec.check(w=rec.grad("w") * 3.3 + 1)),
    "graph": lambda rec: rec.graph().page,
    "save": lambda rec: rec.trace.to_dict(),
}


def seconds(make: Callable[[int], chainrule.Recording], size: int) -> dict[str, float]:
    """Return the processor's seconds for each question, put to one recording in turn; the first joins its parts."""
    took, rec = {}, make(size)
    rec.trace  # noqa: B018  # made when it is first asked for
    for name, ask in WAYS.items():
        gc.collect()
        start = time.process_time()
        ask(rec)
        took[name] = time.process_time() - start
    return took


def main() -> None:
    """Print seconds and ratios; ten is linear, a hundred the square."""
    torch.set_num_threads(1)
    seconds(steps, 100)  # what is worked out once a process
    for make, size in ((steps, 1_000), (ops, 10_000)):
        few, many = seconds(make, size), seconds(make, 10 * size)
        print(f"{size:,} and {10 * size:,} {make.__name__}")
        for name in WAYS:
            print(f"  {name:6} {few[name]:7.3f} s {many[name]:7.3f} s   × {many[name] / few[name]:.1f}")


if __name__ == "__main__":
    main()

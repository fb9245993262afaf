"""Measure what recording costs, and that nothing of it stays behind.

Plain and recorded steps alternate in one run, on one thread, and what is printed are ratios of medians. Time is the
thread's own, so that other work on the machine disturbs it less. What uses memory runs in a process of its own.
"""

from __future__ import annotations

import gc
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

import chainrule

Step = Callable[[], None]
FAST: dict[str, Any] = {"local_gradients": False}
SHAPES: dict[str, Any] = {"keep": "shapes", "local_gradients": False}


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


def encoder(layers: int = 1, batch: int = 8) -> Step:
    """Make a step of encoder layers with d = 128 on sequences of 64."""
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.TransformerEncoderLayer(128, 4, 512, batch_first=True) for _ in range(layers)))
    x = torch.randn(batch, 64, 128)

    def step() -> None:
        model.zero_grad()
        model(x).pow(2).mean().backward()

    return step


class Watched(TorchFunctionMode):
    """Do the least that any recorder must: pass each call on, walk along the new nodes, hang an empty hook on each."""

    def __init__(self) -> None:
        """Know no node yet."""
        super().__init__()
        self.known: set[Any] = set()
        self.handles: list[Any] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Pass a call on."""
        result = func(*args, **(kwargs or {}))
        pending = [result.grad_fn] if isinstance(result, torch.Tensor) and result.grad_fn else []
        while pending:
            node = pending.pop()
            if node not in self.known:
                self.known.add(node)
                leaf = type(node).__name__ == "AccumulateGrad"
                self.handles.append((node.register_prehook if leaf else node.register_hook)(lambda *_: None))
                pending += [child for child, _ in node.next_functions if child is not None]
        return result

    def __exit__(self, *error: Any) -> None:
        """Take the hooks down."""
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        for handle in self.handles:
            handle.remove()


def inside(block: Callable[[], Any], step: Step) -> Step:
    """Put a step into a block."""

    def run() -> None:
        with block():
            step()

    return run


def recorded(step: Step, **how: Any) -> Step:
    """Record a step."""
    return inside(partial(chainrule.record, **how), step)


def medians(steps: dict[str, Step], rounds: int) -> dict[str, float]:
    """Time some steps in turn, and give the median of each in microseconds."""
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.thread_time()
            step()
            taken[name].append((time.thread_time() - start) * 1e6)
    return {name: statistics.median(times) for name, times in taken.items()}


def memory() -> float:
    """Give the memory that this process holds now, in MB."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123  # no file of ours
        return int(statm.read().split()[1]) * resource.getpagesize() / 1e6


def peak() -> float:
    """Give the most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def six_layers(how: str) -> None:
    """Print by how much the peak rises over one step of six encoder layers at batch 32."""
    step = encoder(6, 32)
    before = memory()
    with chainrule.record() if how == "recorded" else nullcontext():
        step()
    print(peak() - before)


def chain(length: str) -> None:
    """Print seconds and MB for a recording of a chain: while it runs, its trace, saved, and at its peak."""
    w = torch.tensor(1.0, requires_grad=True)
    before, times = memory(), [time.thread_time()]
    with chainrule.record() as rec:
        h = w
        for _ in range(int(length)):
            h = h * 1.0
        h.backward()
    times.append(time.thread_time())
    assert rec.trace.values
    times.append(time.thread_time())
    assert repr(rec)
    times.append(time.thread_time())
    rec.trace.to_dict()
    times.append(time.thread_time())
    print(*(f"{b - a:.3f}" for a, b in pairwise(times)), f"{peak() - before:.0f}")


ALONE = {"six_layers": six_layers, "chain": chain}


def alone(name: str, argument: str) -> str:
    """Run one of the functions above in a process of its own, and give what it prints."""
    command = [sys.executable, "-m", "bench.recording", name, argument]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Print one table."""
    cases: tuple[tuple[str, Step, int, dict[str, dict[str, Any]]], ...] = (
        ("scalar graph", scalar(), 1500, {"defaults": {}, "no local gradients": FAST}),
        ("MLP 784-256-10, batch 64", mlp(), 200, {"defaults": {}, "shapes only": SHAPES}),
        ("encoder layer, batch 8", encoder(), 40, {"defaults": {}, "shapes only": SHAPES}),
    )
    for name, step, rounds, hows in cases:
        steps = {how: recorded(step, **arguments) for how, arguments in hows.items()}
        found = medians({"plain": step, **steps, "mode, walk and hooks alone": inside(Watched, step)}, rounds)
        print(f"{name}: plain {found['plain']:.0f} us")
        for how, took in list(found.items())[1:]:
            print(f"  {how:30} {took / found['plain']:6.2f} x")
    watched, never = scalar(), scalar()
    for _ in range(500):
        recorded(watched)()
    held = [memory()]
    for _ in range(5_000):
        recorded(watched)()
    held.append(memory())
    found = medians({"recorded before": watched, "never recorded": never}, 3000)
    ratio = found["recorded before"] / found["never recorded"]
    print(f"plain step after 5,000 recordings  {ratio:.3f} x one that was never recorded")
    print(f"memory over 5,000 recordings       {held[1] - held[0]:+.1f} MB of {held[0]:.0f}")
    plain, watched_too = (float(alone("six_layers", how)) for how in ("plain", "recorded"))
    print(f"six encoder layers, batch 32: peak {plain:+.0f} MB plain, {watched_too:+.0f} MB recorded")
    print("chain of ops: seconds to record, to make the trace, to print, to turn into JSON's dictionaries; MB at most")
    for length in ("1000", "10000", "100000"):
        print(f"  {length:>7}  {alone('chain', length)}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        ALONE[sys.argv[1]](sys.argv[2])
    else:
        main()

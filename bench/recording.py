"""Measure recording itself: memory, how it grows with the graph, what stays behind, and where the time goes.

Each part runs in a process of its own. Time is the processor's, on one thread.
"""

from __future__ import annotations

import json
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import torch

import chainrule
from bench.alone import alone, forget_peak, memory, peak
from bench.contestants import OURS, PEERS
from bench.works import WORKS

LENGTHS = (1_000, 10_000, 100_000)
SOURCE = Path(chainrule.__file__).parent


def chain(h: torch.Tensor, ops: int) -> torch.Tensor:
    """Make each number from the one before."""
    for _ in range(ops):
        h = h * 1.0
    return h


def residual(h: torch.Tensor, ops: int) -> torch.Tensor:
    """Add to each number something made from it."""
    for _ in range(ops // 2):
        h = h + h * 1e-6
    return h


def branching(h: torch.Tensor, ops: int) -> torch.Tensor:
    """Let three ways run side by side, and cross."""
    ways = [h * 1.0 for _ in range(3)]
    for turn in range((ops - 6) // 2):
        ways[turn % 3] = (ways[turn % 3] + ways[turn % 2]) * 0.5
    return ways[0] + ways[1] + ways[2]


GRAPHS: dict[str, Callable[[torch.Tensor, int], torch.Tensor]] = {
    graph.__name__: graph for graph in (chain, residual, branching)
}


def growth(graph: str, ops: str) -> dict[str, float]:
    """Return the seconds that a long graph takes: plain, recorded, as a trace, printed, for JSON; and MB at most."""
    w = torch.tensor(1.0, requires_grad=True)
    took: dict[str, float] = {}
    start = time.process_time()

    def lap(name: str) -> None:
        nonlocal start
        took[name] = time.process_time() - start
        start = time.process_time()

    GRAPHS[graph](w, int(ops)).backward()
    lap("plain")
    before = memory()
    forget_peak()
    start = time.process_time()
    with chainrule.record() as rec:
        GRAPHS[graph](w, int(ops)).backward()
    lap("record")
    assert rec.trace.values
    lap("trace")
    assert repr(rec)
    lap("print")
    rec.trace.to_dict()
    lap("dictionaries")
    return {**took, "MB": peak() - before}


def peak_of_step(name: str, work: str = "six") -> float:
    """Return by how many MB the peak of memory rises over one step of some work, after a step of a small one."""
    contestant = (OURS | PEERS)[name]
    contestant(WORKS["scalar"]())
    one = WORKS[work]()
    before = memory()
    forget_peak()
    contestant(one)
    return peak() - before


def left_behind(times: str = "5000") -> dict[str, float]:
    """Record a small step many times; give MB that stay, and a plain step's ratio to one that was never recorded."""
    watched, never = WORKS["scalar"](), WORKS["scalar"]()
    for _ in range(500):
        OURS["chainrule"](watched)
    before = memory()
    for _ in range(int(times)):
        OURS["chainrule"](watched)
    grown = memory() - before
    took: dict[int, list[float]] = {0: [], 1: []}
    for _ in range(3_000):
        for which, work in enumerate((watched, never)):
            start = time.thread_time()  # Linux counts a process's time in ticks where there is a limit to it
            work.step()
            took[which].append(time.thread_time() - start)
    return {"recordings": float(times), "MB": grown, "ratio": statistics.median(took[0]) / statistics.median(took[1])}


def profile(name: str, work: str, seconds: str = "8") -> dict[str, float]:
    """Look every millisecond where a recorded step is: for each of our functions the share of samples inside of it.

    What is in none of them is the step's own work. A function counts with what it calls of others' code.
    """
    one, contestant, seen = WORKS[work](), OURS[name], Counter[str]()
    ends = time.process_time() + float(seconds)

    def look(_: int, frame: FrameType | None) -> None:
        while frame is not None:
            file = Path(frame.f_code.co_filename)
            if file.is_relative_to(SOURCE):
                seen[f"{file.stem}.{frame.f_code.co_qualname}"] += 1
                return
            frame = frame.f_back
        seen["the step itself"] += 1

    contestant(one)
    signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    while time.process_time() < ends:
        contestant(one)
    signal.setitimer(signal.ITIMER_PROF, 0)
    return {function: count / seen.total() for function, count in seen.most_common(12)}


PARTS: dict[str, Callable[..., Any]] = {part.__name__: part for part in (growth, peak_of_step, left_behind, profile)}


def measure(peers: list[str]) -> dict[str, Any]:
    """Measure all of it, saying what is being done."""
    found: dict[str, Any] = {}
    for name in ["plain", "chainrule", "shapes", *(peer for peer in peers if peer != "micrograd")]:
        found.setdefault("peak", {})[name] = alone("recording", "peak_of_step", name)
        print(f"peak of memory over a step of six encoder layers, {name}: {found['peak'][name]:+.0f} MB", flush=True)
    found["left behind"] = alone("recording", "left_behind")
    print(f"after 5,000 recordings: {found['left behind']}", flush=True)
    for graph in GRAPHS:
        for ops in LENGTHS:
            grown = alone("recording", "growth", graph, str(ops))
            found.setdefault("growth", {}).setdefault(graph, {})[str(ops)] = grown
            print(f"{graph} of {ops:,} ops: recorded in {grown['record']:.1f} s, {grown['MB']:.0f} MB", flush=True)
    for name, work in (("no local gradients", "scalar"), ("chainrule", "mlp"), ("chainrule", "encoder")):
        found.setdefault("profile", {})[work] = {"how": name, "shares": alone("recording", "profile", name, work)}
        print(f"looked where the time of {work} goes", flush=True)
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(PARTS[sys.argv[1]](*sys.argv[2:])))

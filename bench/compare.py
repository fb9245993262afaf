"""Measure what watching a step costs, as a ratio to a plain step: chainrule and its peers, in turns.

Each has a process of its own, the plain step too: some leave PyTorch changed, and all leave garbage, and caches filled
with what is theirs. In each round every one has its turn, and only one works at a time. Time is the processor's, not
the clock's, so that other work on the machine disturbs it less; on one thread.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Any

import torch

from bench.alone import environment
from bench.contestants import OURS, PEERS
from bench.works import WORKS, Work

ROUNDS = 15
BUDGET = 0.05
"""Seconds that a contestant has in each round; it has one step at least."""


def turn(name: str, work: Work, budget: float) -> dict[str, float]:
    """Let a contestant have its turn: the median microseconds of a step and of showing it, and the bytes shown."""
    contestant = (OURS | PEERS)[name]
    taken: list[float] = []
    end = time.process_time() + budget
    while not taken or time.process_time() < end:
        start = time.process_time()
        show = contestant(work)
        taken.append((time.process_time() - start) * 1e6)
    start = time.process_time()
    size = len(show().encode())
    shown = (time.process_time() - start) * 1e6
    return {"record": statistics.median(taken), "show": shown, "bytes": size}


def serve() -> None:
    """Answer each line of JSON, a contestant and its work, with a line: what its turn gave, or what stopped it."""
    torch.set_num_threads(1)
    works: dict[str, Work] = {}
    out, sys.stdout = sys.stdout, sys.stderr  # what contestants print is no answer
    for line in sys.stdin:
        name, which, budget = json.loads(line)
        try:
            works.setdefault(which, WORKS[which]())
            answer: dict[str, Any] = turn(name, works[which], budget)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), file=out, flush=True)


class Contestant:
    """Hold the process of one of them, started here."""

    def __init__(self, name: str) -> None:
        self.name = name
        command = [sys.executable, "-W", "ignore", "-m", "bench.compare"]
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        self.process = subprocess.Popen(command, env=environment(), text=True, stdin=pipe, stdout=pipe, stderr=nothing)

    def turn(self, work: str, budget: float) -> dict[str, Any]:
        """Let it have its turn at some work."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([self.name, work, budget]) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


def quartiles(numbers: list[float]) -> list[float]:
    """Return the first quartile, the median and the third."""
    if len(numbers) == 1:
        return numbers * 3
    return statistics.quantiles(numbers, n=4, method="inclusive")


def compare(works: Iterable[str], peers: Iterable[str], rounds: int = ROUNDS, budget: float = BUDGET) -> dict[str, Any]:
    """Measure works: for each contestant the ratio to a plain step, and what showing it takes, with quartiles."""
    processes = [Contestant(name) for name in (*OURS, *peers)]
    found: dict[str, Any] = {}
    for work in works:
        print(f"{work}: {rounds} rounds", flush=True)
        for process in processes:
            process.turn(work, 0)  # what is done once, such as wrapping PyTorch, is not counted
        turns = [{process.name: process.turn(work, budget) for process in processes} for _ in range(rounds)]
        found[work] = {"plain": {"microseconds": statistics.median(one["plain"]["record"] for one in turns)}}
        for name in list(turns[0])[1:]:
            if "error" in turns[0][name]:
                found[work][name] = turns[0][name]
                continue
            first, middle, last = quartiles([one[name]["record"] / one["plain"]["record"] for one in turns])
            found[work][name] = {
                "record": [first, middle, last],
                "show": quartiles([one[name]["show"] / 1000 for one in turns]),
                "bytes": turns[0][name]["bytes"],
            }
            print(f"  {name:20} {middle:8.2f} x  ({first:.2f} to {last:.2f})", flush=True)
    for process in processes:
        process.process.communicate()
    return found


if __name__ == "__main__":
    serve()

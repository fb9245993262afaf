"""Measure what watching a step costs, as a ratio to a plain step: chainrule and its peers, in turns.

A plain step, the floor and chainrule take turns in one process, step by step. Each peer has a process of its own, since
some leave PyTorch changed; processes take turns too, and only one works at a time. Time is the processor's, not the
clock's, so that other work on the machine disturbs it less; on one thread.
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
BUDGET = 0.08
"""Seconds that a contestant has in each round; it has one step at least."""

Times = dict[str, list[float]]


def turn(names: Iterable[str], work: Work, budget: float = BUDGET) -> dict[str, Any]:
    """Let contestants take turns, step by step: for each the median microseconds of a step, and what it shows."""
    contestants = {name: (OURS | PEERS)[name] for name in names}
    taken: Times = {name: [] for name in contestants}
    found: dict[str, Any] = {}
    end = time.process_time() + budget * len(contestants)
    while not found or time.process_time() < end:
        for name, contestant in contestants.items():
            start = time.process_time()
            show = contestant(work)
            taken[name].append((time.process_time() - start) * 1e6)
            if name not in found:
                start = time.process_time()
                size = len(show().encode())
                found[name] = {"show": (time.process_time() - start) * 1e6, "bytes": size}
    return {name: {**found[name], "record": statistics.median(times)} for name, times in taken.items()}


def serve() -> None:
    """Take turns when asked to: a line of JSON in, contestants and work; a line out, what they took or what stopped."""
    torch.set_num_threads(1)
    works: dict[str, Work] = {}
    out, sys.stdout = sys.stdout, sys.stderr  # what contestants print is no answer
    for line in sys.stdin:
        names, which, budget = json.loads(line)
        try:
            works.setdefault(which, WORKS[which]())
            answer = turn(names, works[which], budget)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), file=out, flush=True)


class Contestants:
    """Hold a process that takes turns when asked to."""

    def __init__(self, names: list[str]) -> None:
        """Start it."""
        self.names = names
        command = [sys.executable, "-W", "ignore", "-m", "bench.compare"]
        self.process = subprocess.Popen(
            command,
            env=environment(),
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def turn(self, work: str, budget: float) -> dict[str, Any]:
        """Let them take turns at some work."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([self.names, work, budget]) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def stop(self) -> None:
        """Let it end."""
        self.process.communicate()


def quartiles(numbers: list[float]) -> list[float]:
    """Give the first quartile, the median and the third."""
    if len(numbers) == 1:
        return numbers * 3
    return statistics.quantiles(numbers, n=4, method="inclusive")


def compare(works: Iterable[str], peers: Iterable[str], rounds: int = ROUNDS, budget: float = BUDGET) -> dict[str, Any]:
    """Measure works: for each contestant the ratio to a plain step, its quartiles, and what showing it takes."""
    processes = [Contestants(list(OURS)), *(Contestants([peer]) for peer in peers)]
    found: dict[str, Any] = {}
    for work in works:
        print(f"{work}: {rounds} rounds", flush=True)
        for process in processes:
            process.turn(work, 0)  # what is done once, such as wrapping PyTorch, is not counted
        turns: list[dict[str, Any]] = []
        for _ in range(rounds):
            answers = [(process, process.turn(work, budget)) for process in processes]
            turns.append({})
            for process, answer in answers:
                turns[-1] |= dict.fromkeys(process.names, answer) if "error" in answer else answer
        found[work] = {"plain": {"microseconds": statistics.median(one["plain"]["record"] for one in turns)}}
        for name in list(turns[0])[1:]:
            if "error" in turns[0][name]:
                found[work][name] = turns[0][name]
                continue
            found[work][name] = {
                "record": quartiles([one[name]["record"] / one["plain"]["record"] for one in turns]),
                "show": quartiles([one[name]["show"] / 1000 for one in turns]),
                "bytes": turns[0][name]["bytes"],
            }
            first, middle, last = found[work][name]["record"]
            print(f"  {name:20} {middle:8.2f} x  ({first:.2f} to {last:.2f})", flush=True)
    for process in processes:
        process.stop()
    return found


if __name__ == "__main__":
    serve()

"""Write what `make bench` measured, for `{{ ... }}` in a page: tables, and each number by the way to it in the file.

All of it comes from bench/performance.json, so that no number on a page is typed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

RESULTS = Path(__file__).parents[3] / "bench" / "performance.json"
WORKS = {"scalar": "scalar graph", "mlp": "MLP", "encoder": "encoder layer"}
HOWS = {
    "plain": "nothing recorded",
    "chainrule": "**chainrule**",
    "no local gradients": "chainrule, no local gradients",
    "shapes": "chainrule, shapes only",
    "floor": "the floor",
}
GOALS = {
    "scalar graph, defaults": ("scalar", "chainrule", 3.5),
    "scalar graph, no local gradients": ("scalar", "no local gradients", 2.5),
    "MLP, defaults": ("mlp", "chainrule", 1.5),
    "MLP, shapes only": ("mlp", "shapes", 1.25),
    "encoder layer, defaults": ("encoder", "chainrule", 1.5),
    "encoder layer, shapes only": ("encoder", "shapes", 1.25),
}
Rows: TypeAlias = Iterable[Iterable[str]]


def number(x: float) -> str:
    """Write a number with the two or three digits that mean something."""
    return f"{x:,.0f}" if abs(x) >= 20 else f"{x:.1f}" if abs(x) >= 3 else f"{x:.2f}"


def goals(found: Any) -> Rows:
    """Set each goal beside what was reached, and the floor where there is one."""

    def row(name: str, goal: float, reached: float, slack: float = 0.0, floor: str = "") -> list[str]:
        shown = number(reached)
        return [name, f"{goal:g}", f"**{shown}**" if reached <= goal + slack else shown, floor]

    yield ["ratio", "goal", "reached", "floor"]
    for name, (work, how, goal) in GOALS.items():
        compared = found["compare"][work]
        yield row(name, goal, compared[how]["record"][1], floor=number(compared["floor"]["record"][1]))
    peaks, left = found["recording"]["peak"], found["recording"]["left behind"]
    yield row("memory of six encoder layers, at its peak", 1.2, peaks["chainrule"] / peaks["plain"])
    yield row(f"a plain step after {left['recordings']:,.0f} recordings", 1, left["ratio"], 0.02)
    for graph, lengths in found["recording"]["growth"].items():
        for what, quantity in (("time", "record"), ("memory", "MB")):
            ratio = lengths["100000"][quantity] / 10 / lengths["10000"][quantity]
            yield row(f"{graph}: {what} an op, 100,000 ops to 10,000", 1, ratio, 0.25)


def compare(found: Any, what: str) -> Rows:
    """Set out for each tool what recording costs, in plain steps, or what showing it takes."""

    def cell(one: dict[str, Any]) -> str:
        if what == "cost":
            first, median, last = map(number, one["record"])
            return f"{median} ({first} to {last})"
        return f"{number(one['show'][1])} ms, {number(one['bytes'] / 1000)} kB"

    yield ["recorder", *WORKS.values()]
    for tool in found["compare"]["scalar"]:
        if tool != "plain" and (what, tool) != ("show", "floor"):
            cells = [found["compare"][work][tool] for work in WORKS]
            yield [HOWS.get(tool, tool), *("cannot" if "error" in one else cell(one) for one in cells)]


def peak(found: Any) -> Rows:
    """Set out the memory of six encoder layers at its peak."""
    yield ["recorder", "MB", "ratio"]
    for tool, megabytes in found["recording"]["peak"].items():
        yield [HOWS.get(tool, tool), number(megabytes), number(megabytes / found["recording"]["peak"]["plain"])]


def growth(found: Any) -> Rows:
    """Set out how long a recording of a long graph takes, and its memory."""
    yield ["graph", "ops", "record, an op", "print", "MB"]
    for graph, lengths in found["recording"]["growth"].items():
        for ops, one in lengths.items():
            each, shown = one["record"] / int(ops) * 1e6, one["trace"] + one["print"]
            yield [graph, f"{int(ops):,}", f"{each:.0f} µs", f"{number(shown)} s", f"{one['MB']:.0f}"]


def profile(found: Any, work: str) -> Rows:
    """Set out where the time of a recorded step goes."""
    yield ["share", "inside of"]
    for name, share in list(found["recording"]["profile"][work]["shares"].items())[:8]:
        yield [f"{share:.0%}", name if " " in name else f"`{name}`"]


def table(rows: Rows) -> str:
    """Return rows as a table in Markdown, the first as its head."""
    heading, *others = map(list, rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in [heading, ["---"] * len(heading), *others])


def substitutions() -> dict[str, Any]:
    """Return what a page may name."""
    text = RESULTS.read_text("utf-8")
    found = json.loads(text)
    return {
        "measured": json.loads(text, parse_float=lambda x: number(float(x))),
        **{what: table(compare(found, what)) for what in ("cost", "show")},
        **{made.__name__: table(made(found)) for made in (goals, peak, growth)},
        "profile": {work: table(profile(found, work)) for work in found["recording"]["profile"]},
    }

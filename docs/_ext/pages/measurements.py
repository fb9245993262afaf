"""Write what `make bench` measured: `{measured}` as a directive is a table, and as a role a single number.

All of it comes from bench/performance.json, so that no number on a page is typed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

RESULTS = Path(__file__).parents[3] / "bench" / "performance.json"
Rows: TypeAlias = Iterable[Iterable[str]]

WORKS = {"scalar": "scalar graph", "mlp": "MLP", "encoder": "encoder layer"}
HOWS = {
    "chainrule": "**chainrule**",
    "no local gradients": "chainrule, no local gradients",
    "shapes": "chainrule, shapes only",
    "floor": "the floor",
}
GOALS = (
    ("scalar graph, defaults", 3.5, "scalar", "chainrule"),
    ("scalar graph, no local gradients", 2.5, "scalar", "no local gradients"),
    ("MLP, defaults", 1.5, "mlp", "chainrule"),
    ("MLP, shapes only", 1.25, "mlp", "shapes"),
    ("encoder layer, defaults", 1.5, "encoder", "chainrule"),
    ("encoder layer, shapes only", 1.25, "encoder", "shapes"),
)


def results() -> dict[str, Any]:
    """Read what was measured last."""
    found: dict[str, Any] = json.loads(RESULTS.read_text("utf-8"))
    return found


def number(x: float) -> str:
    """Write a number with the two or three digits that mean something."""
    return f"{x:,.0f}" if abs(x) >= 20 else f"{x:.1f}" if abs(x) >= 3 else f"{x:.2f}"


def spread(quartiles: list[float]) -> str:
    """Write a median, with its quartiles."""
    first, median, last = quartiles
    return f"{number(median)} ({number(first)} to {number(last)})"


def table(heading: Iterable[str], rows: Rows) -> str:
    """Write a table in Markdown."""
    heading = list(heading)
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def goals(found: dict[str, Any]) -> str:
    """Write each goal beside what was reached, and the floor where there is one."""
    compared, recorded = found["compare"], found["recording"]
    rows = []
    for name, goal, work, how in GOALS:
        reached, floor = compared[work][how]["record"][1], compared[work]["floor"]["record"][1]
        rows.append([name, number(goal), _judged(reached, goal), number(floor)])
    peak = recorded["peak"]["chainrule"] / recorded["peak"]["plain"]
    rows.append(["memory of six encoder layers, at its peak", "1.2", _judged(peak, 1.2), ""])
    left = recorded["left behind"]
    rows.append(
        [f"a plain step after {left['recordings']:,.0f} recordings", "1", _judged(left["ratio"], 1.0, 0.02), ""]
    )
    for graph, lengths in recorded["growth"].items():
        for what, quantity in (("time", "record"), ("memory", "MB")):
            each = {ops: grown[quantity] / int(ops) for ops, grown in lengths.items()}
            ratio = each["100000"] / each["10000"]
            rows.append([f"{graph}: {what} an op, 100,000 ops to 10,000", "1", _judged(ratio, 1.0, 0.25), ""])
    return table(["ratio", "goal", "reached", "floor"], rows)


def _judged(reached: float, goal: float, slack: float = 0.0) -> str:
    return f"**{number(reached)}**" if reached <= goal + slack else number(reached)


def cost(found: dict[str, Any]) -> str:
    """Write how many plain steps a recorded one costs, for each tool."""
    return _by_work(found, lambda one: spread(one["record"]))


def show(found: dict[str, Any]) -> str:
    """Write how long showing takes, and how much it is."""
    return _by_work(found, lambda one: f"{number(one['show'][1])} ms, {number(one['bytes'] / 1000)} kB", skip="floor")


def _by_work(found: dict[str, Any], cell: Callable[[dict[str, Any]], str], skip: str = "") -> str:
    compared = found["compare"]
    tools = [tool for tool in compared["scalar"] if tool not in ("plain", skip)]
    rows = []
    for tool in tools:
        cells = [compared[work].get(tool, {"error": ""}) for work in WORKS]
        rows.append([HOWS.get(tool, tool), *("cannot" if "error" in one else cell(one) for one in cells)])
    return table(["recorder", *WORKS.values()], rows)


def peak(found: dict[str, Any]) -> str:
    """Write the memory of six encoder layers at its peak."""
    peaks = found["recording"]["peak"]
    named = {**HOWS, "plain": "nothing recorded"}
    rows = [[named.get(tool, tool), number(mb), number(mb / peaks["plain"])] for tool, mb in peaks.items()]
    return table(["recorder", "MB", "ratio"], rows)


def growth(found: dict[str, Any]) -> str:
    """Write how long a recording of a long graph takes, and its memory."""
    rows = []
    for graph, lengths in found["recording"]["growth"].items():
        for ops, grown in lengths.items():
            each = grown["record"] / int(ops) * 1e6
            shown = grown["trace"] + grown["print"]
            rows.append([graph, f"{int(ops):,}", f"{each:.0f} µs", number(shown) + " s", f"{grown['MB']:.0f}"])
    return table(["graph", "ops", "record, an op", "print", "MB"], rows)


def profile(found: dict[str, Any], work: str) -> str:
    """Write where the time of a recorded step goes."""
    shares = found["recording"]["profile"][work]["shares"]
    rows = [[f"{share:.0%}", name if " " in name else f"`{name}`"] for name, share in list(shares.items())[:8]]
    return table(["share", "inside of"], rows)


def features(found: dict[str, Any]) -> str:
    """Write which tool can do what."""
    from bench.features import FEATURES

    cells, tools = found["features"]["cells"], found["features"]["tools"]
    words = {True: "**yes**", False: "no", None: "–"}
    rows = [[FEATURES[feature], *(words[row[tool]["can"]] for tool in tools)] for feature, row in cells.items()]
    rows.append(["lines of Python", *(f"{one['lines']:,}" for one in tools.values())])
    rows.append(["packages that it needs besides PyTorch", *(str(len(one["needs"])) for one in tools.values())])
    return table(["what", *tools], rows)


def setting(found: dict[str, Any]) -> str:
    """Write when and on what it was measured."""
    machine, versions = found["machine"], found["versions"]
    load = " to ".join(number(one) for one in found["load"])
    return (
        f"Measured on {found['date']} with `{found['command']}` on {machine['system']}, {machine['cores']} cores of "
        f"{machine['processor']}, load {load}. One thread. "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + "."
    )


TABLES: dict[str, Callable[..., str]] = {
    "setting": setting,
    "goals": goals,
    "cost": cost,
    "show": show,
    "peak": peak,
    "growth": growth,
    "profile": profile,
    "features": features,
}


class MeasuredTable(SphinxDirective):
    """Put a table here; what follows its name narrows it down."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write it as Markdown, which the page's own parser reads."""
        self.env.note_dependency(str(RESULTS))
        name, *more = self.arguments
        made: list[nodes.Node] = self.parse_text_to_nodes(TABLES[name](results(), *more))
        for one in made:
            if isinstance(one, nodes.table):
                one["classes"] += ["chainrule-measured", f"chainrule-{name}"]
        return made


class MeasuredNumber(SphinxRole):
    """Put a number here: the way to it in the file, its parts between slashes."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Look it up."""
        self.env.note_dependency(str(RESULTS))
        found: Any = results()
        for part in self.text.split("/"):
            found = found[int(part)] if isinstance(found, list) else found[part]
        return [nodes.Text(number(found) if isinstance(found, (int, float)) else str(found))], []


def setup(app: Sphinx) -> dict[str, bool]:
    """Add both."""
    app.add_directive("measured", MeasuredTable)
    app.add_role("measured", MeasuredNumber())
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Where each node of a graph stands: a layered layout, computed once and shared by every picture.

A box is a value; it stands one layer behind the inputs of the op that made it. Long edges are led through the layers
between by points of their own, and the order within each layer is chosen so that few edges cross.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, TypeAlias

from chainrule.calculus.notation import SHOWN, numbers, shape
from chainrule.trace import Snapshot, Trace
from chainrule.views.folding import Edge, Folded, View

Direction: TypeAlias = Literal["right", "down"]

Point: TypeAlias = tuple[float, float]

CHARACTER, LINE, PADDING = 7.25, 17.0, 10.0
"""Sizes in pixels: of one letter at 12 px, one line of text, and the space around it."""
GAP_ALONG, GAP_ACROSS = 76.0, 30.0
"""Space between layers, at least, and between the boxes of one layer."""
LANE = 4.0
"""How far the way forward and the way back stand from the middle of an edge."""
PORT = 26.0
"""How far apart edges meet a box, at most."""
CHANGED = 7
"""Letters of a number that has been changed on the page: there is room for so many from the beginning."""
LABEL = 16
"""Letters of a local gradient beside an edge; what is longer is named by its shape."""
WIDEST = 34
"""Letters on one line of a box; longer text is cut in the picture and stands in full in the table."""


@dataclass(frozen=True)
class Box:
    """Place one value: its lines of text, its middle and its size."""

    value: int
    name: str
    expression: str
    number: str
    gradient: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Arrow:
    """Place one edge: from an input to what an op made of it, with the local gradient that belongs to it."""

    source: int
    target: int
    local: str
    forward: tuple[Point, ...]
    """A curve of cubic Bezier segments, from the input to the result: a start, then three points a segment."""
    backward: tuple[Point, ...]
    """The same way back, beside it; empty where no gradient flows."""
    label: Point
    """The middle of the local gradient's text."""


@dataclass(frozen=True)
class Layout:
    """Hold a whole picture's geometry, in pixels, with the origin at the top left."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    width: float
    height: float


def layout(trace: Trace, backward: int | None, direction: Direction = "right", view: View | None = None) -> Layout:
    """Place the values of one view; without one, of all that led to what a backward pass started from, folded."""
    view = view or Folded(trace, backward).view()
    layer = _layers(view.values, view.edges)
    made = {value: step for step in view.steps for value in step.outputs}
    boxes = {}
    for value in view.values:
        group = made[value].group if value in made else None
        boxes[value] = _box(trace, value, backward, f"{group.name}, {len(group.ops)} ops" if group else "")
    chains = {edge: _chain(edge, layer) for edge in view.edges}
    points = [spot for chain in chains.values() for spot in chain[1:-1]]
    return _place(_order(view.values, layer, points, list(chains.values())), boxes, chains, direction)


Spot: TypeAlias = tuple[int, int, int]
"""A value in its layer (value, -1, layer), or an edge's point in a layer that it passes (source, target, layer)."""


def _local(edge: Edge) -> str:
    return local_text(edge.term.local) if edge.term and edge.term.local else ""


def local_text(local: Snapshot) -> str:
    """Write a local gradient for the side of an edge: its numbers if there is room for them, else its shape."""
    text = numbers(local)
    return text if len(text) <= LABEL else shape(local.shape)


def _layers(values: Sequence[int], edges: Sequence[Edge]) -> dict[int, int]:
    """Put each value behind its inputs, and what nothing made right before its first use."""
    layer = dict.fromkeys(values, 0)
    into: dict[int, list[int]] = {}
    out: dict[int, list[int]] = {}
    for edge in edges:
        into.setdefault(edge.target, []).append(edge.source)
        out.setdefault(edge.source, []).append(edge.target)
    for value in sorted(into):
        layer[value] = 1 + max(layer[source] for source in into[value])
    for value in values:
        if value not in into and value in out:
            layer[value] = min(layer[target] for target in out[value]) - 1
    return layer


def _box(trace: Trace, value: int, backward: int | None, group: str) -> Box:
    held = trace.values[value]
    expression = group or ("" if held.op is None or held.leaf else trace.ops[held.op].expression)
    gradient = None if backward is None else trace.gradient(value, backward)
    lines = [
        _cut(held.name),
        "" if expression == held.name else _cut(expression),
        _cut(numbers(held.tensor)),
        "" if gradient is None else _cut(numbers(gradient)),
    ]
    many = 1 < held.tensor.size <= SHOWN
    room = min(WIDEST, held.tensor.size * CHANGED + 2) if many else CHANGED
    longest = max(
        len(f"{lines[0]} = {lines[1]}" if lines[1] else lines[0]), 6 + room, *(len(line) + 7 for line in lines[2:])
    )
    height = LINE * (3 if lines[3] else 2) + 2 * PADDING
    return Box(value, lines[0], lines[1], lines[2], lines[3], 0, 0, longest * CHARACTER + 2 * PADDING, height)


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _chain(edge: Edge, layer: dict[int, int]) -> list[Spot]:
    """Lead an edge from its source through each layer between to its target."""
    between = [(edge.source, edge.target, k) for k in range(layer[edge.source] + 1, layer[edge.target])]
    return [(edge.source, -1, layer[edge.source]), *between, (edge.target, -1, layer[edge.target])]


def _order(
    values: Sequence[int], layer: dict[int, int], points: list[Spot], chains: list[list[Spot]]
) -> list[list[Spot]]:
    """Order the spots of each layer so that few edges cross: each moves to the mean of its neighbours, in sweeps."""
    spots: list[Spot] = [(value, -1, layer[value]) for value in values]
    rows: list[list[Spot]] = [[] for _ in range(max((s[2] for s in spots), default=-1) + 1)]
    for spot in dict.fromkeys([*spots, *points]):
        rows[spot[2]].append(spot)
    before: dict[Spot, list[Spot]] = {}
    behind: dict[Spot, list[Spot]] = {}
    for chain in chains:
        for source, target in pairwise(chain):
            before.setdefault(target, []).append(source)
            behind.setdefault(source, []).append(target)
    best, fewest = [list(row) for row in rows], _crossings(rows, behind)
    for sweep in range(8):
        forward = sweep % 2 == 0
        neighbours = before if forward else behind
        place: dict[Spot, int] = {}
        for row in rows if forward else rows[::-1]:
            place |= {spot: i for i, spot in enumerate(row)}
            means = {
                spot: sum(place[n] for n in neighbours[spot]) / len(neighbours[spot])
                if neighbours.get(spot)
                else float(place[spot])
                for spot in row
            }
            row.sort(key=lambda spot: means[spot])
            place |= {spot: i for i, spot in enumerate(row)}
        crossed = _crossings(rows, behind)
        if crossed < fewest:
            best, fewest = [list(row) for row in rows], crossed
    return best


def _crossings(rows: list[list[Spot]], behind: dict[Spot, list[Spot]]) -> int:
    """Count the pairs of edges that cross: by how many ends that came before an end stands below it."""
    total = 0
    for row, after in pairwise(rows):
        place = {spot: i for i, spot in enumerate(after)}
        seen: list[int] = []
        for spot in row:
            ends = [place[t] for t in behind.get(spot, []) if t in place]
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def _place(
    rows: list[list[Spot]], boxes: dict[int, Box], chains: dict[Edge, list[Spot]], direction: Direction
) -> Layout:
    """Turn layers and orders into pixels; each row is centred, so that short rows stand beside the middle."""
    right = direction == "right"

    def along(spot: Spot) -> float:
        box = boxes[spot[0]]
        return 0.0 if spot[1] >= 0 else box.width if right else box.height

    def across(spot: Spot) -> float:
        box = boxes[spot[0]]
        return 12.0 if spot[1] >= 0 else box.height if right else box.width

    # room between one layer and the next: in a row, for the longest label of the edges that arrive there
    gaps = [GAP_ALONG] * len(rows)
    for edge, chain in chains.items():
        if right and (local := _local(edge)):
            before = chain[-1][2] - 1
            gaps[before] = max(gaps[before], (len(local) + 6) * CHARACTER)
    sizes = [sum(map(across, row)) + GAP_ACROSS * (len(row) - 1) for row in rows]
    breadth = max(sizes, default=0.0)
    centre: dict[Spot, tuple[float, float]] = {}
    at = PADDING
    for row, size, gap in zip(rows, sizes, gaps, strict=True):
        thick = max(map(along, row), default=0.0)
        beside = PADDING + (breadth - size) / 2
        for spot in row:
            middle = (at + thick / 2, beside + across(spot) / 2)
            centre[spot] = middle if right else middle[::-1]
            beside += across(spot) + GAP_ACROSS
        at += thick + gap
    length = at - gaps[-1] + PADDING if rows else 2 * PADDING
    at_value = {spot[0]: point for spot, point in centre.items() if spot[1] < 0}
    placed = {}
    for value, box in boxes.items():
        x, y = at_value[value]
        placed[value] = replace(box, x=x, y=y)
    ports = _ports(chains, centre, placed, right)
    arrows = [
        _arrow(edge, placed, [centre[spot] for spot in chain[1:-1]], ports, right) for edge, chain in chains.items()
    ]
    width, height = (length, breadth + 2 * PADDING) if right else (breadth + 2 * PADDING, length)
    return Layout(tuple(placed.values()), tuple(arrows), width, height)


def _ports(
    chains: dict[Edge, list[Spot]], centre: dict[Spot, Point], boxes: dict[int, Box], right: bool
) -> dict[tuple[Edge, bool], float]:
    """Spread the edges that share a side of a box over it, in the order of where they go: (edge, leaves) -> shift."""
    beside = 1 if right else 0
    sides: dict[tuple[int, bool], list[tuple[float, int, Edge]]] = {}
    for edge, chain in chains.items():
        sides.setdefault((edge.source, True), []).append((centre[chain[1]][beside], edge.position, edge))
        sides.setdefault((edge.target, False), []).append((centre[chain[-2]][beside], edge.position, edge))
    found = {}
    for (value, leaves), side in sides.items():
        room = boxes[value].height if right else boxes[value].width
        step = min(PORT if right else 1.8 * PORT, 0.7 * room / len(side))
        for place, (_, _, edge) in enumerate(sorted(side, key=lambda s: s[:2])):
            found[edge, leaves] = (place - (len(side) - 1) / 2) * step
    return found


def _arrow(
    edge: Edge,
    boxes: dict[int, Box],
    between: list[Point],
    ports: dict[tuple[Edge, bool], float],
    right: bool,
) -> Arrow:
    """Lead one edge past the points between, and put its label beside the last piece."""
    source, target, leave, arrive = (
        boxes[edge.source],
        boxes[edge.target],
        ports[edge, True],
        ports[edge, False],
    )
    if right:
        start = (source.x + source.width / 2, source.y + leave)
        end = (target.x - target.width / 2, target.y + arrive)
    else:
        start = (source.x + leave, source.y + source.height / 2)
        end = (target.x + arrive, target.y - target.height / 2)
    points = [start, *between, end]

    def lane(shift: float) -> list[Point]:
        return [(x, y + shift) if right else (x + shift, y) for x, y in points]

    (x0, y0), (x1, y1) = lane(LANE)[-2:]
    along, across = (x1 - x0, 2 * (y1 - y0)) if right else (2 * (x1 - x0), y1 - y0)
    length = math.hypot(along, across) or 1.0
    normal = (-across / length, along / length) if right else (across / length, -along / length)
    away = 10 + abs(normal[0]) * CHARACTER * (len(_local(edge)) + 2) / 2
    return Arrow(
        source=edge.source,
        target=edge.target,
        local=_local(edge),
        forward=tuple(_curve(lane(-LANE if edge.carries_gradient else 0), right)),
        backward=tuple(_curve(lane(LANE)[::-1], right)) if edge.carries_gradient else (),
        label=((x0 + x1) / 2 + normal[0] * away, (y0 + y1) / 2 + normal[1] * away),
    )


def _curve(points: list[Point], right: bool) -> Iterator[Point]:
    """Join points by curves that leave and arrive along the direction of the graph."""
    yield points[0]
    for (x0, y0), (x1, y1) in pairwise(points):
        if right:
            yield from (((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1), (x1, y1))
        else:
            yield from ((x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2), (x1, y1))

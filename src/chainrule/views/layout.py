"""Where each node of a graph stands: a layered layout, computed once and shared by every picture.

A box is a value; it stands one layer behind the inputs of the op that made it. Long edges are led through the layers
between by points of their own, and the order within each layer is chosen so that few edges cross.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest
from statistics import fmean
from typing import Literal, TypeAlias

import numpy as np

from chainrule.calculus.notation import SHOWN, numbers, shape
from chainrule.trace import Snapshot, Trace, Value
from chainrule.views.folding import Folded, FoldedEdge, FoldedStep, FoldedView, outcome
from chainrule.views.limits import CHANGED, LABEL, LETTERS

Direction: TypeAlias = Literal["right", "down"]

Point: TypeAlias = tuple[float, float]

# Sizes in pixels.
CHARACTER, LINE, PADDING = 7.25, 17.0, 10.0  # one letter at 12 px, one line of text, the space around it
GAP_RIGHT, GAP_DOWN, GAP_ACROSS = 76.0, 48.0, 30.0  # space between layers, at least, and the boxes of one layer
POINT, GAP_POINT = 12.0, 12.0  # room across for an edge that passes a layer, and beside it
LANE = 4.0  # how far the way forward and the way back stand from the middle of an edge
CAPTION = 15.0  # the small letters under a tensor's cells
CELL, DIGITS, NARROW = (12.0, 12.0), (52.0, 18.0), (42.0, 18.0)  # a cell; with its number on it; so for four columns
FLAT = 346.0  # a box of one line is no wider than a phone
PORT = 26.0  # how far apart edges meet a box, at most


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
    weights: tuple[tuple[int, str], ...] = ()
    """The weights that stand in it, a line each."""
    cells: bool = False
    """Whether there is room for its numbers as cells, in place of its lines of text."""

    @property
    def raised(self) -> bool:
        """Whether it stands for a call that raised."""
        return self.number.startswith("raised")

    @property
    def words(self) -> list[tuple[str, str, float, float]]:
        """Its texts, each with its kind (`n` name, `e` expression, `v` value, `g` gradient) and where it begins."""
        x, y = self.x - self.width / 2 + PADDING, self.y - self.height / 2 + PADDING + 0.75 * LINE
        words = [("n", self.name, x, y)]
        if self.expression:
            words.append(("e", f"= {self.expression}", x + CHARACTER * (len(self.name) + 1), y))
        if self.height < 2 * (LINE + PADDING):  # one line
            right = x + self.width - 2 * PADDING - CHARACTER * (CHANGED + 2)
            words.append(("v", self.number, right - CHARACTER * (CHANGED + 2) if self.gradient else right, y))
            return words + [("g", f"▽ {self.gradient}", right, y)] * bool(self.gradient)
        words.append(("n", self.number, x, y + LINE) if self.raised else ("v", f"value {self.number}", x, y + LINE))
        if self.gradient:
            words.append(("g", f"grad  {self.gradient}", x, y + 2 * LINE))
        base = self.y + self.height / 2 - LINE * len(self.weights) + 9
        return words + [("v", text, x, base + LINE * i) for i, (_, text) in enumerate(self.weights)]


@dataclass(frozen=True)
class Arrow:
    """Place one edge: from an input to what an op made of it, with the local gradient that belongs to it."""

    source: int
    target: int
    local: str
    forward: tuple[Point, ...]
    """A curve of cubic Bezier segments, from the input to the result: a start, then three points a segment.

    It is empty where the input stands in the result's own box.
    """
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


def layout(
    trace: Trace,
    backward: int | None,
    direction: Direction = "right",
    view: FoldedView | None = None,
    room: float = math.inf,
    cells: float = 0,
    flat: bool = False,
) -> Layout:
    """Place the values of one view; without one, of all that led to what a backward pass started from, folded.

    What runs down takes no more `room` from side to side than its boxes and the edges beside them need. Tensors of up
    to so many entries have room for them as `cells`. What is `flat` has a single number's box in one line.
    """
    if view is None:
        folded = Folded(trace, backward)
        trace, view = folded.trace, folded.view()
    values = [value for value in view.values if value not in view.beside]
    edges = [edge for edge in view.edges if edge.source not in view.beside]
    layer = _layers(values, edges)
    made = {value: step for step in view.steps for value in step.outputs}
    inside: defaultdict[int, list[int]] = defaultdict(list)
    for weight, value in view.beside.items():
        inside[value].append(weight)
    boxes = {value: _measure(trace, value, backward, made.get(value), inside[value], cells, flat) for value in values}
    layer = _spread(layer, boxes, set(made), room - 2 * PADDING)
    chains = {edge: _chain(edge, layer) for edge in edges}
    rows = _order([(value, -1, layer[value]) for value in values], list(chains.values()))
    return _Placing(boxes, chains, direction == "right").layout(rows, view.edges)


Spot: TypeAlias = tuple[int, int, int]
"""A value in its layer (value, -1, layer), or the point where its edges pass another layer (value, 0, layer)."""


def local_text(local: Snapshot) -> str:
    """Write a local gradient for the side of an edge: its numbers, if there is room for them."""
    text = numbers(local)
    return text if len(text) <= LABEL else ""


def _layers(values: Sequence[int], edges: Sequence[FoldedEdge]) -> dict[int, int]:
    """Put each value behind its inputs, and what nothing made right before its first use."""
    layer = dict.fromkeys(values, 0)
    for edge in sorted(edges, key=lambda edge: edge.target):
        layer[edge.target] = max(layer[edge.target], layer[edge.source] + 1)
    made = {edge.target for edge in edges}
    for edge in sorted(edges, key=lambda edge: layer[edge.target], reverse=True):
        if edge.source not in made:
            layer[edge.source] = layer[edge.target] - 1
    return layer


def _spread(layer: dict[int, int], boxes: Mapping[int, Box], made: set[int], room: float) -> dict[int, int]:
    """Spread each layer that is too broad over several, what was made last, since others wait for it."""
    found, rows, before, breadth = dict[int, int](), -1, -1, 0.0
    for value in sorted(layer, key=lambda value: (layer[value], value in made)):
        width = boxes[value].width
        if layer[value] != before or breadth + GAP_ACROSS + width > room:
            rows, before, breadth = rows + 1, layer[value], -GAP_ACROSS
        breadth += GAP_ACROSS + width
        found[value] = rows
    return found


def _measure(
    trace: Trace,
    value: int,
    backward: int | None,
    step: FoldedStep | None,
    inside: Sequence[int],
    most: float,
    flat: bool,
) -> Box:
    """Write the lines of a box, and make it as large as they need, at no place yet."""
    held = trace.values[value]
    made = "" if held.op is None or held.leaf else trace.ops[held.op].expression
    gradient = None if backward is None else trace.gradient(value, backward)
    module = step.module if step else ""
    name, number = _cut(module or held.name), _cut(outcome(trace, value))
    expression = "" if module else _cut(step.group.title if step and step.group else made if made != held.name else "")
    below = "" if gradient is None else _cut(numbers(gradient))
    room = min(LETTERS, held.tensor.size * CHANGED + 2) if 1 < held.tensor.size <= SHOWN else CHANGED
    title = f"{name} = {expression}" if expression or module else name
    weights = tuple((weight, _weight(trace.values[weight], module)) for weight in inside)
    longest = max(len(title), 6 + room, 7 + len(number), 7 + len(below), *(len(text) + 9 for _, text in weights))
    width, lines = longest * CHARACTER, LINE * (2 if below else 1)
    data = held.tensor.data
    cells = data is not None and 1 < data.size <= most and not np.iscomplexobj(data)
    if cells:
        across, down = grid(held.shape)
        width = max(len(title) * CHARACTER, across * 2 + PADDING if below else across)
        lines = max(lines, down + CAPTION)
    height = LINE * (1 + len(weights)) + lines + 2 * PADDING
    if flat and held.tensor.size == 1 and not weights and max(len(number), len(below)) <= CHANGED:
        across = (len(title) + 4 + CHANGED + (2 + CHANGED) * bool(below)) * CHARACTER
        if across + 2 * PADDING <= FLAT:
            width, height = across, LINE + 2 * PADDING
    return Box(value, name, expression, number, below, 0, 0, width + 2 * PADDING, height, weights, cells)


def grid(sizes: Sequence[int]) -> tuple[float, float]:
    """Return how wide and how high a tensor's cells are: all of its rows one below the other, or the first of many.

    A single row of five to nine numbers goes on in the next line, so that there is room for their digits.
    """
    *outer, columns = sizes
    rows = math.prod(outer)
    if rows == 1 and 4 < columns <= SHOWN:
        rows, columns = math.ceil(columns / 3), 3
    few = columns <= 4 and rows <= 9 and rows * columns <= 12
    wide, high = (NARROW if columns == 4 else DIGITS) if few else CELL
    return max(min(columns, 16) * wide, 17 * CHARACTER), min(rows, 9) * high


def _weight(held: Value, module: str) -> str:
    """Name a weight and its shape; beside its module, without the module's path."""
    name = held.name.rpartition(".")[2] if module else held.name
    return f"{_cut(name)[: LETTERS // 2]} {shape(held.shape)}"


def _cut(text: str) -> str:
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"


def _chain(edge: FoldedEdge, layer: dict[int, int]) -> list[Spot]:
    """Lead an edge from its source through each layer between to its target, together with the source's others."""
    between = [(edge.source, 0, k) for k in range(layer[edge.source] + 1, layer[edge.target])]
    return [(edge.source, -1, layer[edge.source]), *between, (edge.target, -1, layer[edge.target])]


def _order(values: Sequence[Spot], chains: Sequence[list[Spot]]) -> list[list[Spot]]:
    """Order the spots of each layer so that few edges cross: each moves to the mean of its neighbours, in sweeps."""
    rows: list[list[Spot]] = [[] for _ in range(max((spot[2] for spot in values), default=-1) + 1)]
    for spot in dict.fromkeys([*values, *(spot for chain in chains for spot in chain)]):
        rows[spot[2]].append(spot)
    before, behind = defaultdict[Spot, list[Spot]](list), defaultdict[Spot, list[Spot]](list)
    for source, target in (pair for chain in chains for pair in pairwise(chain)):
        before[target].append(source)
        behind[source].append(target)
    best, fewest = [list(row) for row in rows], _crossings(rows, behind)
    for sweep in range(8):
        _sweep(rows[:: -1 if sweep % 2 else 1], behind if sweep % 2 else before)
        crossed = _crossings(rows, behind)
        if crossed < fewest:
            best, fewest = [list(row) for row in rows], crossed
    return best


def _sweep(rows: Sequence[list[Spot]], neighbours: Mapping[Spot, list[Spot]]) -> None:
    """Sort each row by where its spots' neighbours stand in the row before, on average."""
    place: dict[Spot, int] = {}
    for row in rows:
        place |= {spot: i for i, spot in enumerate(row)}
        means = {spot: fmean(place[n] for n in neighbours.get(spot) or [spot]) for spot in row}
        row.sort(key=means.__getitem__)
        place |= {spot: i for i, spot in enumerate(row)}


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


def _apart(a: Spot, b: Spot) -> float:
    return GAP_POINT if max(a[1], b[1]) >= 0 else GAP_ACROSS


class _Placing:
    """Turn layers and orders into pixels: points are (along, across) the graph's direction until the very end."""

    def __init__(self, boxes: dict[int, Box], chains: dict[FoldedEdge, list[Spot]], right: bool) -> None:
        self.boxes, self.chains, self.right = boxes, chains, right
        self.size = {v: self._turned((b.width, b.height)) for v, b in boxes.items()}
        self.local = {e: local_text(e.term.local) if e.term and e.term.local else "" for e in chains}
        self.at: dict[Spot, Point] = {}

    def layout(self, rows: list[list[Spot]], edges: Sequence[FoldedEdge]) -> Layout:
        """Place the rows one behind the other, then the boxes, then what leads from one to the other."""
        whole = self._place(rows)
        middles = {spot[0]: self._turned(point) for spot, point in self.at.items() if spot[1] < 0}
        boxes = [replace(box, x=middles[value][0], y=middles[value][1]) for value, box in self.boxes.items()]
        ports = self._ports()
        arrows = [
            self._arrow(edge, ports[edge, True], ports[edge, False])
            if edge in self.chains
            else Arrow(edge.source, edge.target, "", (), (), (0, 0))
            for edge in edges
        ]
        return Layout(tuple(boxes), tuple(arrows), *self._turned(whole))

    def _turned(self, point: Point) -> Point:
        return point if self.right else point[::-1]

    def _across(self, spot: Spot) -> float:
        return POINT if spot[1] >= 0 else self.size[spot[0]][1]

    def _place(self, rows: list[list[Spot]]) -> Point:
        """Place each spot, short rows beside the middle, and return how long and how broad all is."""
        sizes = [sum(map(self._across, row)) + sum(map(_apart, row, row[1:])) for row in rows]
        breadth, end, gap = max(sizes, default=0.0), PADDING, 0.0
        for layer, (row, size) in enumerate(zip(rows, sizes, strict=True)):
            start = end + gap
            thick = max((self.size[spot[0]][0] for spot in row if spot[1] < 0), default=0.0)
            beside = PADDING + (breadth - size) / 2
            for spot, after in zip_longest(row, row[1:]):
                self.at[spot] = (start + thick / 2, beside + self._across(spot) / 2)
                beside += self._across(spot) + (_apart(spot, after) if after else 0)
            end, gap = start + thick, self._gap(layer)
        return end + PADDING, breadth + 2 * PADDING

    def _gap(self, layer: int) -> float:
        """Leave room behind a layer: side by side, for the longest label of the edges that arrive in the next."""
        arriving = [self.local[edge] for edge, chain in self.chains.items() if chain[-1][2] == layer + 1]
        labels = [(len(text) + 5) * CHARACTER for text in arriving if text and self.right]
        return max([GAP_RIGHT if self.right else GAP_DOWN, *labels])

    def _ports(self) -> dict[tuple[FoldedEdge, bool], float]:
        """Spread the edges that share a side of a box over it, as they come from the side: (edge, leaves) -> shift."""
        sides: defaultdict[tuple[int, bool], list[tuple[float, int, FoldedEdge]]] = defaultdict(list)
        for edge, chain in self.chains.items():
            sides[edge.source, True].append((self.at[chain[1]][1], edge.position, edge))
            sides[edge.target, False].append((self.at[chain[-2]][1], edge.position, edge))
        found = {}
        for (value, leaves), side in sides.items():
            side.sort(key=lambda s: s[:2])
            ports = list(dict.fromkeys(self._port(edge, leaves) for _, _, edge in side))
            step = min(PORT if self.right else 1.8 * PORT, 0.7 * self.size[value][1] / len(ports))
            for _, _, edge in side:
                found[edge, leaves] = (ports.index(self._port(edge, leaves)) - (len(ports) - 1) / 2) * step
        return found

    def _port(self, edge: FoldedEdge, leaves: bool) -> Spot | FoldedEdge:
        """Let the edges that leave for the same point leave as one."""
        after = self.chains[edge][1]
        return after if leaves and after[1] >= 0 else edge

    def _arrow(self, edge: FoldedEdge, leave: float, arrive: float) -> Arrow:
        """Lead one edge from box to box past the points between, forward and back beside each other."""
        first, *between, last = self.chains[edge]
        (along, across), (along_end, across_end) = self.at[first], self.at[last]
        start = (along + self.size[edge.source][0] / 2, across + leave)
        end = (along_end - self.size[edge.target][0] / 2, across_end + arrive)
        middle = [start, *(self.at[spot] for spot in between), end]
        lane = LANE if edge.carries_gradient and not between else 0.0  # what goes far is one cord
        forward = self._curve([(u, v - lane) for u, v in middle], lane)
        backward = self._curve([(u, v + lane) for u, v in middle[::-1]], lane) if edge.carries_gradient else ()
        label = self._label(middle[-2], middle[-1], len(self.local[edge]))
        return Arrow(edge.source, edge.target, self.local[edge], forward, backward, label)

    def _label(self, a: Point, b: Point, letters: int) -> Point:
        """Choose the middle of a label beside the way back, as far from it as its letters are long."""
        along, across = b[0] - a[0], 2 * (b[1] - a[1])
        length = math.hypot(along, across) or 1.0
        normal = (-across / length, along / length)
        away = 10 + abs(self._turned(normal)[0]) * CHARACTER * (letters + 2) / 2
        return self._turned(((a[0] + b[0]) / 2 + normal[0] * away, (a[1] + b[1]) / 2 + LANE + normal[1] * away))

    def _curve(self, points: list[Point], lane: float) -> tuple[Point, ...]:
        """Join points by curves that leave and arrive along the direction of the graph, and stay in their lane."""
        curve = [points[0]]
        for (u0, v0), (u1, v1) in pairwise(points):
            turn = (u0 + u1) / 2 + (1.5 * math.copysign(lane, v1 - v0) if abs(v1 - v0) > PORT else 0)
            curve += [(turn, v0), (turn, v1), (u1, v1)]
        return tuple(map(self._turned, curve))

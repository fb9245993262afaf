"""A large recording in parts: by module where modules made the calls, else by where the code stands.

`fold` sorts the ops of a recording into groups, nested as the modules are. `View` is one level of that: its steps, each
one op or one group, and the edges between them. A recording that can be drawn whole is one view without groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from typing import TypeAlias

from chainrule.trace import Op, Term, Trace

NODES = 60
"""So many values are drawn whole; what has more is folded."""
LIMIT = 24
"""So many steps are drawn at most where there are groups among them."""
FEW = 12
"""Groups are opened from the beginning while there are no more steps than this."""
BESIDE = 8
"""So many values from elsewhere are drawn at most for groups to take."""

Part: TypeAlias = "int | Group"
"""The number of an op, or a group."""


@dataclass(frozen=True)
class Group:
    """Hold ops that belong together: a module's, those of one turn of a loop, or a stretch of many."""

    name: str
    parts: tuple[Part, ...]

    @cached_property
    def ops(self) -> tuple[int, ...]:
        """List the ops, of groups inside too, in the order in which they ran."""
        return tuple(op for part in self.parts for op in ((part,) if isinstance(part, int) else part.ops))


def fold(trace: Trace, backward: int | None = None, limit: int = LIMIT) -> Group:
    """Sort the ops that led to what a backward pass started from into groups of at most `limit` parts.

    Ops of the same module that ran one after another are a group, and so on inside it. Where there are no modules,
    a group is one turn of a loop, as far as line numbers show it, or what one line of code did. What is still too
    long is cut into stretches. With `backward=None`, all ops.

    >>> from chainrule.trace import Op
    >>> modules = ("net.0", "net.0", "net.1", "net.1", "net.2", "net.2", None)
    >>> ops = [Op("add", (), (), "a + b", module=m) for m in modules]
    >>> parts = fold(Trace(ops=tuple(ops)), limit=4).parts
    >>> [part if isinstance(part, int) else (part.name, part.ops) for part in parts]
    [('net.0', (0, 1)), ('net.1', (2, 3)), ('net.2', (4, 5)), 6]
    """
    parts = _sort(trace.ops, trace.ops_of(backward), 0, limit)
    # three boxes tell little: the largest is opened even where it has many parts
    while groups := [
        part
        for part in parts
        if isinstance(part, Group)
        and len(parts) - 1 + len(part.parts) <= (limit + 3 if len(parts) < 4 else min(FEW, limit))
    ]:
        largest = max(groups, key=lambda group: len(group.ops))
        at = parts.index(largest)
        parts[at : at + 1] = largest.parts
    return Group("", tuple(parts))


def _sort(ops: Sequence[Op], numbers: Sequence[int], depth: int, limit: int) -> list[Part]:
    """Sort ops into parts, by the modules at this depth of their paths, or by their code."""
    if len(numbers) <= limit // 2:
        return list(numbers)
    deepest = max((len(_path(ops[number])) for number in numbers), default=0)
    for level in range(depth, deepest):
        at = [_path(ops[number])[level : level + 1] for number in numbers]
        runs = [[n for _, n in run] for _, run in groupby(zip(at, numbers, strict=True), lambda pair: pair[0])]
        if 1 < len(runs) < len(numbers):
            return _cut([_part(ops, run, level + 1, limit) for run in runs], limit)
    turns = _turns(ops, numbers)
    if 1 < len(turns) < len(numbers):
        # a turn of a loop is sorted by its lines; one line is not looked into again
        named = [(turn, _lines(ops, turn)) for turn in turns]
        return _cut([turn[0] if len(turn) == 1 else Group(n, tuple(_cut(turn, limit))) for turn, n in named], limit)
    return _cut(numbers, limit)


def _path(op: Op) -> tuple[str, ...]:
    return tuple(op.module.split(".")) if op.module else ()


def _part(ops: Sequence[Op], run: list[int], depth: int, limit: int) -> Part:
    """Make a group of one module's ops; a single op stays as it is."""
    if len(run) == 1:
        return run[0]
    paths = [_path(ops[number]) for number in run]
    shared = min(map(len, paths))
    while len({path[:shared] for path in paths}) > 1:
        shared -= 1
    name = ".".join(paths[0][:shared]) or _lines(ops, run)
    return Group(name, tuple(_sort(ops, run, max(depth, shared), limit)))


def _turns(ops: Sequence[Op], numbers: Sequence[int]) -> list[list[int]]:
    """Begin anew where the code goes back to an earlier line, or into another file; else, at each line."""
    places = [(ops[number].file or "", ops[number].line or 0) for number in numbers]
    back = [a[0] != b[0] or a[1] > b[1] for a, b in pairwise(places)]
    new = back if any(back) else [a != b for a, b in pairwise(places)]
    begins = [0, *(i + 1 for i, begin in enumerate(new) if begin), len(numbers)]
    return [list(numbers[a:b]) for a, b in pairwise(begins)]


def _lines(ops: Sequence[Op], numbers: Sequence[int]) -> str:
    """Name the code that made ops: `train.py:12-15`."""
    places = [(ops[n].file or "", ops[n].line or 0) for n in numbers]
    file, lines = places[0][0], [line for file, line in places if file == places[0][0]]
    low, high = min(lines), max(lines)
    return f"{file or 'ops'}:{low}" + (f"-{high}" if high > low else "") if low else f"{len(numbers)} ops"


def _cut(parts: Sequence[Part], limit: int) -> list[Part]:
    """Cut a long row of parts into stretches of the same length, and those again until each is short enough."""
    if len(parts) <= limit:
        return list(parts)
    size = limit
    while size * limit < len(parts):
        size *= limit
    size = math.ceil(len(parts) / math.ceil(len(parts) / size))  # all of about the same length
    return [_stretch(parts[i : i + size], limit) for i in range(0, len(parts), size)]


def _stretch(parts: Sequence[Part], limit: int) -> Part:
    if len(parts) == 1:
        return parts[0]
    names = [part.name if isinstance(part, Group) else "" for part in parts]
    common = max(set(names), key=names.count)
    name = f"{common} × {len(parts)}" if names.count(common) > len(parts) / 2 and common else "part"
    if name == "part" and names[0] and names[-1]:
        name = f"{names[0]} … {names[-1]}"
    return Group(name, tuple(_cut(parts, limit)))


@dataclass(frozen=True)
class Step:
    """Hold one step of a view: an op, or a group, which stands for all of its ops."""

    ops: tuple[int, ...]
    group: Group | None
    inputs: tuple[int, ...]
    """What it takes, as values that are drawn; of an op, in its order."""
    outputs: tuple[int, ...]
    """What it gives; of a group, the value that stands for all that others take from it."""


@dataclass(frozen=True)
class Edge:
    """Hold one edge of a view: from a value that is drawn to what a step made of it."""

    step: int
    position: int
    source: int
    target: int
    term: Term | None
    """What flowed back along it, where it is one op's."""
    carries_gradient: bool


@dataclass(frozen=True)
class View:
    """Hold one level of a folded recording, or all of one that is not folded."""

    steps: tuple[Step, ...]
    edges: tuple[Edge, ...]
    values: tuple[int, ...]
    """The values that are drawn, in the order in which they come up."""
    back: tuple[int, ...]
    """The steps that passed gradients on, in the order in which autograd made them."""


class Folded:
    """Hold a recording and its groups, and give views of it."""

    def __init__(self, trace: Trace, backward: int | None, limit: int = LIMIT) -> None:
        """Fold if there is more than can be drawn whole, or with a smaller limit, than that."""
        self.trace, self.backward = trace, backward
        numbers = trace.ops_of(backward)
        self._roots = () if backward is None else trace.backward(backward).roots
        drawn = {v for n in numbers for v in (*trace.ops[n].inputs, *trace.ops[n].outputs)}
        self.root = (
            fold(trace, backward, limit) if len(drawn) > (NODES if limit == LIMIT else limit) else Group("", numbers)
        )
        self._terms: dict[int, list[Term]] = {}
        self._turn: dict[int, int] = {}
        for term in () if backward is None else trace.terms(backward):
            self._terms.setdefault(term.op, []).append(term)
            self._turn.setdefault(term.op, len(self._turn))
        self._users: dict[int, list[int]] = {}
        for number in numbers:
            for value in dict.fromkeys(trace.ops[number].inputs):
                self._users.setdefault(value, []).append(number)

    @property
    def whole(self) -> View:
        """View every op, as if nothing were folded."""
        return self.view(Group("", self.trace.ops_of(self.backward)))

    def view(self, group: Group | None = None) -> View:
        """View the inside of a group; without one, the whole at its coarsest."""
        parts = (group or self.root).parts
        ops = self.trace.ops
        owner = {n: i for i, part in enumerate(parts) for n in ((part,) if isinstance(part, int) else part.ops)}
        outputs = [self._outputs(part, i, owner) for i, part in enumerate(parts)]
        # what a value is drawn as: itself, or what stands for the group that made it
        shown: dict[int, int] = {}
        for i, part in enumerate(parts):
            for n in (part,) if isinstance(part, int) else part.ops:
                for position, value in enumerate(ops[n].outputs):
                    shown[value] = outputs[i][position] if isinstance(part, int) else outputs[i][0]
        for part in parts:
            for value in ops[part].inputs if isinstance(part, int) else ():
                shown.setdefault(value, value)
        shown |= {value: value for value in self._beside(parts, owner, shown)}
        steps, edges = [], []
        for i, part in enumerate(parts):
            if isinstance(part, int):
                inputs = tuple(shown[value] for value in ops[part].inputs)
                step = Step((part,), None, inputs, ops[part].outputs)
                edges += self._edges_of_op(i, part, step)
            else:
                taken = dict.fromkeys(v for n in part.ops for v in ops[n].inputs if v in shown)
                inputs = tuple(dict.fromkeys(shown[v] for v in taken if shown[v] != outputs[i][0]))
                step = Step(part.ops, part, inputs, outputs[i])
                flowed = {shown.get(term.value) for n in part.ops for term in self._terms.get(n, ())}
                edges += [Edge(i, k, v, outputs[i][0], None, v in flowed) for k, v in enumerate(inputs)]
            steps.append(step)
        drawn = dict.fromkeys(v for step in steps for v in (*step.inputs, *step.outputs))
        if group is None or group is self.root or not self.root.parts:
            drawn |= dict.fromkeys(shown.get(root, root) for root in self._roots)
        last = [max((self._turn[n] for n in step.ops if n in self._turn), default=-1) for step in steps]
        turns = {i: turn for i, turn in enumerate(last) if turn >= 0}
        return View(tuple(steps), tuple(edges), tuple(drawn), tuple(sorted(turns, key=lambda i: turns[i])))

    def _outputs(self, part: Part, step: int, owner: dict[int, int]) -> tuple[int, ...]:
        """List an op's results; of a group, choose the last that others take, or what was differentiated."""
        if isinstance(part, int):
            return self.trace.ops[part].outputs
        made = [value for number in part.ops for value in self.trace.ops[number].outputs]
        taken = [v for v in made if any(owner.get(user) != step for user in self._users.get(v, ()))]
        roots = [value for value in made if value in self._roots]
        return ((roots or taken or made)[-1],)

    def _beside(self, parts: Sequence[Part], owner: dict[int, int], shown: dict[int, int]) -> list[int]:
        """Choose what groups take from elsewhere: what was computed, what several take, and the data."""
        trace = self.trace
        found: dict[int, set[int]] = {}
        for i, part in enumerate(parts):
            for n in () if isinstance(part, int) else part.ops:
                for value in trace.ops[n].inputs:
                    if value not in shown:
                        found.setdefault(value, set()).add(i)

        def rank(value: int) -> int:
            held = trace.values[value]
            return 0 if held.op is not None and not held.leaf else 1 if len(found[value]) > 1 else 2

        data = [v for v in found if rank(v) == 2 and not trace.values[v].requires_grad]
        wanted = [v for v in found if rank(v) < 2] + (data if len(data) <= FEW // 4 else [])
        return sorted(wanted, key=rank)[:BESIDE]

    def _edges_of_op(self, i: int, number: int, step: Step) -> list[Edge]:
        """List an op's edges, one for each time it takes an input, with what flowed back along it."""
        flowed: dict[tuple[int, int], list[Term]] = {}
        for flow in self._terms.get(number, ()):
            for output in flow.outputs:
                flowed.setdefault((flow.value, output), []).append(flow)
        found = []
        for position, value in enumerate(self.trace.ops[number].inputs):
            for output in step.outputs:
                along = flowed.get((value, output), [])
                term = along.pop(0) if along else None
                found.append(Edge(i, position, step.inputs[position], output, term, bool(term)))
        return found

"""A large recording in parts: by module where modules made the calls, else by where the code stands.

`fold` sorts the ops of a recording into groups, nested as the modules are. A `FoldedView` is one level of that: its
steps, each one op or one group, and the edges between them. What can be drawn whole is one view without groups.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby, pairwise, takewhile
from pathlib import PurePosixPath
from typing import TypeAlias

from chainrule.calculus.notation import SHOWN, numbers, shape
from chainrule.trace import Op, Snapshot, Term, Trace, Value
from chainrule.views.limits import BESIDE, DRAWN, FEW, STEPS

Part: TypeAlias = "int | Group"
"""The number of an op, or a group."""
NOTHING = Snapshot((), "nothing")
"""What an op gave that raised."""


@dataclass(frozen=True)
class Group:
    """Hold ops that belong together: a module's, those of one turn of a loop, or a stretch of many."""

    name: str
    parts: tuple[Part, ...]

    @property
    def title(self) -> str:
        """Say what it stands for: `net.0, 4 ops`; an op alone stands for itself."""
        return self.name if len(self.ops) == 1 else f"{self.name}, {len(self.ops)} ops"

    @cached_property
    def ops(self) -> tuple[int, ...]:
        """List the ops, of groups inside too, in the order in which they ran."""
        return tuple(op for part in self.parts for op in ((part,) if isinstance(part, int) else part.ops))


def fold(trace: Trace, backward: int | None = None, limit: int = STEPS) -> Group:
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
    while True:
        # three boxes tell little: the largest is opened even where it has many parts
        room = 1 - len(parts) + (limit + 3 if len(parts) < 4 else min(FEW, limit))
        groups = [part for part in parts if isinstance(part, Group) and len(part.parts) <= room]
        if not groups:
            return Group("", tuple(parts))
        largest = max(groups, key=lambda group: len(group.ops))
        at = parts.index(largest)
        parts[at : at + 1] = largest.parts


def _sort(ops: Sequence[Op], numbers: Sequence[int], depth: int, limit: int) -> list[Part]:
    """Sort ops into parts, by the modules at this depth of their paths, or by their code."""
    if len(numbers) <= limit // 2:
        return list(numbers)
    split = {module: (module or "").split(".") for module in {ops[number].module for number in numbers}}
    paths = {number: split[ops[number].module] for number in numbers}
    for level in range(depth, max(map(len, paths.values()))):
        at = {number: path[level : level + 1] for number, path in paths.items()}
        runs = [list(run) for _, run in groupby(numbers, at.__getitem__)]
        if 1 < len(runs) < len(numbers):
            groups, opened = list[Part](), list[Part]()
            for run in runs:
                names = zip(*(paths[number] for number in run), strict=False)
                shared = [first for first, *others in takewhile(lambda level: len({*level}) == 1, names)]
                inside = _sort(ops, run, max(level + 1, len(shared)), limit)
                groups.append(_group(".".join(shared) or _code(ops, run), inside))
                opened += groups[-1:] if at[run[0]] else inside  # what a module does itself is no part of it
            return opened if len(opened) <= limit // 2 else _stretches(groups, limit)
    turns = _turns(ops, numbers)
    if 1 < len(turns) < len(numbers):
        # a turn of a loop is sorted by its lines; one line is not looked into again
        return _stretches([_group(_code(ops, turn), _stretches(turn, limit)) for turn in turns], limit)
    return _stretches(numbers, limit)


def _group(name: str, parts: Sequence[Part]) -> Part:
    """Make a group of parts; a single one stays as it is."""
    return parts[0] if len(parts) == 1 else Group(name, tuple(parts))


def _place(op: Op) -> tuple[str, int]:
    return op.file or "", op.line or 0


def _turns(ops: Sequence[Op], numbers: Sequence[int]) -> list[list[int]]:
    """Begin anew where the code goes back to an earlier line, or into another file; else, at each line."""
    steps = [(_place(ops[a]), _place(ops[b])) for a, b in pairwise(numbers)]
    back = [a[0] != b[0] or a[1] > b[1] for a, b in steps]
    new = back if any(back) else [a != b for a, b in steps]
    begins = [0, *(i + 1 for i, begin in enumerate(new) if begin), len(numbers)]
    return [list(numbers[a:b]) for a, b in pairwise(begins)]


def _code(ops: Sequence[Op], numbers: Sequence[int]) -> str:
    """Name the code that made ops: `train.py:12-15`."""
    file = _place(ops[numbers[0]])[0]
    lines = [line for name, line in (_place(ops[n]) for n in numbers) if name == file]
    low, high = min(lines), max(lines)
    return (
        f"{PurePosixPath(file).name or 'ops'}:{low}" + (f"-{high}" if high > low else "")
        if low
        else f"{len(numbers)} ops"
    )


def _stretches(parts: Sequence[Part], limit: int) -> list[Part]:
    """Cut a long row of parts into stretches of the same length, and those again until each is short enough."""
    if len(parts) <= limit:
        return list(parts)
    size = limit
    while size * limit < len(parts):
        size *= limit
    size = math.ceil(len(parts) / math.ceil(len(parts) / size))  # all of about the same length
    cut = [parts[i : i + size] for i in range(0, len(parts), size)]
    return [_group(_common_name(stretch), _stretches(stretch, limit)) for stretch in cut]


def _common_name(parts: Sequence[Part]) -> str:
    names = [part.name if isinstance(part, Group) else "" for part in parts]
    ((common, times),) = Counter(names).most_common(1)
    if common and times > len(parts) / 2:
        return f"{common} × {len(parts)}"
    return f"{names[0]} … {names[-1]}" if names[0] and names[-1] else "part"


def _with_failed(trace: Trace) -> Trace:
    """Make the call that ended a block an op like the others, the last, with a value for what it did not give."""
    if trace.failed is None:
        return trace
    op = replace(trace.failed.op, outputs=(len(trace.values),))
    value = Value(op.expression, NOTHING, leaf=False, op=len(trace.ops))
    return replace(trace, ops=(*trace.ops, op), values=(*trace.values, value))


def outcome(trace: Trace, value: int) -> str:
    """Write a value's numbers; of a call that raised, the shapes that it was given."""
    if trace.failed is None or trace.values[value].tensor is not NOTHING:
        return numbers(trace.values[value].tensor)
    return f"raised: {', '.join(shape(trace.values[given].shape) for given in trace.failed.op.inputs)}"


def values_of(trace: Trace, ops: Sequence[int]) -> set[int]:
    """Return the values that ops take and make."""
    return {value for number in ops for value in (*trace.ops[number].inputs, *trace.ops[number].outputs)}


@dataclass(frozen=True)
class FoldedStep:
    """Hold one step of a view: an op, or a group, which stands for all of its ops."""

    ops: tuple[int, ...]
    group: Group | None
    inputs: tuple[int, ...]
    """What it takes, as values that are drawn; of an op, in its order."""
    outputs: tuple[int, ...]
    """What it gives; of a group, the value that stands for all that others take from it."""
    module: str = ""
    """What its box is called where it is a module: `blocks.0 · Block`, by its path inside of what is shown."""


@dataclass(frozen=True)
class FoldedEdge:
    """Hold one edge of a view: from a value that is drawn to what a step made of it."""

    step: int
    position: int
    source: int
    target: int
    term: Term | None
    """What flowed back along it, where it is one op's."""
    carries_gradient: bool


@dataclass(frozen=True)
class FoldedView:
    """Hold one level of a folded recording, or all of one that is not folded."""

    steps: tuple[FoldedStep, ...]
    edges: tuple[FoldedEdge, ...]
    values: tuple[int, ...]
    """The values that are drawn, in the order in which they come up."""
    back: tuple[int, ...]
    """The steps that passed gradients on, in the order in which autograd made them."""
    beside: Mapping[int, int] = field(default_factory=dict)
    """The weights that stand in the box of the one result that they are used for, with that result."""


class Folded:
    """Hold a recording and its groups, and give views of it."""

    def __init__(self, trace: Trace, backward: int | None, limit: int = STEPS) -> None:
        """Fold if there is more than can be drawn whole, or with a smaller limit, than that."""
        made, trace = trace, trace if backward is not None else _with_failed(trace)
        self.trace, self.backward, self.ops = trace, backward, trace.ops_of(backward)
        whole = len(values_of(trace, self.ops)) <= (DRAWN if limit == STEPS else limit)
        failed = self.ops[len(made.ops) :]  # which no group hides
        self.root = Group("", self.ops if whole else (*self._narrow(fold(made, backward, limit)), *failed))
        self.is_folded = self.root.parts != self.ops
        self._kinds = {module.path: module.kind for module in trace.modules}
        self._roots = dict.fromkeys(() if backward is None else trace.backward(backward).roots)
        self.terms: defaultdict[int, list[Term]] = defaultdict(list)
        """What flowed back through each op."""
        for term in () if backward is None else trace.terms(backward):
            self.terms[term.op].append(term)
        self._turn = {op: turn for turn, op in enumerate(self.terms)}
        self._users: defaultdict[int, set[int]] = defaultdict(set)
        for number in self.ops:
            for value in trace.ops[number].inputs:
                self._users[value].add(number)

    @property
    def whole(self) -> FoldedView:
        """View every op, as if nothing were folded."""
        return self._view(self.ops, self._roots)

    def view(self, group: Group | None = None) -> FoldedView:
        """View the inside of a group; without one, the whole at its coarsest."""
        if group is None or group is self.root:
            return self._view(self.root.parts, self._roots)
        return self._view(self._narrow(group), (), group.name)

    def _view(self, parts: Sequence[Part], roots: Iterable[int], inside: str = "") -> FoldedView:
        shown = self._shown(parts)
        made = [self._step(at, part, shown, inside) for at, part in enumerate(parts)]
        steps = tuple(step for step, _ in made)
        drawn = dict.fromkeys(v for step in steps for v in (*step.inputs, *step.outputs))
        drawn |= dict.fromkeys(shown.get(root, root) for root in roots)
        last = {i: max((self._turn.get(n, -1) for n in step.ops), default=-1) for i, step in enumerate(steps)}
        back = sorted((i for i in last if last[i] >= 0), key=last.__getitem__)
        edges = tuple(edge for _, edges in made for edge in edges)
        return FoldedView(steps, edges, tuple(drawn), tuple(back), self._weights(edges) if self.is_folded else {})

    def _weights(self, edges: Sequence[FoldedEdge]) -> dict[int, int]:
        """Find the weights that one result alone is made with; numbers that a page can change keep their boxes."""
        uses: defaultdict[int, set[int]] = defaultdict(set)
        for edge in edges:
            uses[edge.source].add(edge.target)
        held = {value: self.trace.values[value] for value in uses}
        weights = (v for v, one in held.items() if one.leaf and one.requires_grad and v not in self._roots)
        alone = (v for v in weights if len(uses[v]) == 1 and (held[v].parameter or held[v].tensor.size > SHOWN))
        return {value: next(iter(uses[value])) for value in alone}

    def _narrow(self, group: Group) -> tuple[Part, ...]:
        """List a group's parts; an op with more ends than can be drawn is one of its own, of which a few are drawn."""
        ops = self.trace.ops
        return tuple(
            Group(ops[part].expression, (part,))
            if isinstance(part, int) and len(ops[part].inputs + ops[part].outputs) > DRAWN
            else part
            for part in group.parts
        )

    def _shown(self, parts: Sequence[Part]) -> dict[int, int]:
        """Map each value to what it is drawn as: itself, or what stands for the group that made it."""
        ops = self.trace.ops
        shown: dict[int, int] = {}
        for part in parts:
            if isinstance(part, Group):
                shown |= dict.fromkeys((v for n in part.ops for v in ops[n].outputs), self._result(part))
            else:
                shown |= {value: value for value in ops[part].outputs}
        for part in parts:
            for value in ops[part].inputs if isinstance(part, int) else ():
                shown.setdefault(value, value)
        return shown | {value: value for value in self._beside(parts, shown)}

    def _result(self, group: Group) -> int:
        """Choose what stands for a group: what was differentiated, or the last result that others take."""
        inside = set(group.ops)
        made = [value for number in group.ops for value in self.trace.ops[number].outputs]
        roots = [value for value in made if value in self._roots]
        return (roots or [v for v in made if self._users[v] - inside] or made)[-1]

    def _beside(self, parts: Sequence[Part], shown: dict[int, int]) -> list[int]:
        """Choose what groups take from elsewhere: what was computed, what several take, and the data."""
        takers: defaultdict[int, set[int]] = defaultdict(set)
        for i, part in enumerate(parts):
            for n in part.ops if isinstance(part, Group) else ():
                for value in self.trace.ops[n].inputs:
                    if value not in shown:
                        takers[value].add(i)
        held = {value: self.trace.values[value] for value in takers}
        made = dict.fromkeys(v for v in takers if held[v].op is not None and not held[v].leaf)
        others = [v for v in takers if v not in made]
        several = [v for v in others if len(takers[v]) > 1]
        data = [v for v in others if len(takers[v]) == 1 and not held[v].requires_grad]
        return [*made, *several, *(data if len(data) <= FEW // 4 else ())][:BESIDE]

    def _called(self, part: Part, inside: str) -> str:
        """Name the module that a group is, or that an op alone is."""
        name = part.name if isinstance(part, Group) else self._module_of(part) if self.is_folded else ""
        kind = self._kinds.get(name, "")
        short = name.removeprefix(f"{inside}.")
        return f"{short} · {kind}" if kind and kind != name else kind

    def _module_of(self, number: int) -> str:
        """Return the path of the module that made this one op alone."""
        ops, op = self.trace.ops, self.trace.ops[number]
        beside = [one.module or "" for one in (*ops[max(0, number - 1) : number], *ops[number + 1 : number + 2])]
        others = any(f"{path}.".startswith(f"{op.module}.") for path in beside)
        return "" if others or op.module == self._kinds.get(op.module or "") else op.module or ""

    def _step(self, at: int, part: Part, shown: dict[int, int], inside: str) -> tuple[FoldedStep, list[FoldedEdge]]:
        """Make one step and its edges, one for each time it takes an input; an op's with what flowed back along it."""
        ops = self.trace.ops
        if isinstance(part, Group):
            result = next(shown[v] for n in part.ops for v in ops[n].outputs)
            taken = dict.fromkeys(shown[v] for n in part.ops for v in ops[n].inputs if v in shown)
            taken.pop(result, None)
            flowed = {shown.get(term.value) for n in part.ops for term in self.terms.get(n, ())}
            edges = [FoldedEdge(at, k, v, result, None, v in flowed) for k, v in enumerate(taken)]
            return FoldedStep(part.ops, part, tuple(taken), (result,), self._called(part, inside)), edges
        op, along = ops[part], defaultdict[tuple[int, int], list[Term]](list)
        for term in self.terms.get(part, ()):
            for output in term.outputs:
                along[term.value, output].append(term)
        edges = []
        for position, value in enumerate(op.inputs):
            for output in op.outputs:
                found = along[value, output].pop(0) if along[value, output] else None
                edges.append(FoldedEdge(at, position, shown[value], output, found, found is not None))
        ends = tuple(shown[value] for value in op.inputs)
        return FoldedStep((part,), None, ends, op.outputs, self._called(part, inside)), edges

"""What was seen while code ran, as raw as it came, and the Trace that is made of it when somebody asks.

While the block runs every microsecond counts, so nothing is worked out there that can be worked out here: letters,
expressions, names with their numbers, arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from chainrule.recorder.snapshots import Taken, finish
from chainrule.recorder.source_names import NOWHERE, Place, short
from chainrule.trace import BackwardPass, Edge, Flow, Hook, Kind, Node, Number, Op, Snapshot, Trace, Value, Visit

Locals: TypeAlias = dict[int, tuple[Taken, Kind]]
Turn: TypeAlias = tuple[int, tuple[Taken | None, ...], tuple[Taken | None, ...] | None, Locals | int | None]
"""A node's turn: its number, what came in, what went out, local gradients. A leaf's: nothing went out, its value."""


@dataclass(slots=True)
class SeenValue:
    """Note a tensor at one moment."""

    taken: Taken
    leaf: bool
    requires_grad: bool
    parameter: bool
    op: int | None
    node: int | None
    slot: int
    name: str = ""
    written: str | None = None
    """What it goes by without a name; `None` for its op's expression."""


@dataclass(slots=True)
class SeenOp:
    """Note a call."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    place: Place = NOWHERE
    arguments: tuple[Number | None, ...] | None = ()
    """The plain numbers among the arguments in their order, and `None` for each tensor; `None` if order says little."""
    module: str | None = None
    adopted: bool = False
    """Whether the call itself was not seen."""


@dataclass(slots=True)
class SeenNode:
    """Note one of autograd's nodes; each edge is a node, a slot and a value."""

    name: str
    op: int | None
    edges: tuple[tuple[int | None, int, int | None], ...]
    depth: int


@dataclass(slots=True)
class SeenPass:
    """Note a backward pass."""

    roots: tuple[int, ...]
    turns: list[Turn] = field(default_factory=list)
    asked: dict[int, Taken] = field(default_factory=dict)
    hooks: list[tuple[int, str, Taken, Taken]] = field(default_factory=list)


class Tape:
    """Collect what is seen."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.values: list[SeenValue] = []
        self.ops: list[SeenOp] = []
        self.nodes: list[SeenNode] = []
        self.passes: list[SeenPass] = []
        self.times_bound: dict[str, int] = {}
        self.folder = ""

    def name_of(self, value: int) -> str:
        """Name a value: by its variable, or else by its expression."""
        held = self.values[value]
        if held.name or held.written is not None or held.op is None:
            return held.name or held.written or ""
        op = self.ops[held.op]
        called = op.place.expression or op.name
        return called if len(op.outputs) == 1 else f"{called}[{op.outputs.index(value)}]"

    def trace(self) -> Trace:
        """Make the trace of what there is so far."""
        return Trace(
            values=tuple(self._values()),
            ops=tuple(map(self._op, self.ops)),
            nodes=tuple(
                Node(node.name, node.op, tuple(Edge(to, slot, value) for to, slot, value in node.edges))
                for node in self.nodes
            ),
            passes=tuple(map(self._pass, self.passes)),
        )

    def _values(self) -> Iterator[Value]:
        """Give each value a name that is its alone; without a variable, that is its expression."""
        times = dict(self.times_bound)
        for number, held in enumerate(self.values):
            name = held.name
            if not name:
                name = self.name_of(number)
                again = times[name] = times.get(name, 0) + 1
                name = name if again == 1 else f"{name}#{again}"
            tensor = finish(held.taken)
            yield Value(
                name, tensor, held.leaf, held.requires_grad, held.parameter, held.op, held.node, held.slot
            )  # fmt: skip

    def _op(self, op: SeenOp) -> Op:
        letters, constants = [], {}
        for position, argument in enumerate(op.arguments or ()):
            if argument is None:
                letters.append(chr(ord("a") + position))
            else:
                constants[chr(ord("a") + position)] = argument
        expression = op.place.expression
        if not expression:
            names = map(self.name_of, op.inputs)
            words = [next(names) if a is None else str(a) for a in op.arguments or ()] if letters else list(names)
            expression = f"{op.name}({', '.join(words)})"
        place = NOWHERE if op.adopted else op.place
        file = None if place.file is None else short(place.file, self.folder)
        return Op(
            op.name, op.inputs, op.outputs, expression, tuple(letters), constants, file, place.line, op.module
        )  # fmt: skip

    def _pass(self, run: SeenPass) -> BackwardPass:
        """Say of each turn what came and went, and of each leaf what it got."""
        reached: dict[int | None, int] = {}
        gradients: dict[int, Snapshot] = {}
        visits = []
        for number, incoming, outgoing, rest in run.turns:
            upstream = tuple(None if taken is None else finish(taken) for taken in incoming)
            if outgoing is None:
                visits.append(Visit(number, upstream, ()))
                value = reached.get(number, rest if isinstance(rest, int) else None)
                if value is not None and upstream[0] is not None:
                    gradients[value] = upstream[0]
                continue
            for to, _, value in self.nodes[number].edges:
                if value is not None:
                    reached[to] = max(value, reached.get(to, 0))
            visits.append(Visit(number, upstream, _flows(outgoing, rest)))
        gradients |= {value: finish(taken) for value, taken in run.asked.items()}
        hooks = (Hook(value, name, finish(before), finish(after)) for value, name, before, after in run.hooks)
        return BackwardPass(run.roots, tuple(visits), gradients, tuple(hooks))


def _flows(outgoing: tuple[Taken | None, ...], local: Any) -> tuple[Flow, ...]:
    flows = []
    for edge, taken in enumerate(outgoing):
        contribution = None if taken is None else finish(taken)
        if local and edge in local:
            held, kind = local[edge]
            flows.append(Flow(contribution, finish(held), kind))
        else:
            flows.append(Flow(contribution))
    return tuple(flows)

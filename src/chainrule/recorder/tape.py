"""What was seen while code ran, as raw as it came, and the Trace that is made of it when somebody asks.

While the block runs every microsecond counts, so nothing is worked out there that can be worked out here: letters,
expressions, names with their numbers, arrays.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, starmap
from types import CodeType
from typing import TypeAlias

from torch import Tensor

from chainrule.recorder.guard import Guard
from chainrule.recorder.module_paths import ModulePath
from chainrule.recorder.snapshots import Copies, Keep, Lazy, to_snapshot
from chainrule.recorder.source_code import NOWHERE, SourceSpan, relative_path
from chainrule.trace import (
    BackwardPass,
    Call,
    Edge,
    Event,
    Failed,
    FailedPass,
    Flow,
    Hook,
    Kind,
    Module,
    Node,
    Number,
    Op,
    Snapshot,
    Trace,
    Update,
    Value,
    Visit,
)

SeenEdge: TypeAlias = tuple[int | None, int, int | None]
"""A node, a slot and a value."""
LocalGradients: TypeAlias = dict[int, tuple[Tensor, Kind]]
Turn: TypeAlias = tuple[int, tuple[Lazy | None, ...], tuple[Lazy | None, ...] | None, LocalGradients | int | None]
"""A node's turn: its number, what came in, what went out, local gradients. A leaf's: nothing went out, its value."""

_NO_NUMBERS = (
    "Some tensors have no numbers to read: those that are meta, fake, batched, nested, quantized, distributed."
)


@dataclass(slots=True)
class SeenValue:
    """Note a tensor at one moment."""

    tensor: Lazy
    leaf: bool
    requires_grad: bool
    parameter: bool
    op: int | None
    node: int | None
    slot: int
    name: str = ""
    written: str | None = None
    """What it goes by without a name; `None` for its op's expression."""
    paths: Sequence[ModulePath] = ()
    """Where a parameter or a buffer stands."""
    also: tuple[str, ...] = ()
    """What else the code calls it."""
    before: int | None = None
    in_block: bool = False
    """Whether its variables were looked for where the block itself uses it."""


@dataclass(slots=True)
class SeenOp:
    """Note a call."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    span: SourceSpan = NOWHERE
    arguments: tuple[Number | None, ...] | None = ()
    """The plain numbers among the arguments in their order, and `None` for each tensor; `None` if order says little."""
    module: ModulePath | None = None
    call: Call = field(default_factory=dict)
    """All arguments, if there are others than tensors and numbers in order."""


@dataclass(slots=True)
class SeenNode:
    """Note one of autograd's nodes."""

    name: str
    op: int | None
    edges: tuple[SeenEdge, ...]
    depth: int
    is_leaf: bool


@dataclass(slots=True)
class SeenPass:
    """Note a backward pass."""

    roots: tuple[int, ...]
    turns: list[Turn] = field(default_factory=list)
    asked: dict[int, Lazy] = field(default_factory=dict)
    hooks: list[tuple[int, str, Lazy, Lazy]] = field(default_factory=list)
    before: dict[int, Lazy] = field(default_factory=dict)
    only: tuple[int, ...] | None = None


class LiveTensor:
    """Follow one tensor, without keeping it alive."""

    __slots__ = ("tensor", "values", "version")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = weakref.ref(tensor)
        self.values: list[int] = []
        """What it has been so far, oldest first."""
        self.version = -1
        """The version that PyTorch counted at the last of them; -1 where it counts none."""


class Tape:
    """Collect what is seen, in order; a value, an op or a node is known by its position."""

    def __init__(self, keep: Keep = "auto") -> None:
        self.guard, self.copies = Guard(), Copies(keep)
        self.block: CodeType | None = None
        """The code that the `with` block stands in; its names come first."""
        self.values: list[SeenValue] = []
        self.ops: list[SeenOp] = []
        self.nodes: list[SeenNode] = []
        self.passes: list[SeenPass] = []
        self.updates: list[Update] = []
        """With copies where there will be snapshots."""
        self.events: list[tuple[tuple[str, int, int, SourceSpan], list[int], list[int]]] = []
        """Calls that autograd does not follow: which and when, what they were given, what they made."""
        self.inferred: list[int] = []
        """The values that were made in inference mode."""
        self.value_at: dict[tuple[int, int], int] = {}
        """The value that is a node's result, at one of its slots."""
        self.tensors: dict[int, LiveTensor] = {}
        """What is known of each tensor, by its id, which may be used again, by another tensor."""
        self.failed_passes: dict[str, FailedPass] = {}
        """What is to be said of backward passes that raised, once each."""
        self.folder = ""
        self.failed: tuple[SeenOp, str] | None = None
        self._snapshots: dict[int, tuple[Lazy, Snapshot]] = {}
        """What was converted, by the id of what it was made from."""

    def note(self, name: str, span: SourceSpan, values: Iterable[int], made: Iterable[int] = ()) -> None:
        """Write an event down, or add to the last one if that is the same call."""
        call = name, len(self.passes), len(self.updates), span
        if not self.events or self.events[-1][0] != call:
            self.events.append((call, [], []))
        self.events[-1][1].extend(values)
        self.events[-1][2].extend(made)

    def find(self, tensor: Tensor) -> LiveTensor | None:
        """Return what is known of a tensor, if it was met before."""
        known = self.tensors.get(id(tensor))
        return known if known is not None and known.tensor() is tensor else None

    def name_of(self, value: int) -> str:
        """Name a value: by its variable or its path, or else by its expression."""
        held = self.values[value]
        if held.name or held.paths:
            return held.name or held.paths[0].path
        if held.written is not None or held.op is None:
            return held.written or ""
        op = self.ops[held.op]
        inside = op.module.text(whole=True) if op.module else op.span.function
        called = op.span.expression or (f"{inside}.{op.name}" if inside else op.name)
        return called if len(op.outputs) == 1 else f"{called}[{op.outputs.index(value)}]"

    def trace(self) -> Trace:
        """Make the trace of what there is so far; it notes failures, and what has no numbers though it should."""
        self._drop_lost_ops()
        whole = len({id(held.paths[0].root) for held in self.values if held.paths}) > 1
        values = tuple(self._values(whole))
        ops = tuple(self._op(op, values, whole) for op in self.ops)
        nodes = tuple(Node(node.name, node.op, tuple(Edge(*edge) for edge in node.edges)) for node in self.nodes)
        passes = tuple(map(self._pass, self.passes))
        stopped = tuple(self.failed_passes.values())
        notes = [f"{one.says} {one.hint}".strip() for one in stopped]
        failures = self.guard.failures
        notes += [f"Something could not be read ({failure}). Everything else is recorded." for failure in failures]
        kept = (held for _, held in self._snapshots.values())
        if self.copies.keep != "shapes" and any(held.data is None and held.statistics is None for held in kept):
            notes.append(_NO_NUMBERS)
        failed = self.failed and Failed(self._op(self.failed[0], values, whole), self.failed[1])
        updates = tuple(replace(one, gradients=self._snapshots_of(one.gradients)) for one in self.updates)
        events = tuple(
            Event(name, tuple(values), tuple(made), after, steps, *self.where(span))
            for (name, after, steps, span), values, made in self.events
        )
        if self.inferred:
            events += (Event("inference_mode", (), tuple(self.inferred), 0, 0, ""),)
        modules = tuple(self._modules(whole))
        return Trace(values, ops, nodes, passes, tuple(notes), modules, failed, updates, events, stopped)

    def where(self, span: SourceSpan) -> tuple[str, str | None, int | None]:
        """Return the expression, the file and the line of a call."""
        file = None if span.file is None else relative_path(span.file, self.folder)
        return span.expression or "", file, span.line

    def _drop_lost_ops(self) -> None:
        """Leave out each call whose results could not be written down."""
        kept = [number for number, op in enumerate(self.ops) if op.outputs]
        if len(kept) == len(self.ops):
            return
        now = {before: number for number, before in enumerate(kept)}
        self.ops = [self.ops[before] for before in kept]
        seen: list[SeenValue | SeenNode] = [*self.values, *self.nodes]
        for held in seen:
            held.op = None if held.op is None else now.get(held.op)

    def _snapshot(self, lazy: Lazy) -> Snapshot:
        """Convert what was kept of a tensor, once."""
        found = self._snapshots.get(id(lazy))
        if found is None:
            found = self._snapshots[id(lazy)] = lazy, to_snapshot(lazy)
        return found[1]

    def _snapshots_of(self, lazies: Mapping[int, Lazy]) -> dict[int, Snapshot]:
        return {value: self._snapshot(lazy) for value, lazy in lazies.items()}

    def _values(self, whole: bool) -> Iterator[Value]:
        """Give each value a name that is its alone: what the code calls it comes before what it was made by.

        A path is written `whole` where there are several outermost modules. A name that was bound before has a number.
        """
        called = [held.paths[0].text(whole) if held.paths else held.name for held in self.values]
        names, times = dict[int, str](), Counter[str]()
        for number in sorted(range(len(called)), key=lambda number: not called[number]):
            name = called[number] or self.name_of(number)
            times[name] += 1
            names[number] = name if times[name] == 1 else f"{name}#{times[name]}"
        for number, held in enumerate(self.values):
            tensor, name, node, slot = self._snapshot(held.tensor), names[number], held.node, held.slot
            paths = [path.text(every) for path in held.paths for every in (False, True)]
            also = dict.fromkeys(other for other in (*paths, *held.also) if other != name.partition("#")[0])
            kind = held.leaf, held.requires_grad, held.parameter
            yield Value(name, tensor, *kind, held.op, node, slot, tuple(also), held.before)

    def _op(self, op: SeenOp, values: Sequence[Value], whole: bool) -> Op:
        letters, constants = [], {}
        for position, argument in enumerate(op.arguments or ()):
            letter = chr(ord("a") + position)
            if argument is None:
                letters.append(letter)
            else:
                constants[letter] = argument
        expression = op.span.expression
        if not expression:
            names = (values[value].name for value in op.inputs)
            words = [next(names) if a is None else str(a) for a in op.arguments or ()] if letters else list(names)
            expression = f"{op.name}({', '.join(words)})"
        module = op.module and (op.module.text(whole) or op.module.root.kind)
        where = *self.where(op.span)[1:], module
        return Op(op.name, op.inputs, op.outputs, expression, tuple(letters), constants, *where, op.call)

    def _modules(self, whole: bool) -> Iterator[Module]:
        """Find the modules that made calls, and those that they are part of."""
        found: dict[str, str] = {}
        for root, path in dict.fromkeys(op.module[:2] for op in self.ops if op.module):
            names = path.split(".") if path else []
            for part in accumulate(names, "{}.{}".format, initial=""):
                part = part.strip(".")
                if kind := root.parts.get(part, "" if part else root.kind):
                    found[ModulePath(root, part).text(whole) or root.kind] = kind
        return starmap(Module, found.items())

    def _pass(self, run: SeenPass) -> BackwardPass:
        """Convert each turn to a visit, and find what each leaf got."""
        reached: dict[int | None, int] = {}
        got: dict[int, Lazy] = {}
        visits = []
        for number, incoming, outgoing, rest in run.turns:
            upstream = tuple(None if lazy is None else self._snapshot(lazy) for lazy in incoming)
            if outgoing is None:
                visits.append(Visit(number, upstream, ()))
                value = reached.get(number, rest if isinstance(rest, int) else None)
                if value is not None and incoming[0] is not None:
                    got[value] = _sum(got.get(value), incoming[0])
                continue
            for to, _, value in self.nodes[number].edges:
                if value is not None:
                    reached[to] = max(value, reached.get(to, 0))
            local = rest if isinstance(rest, dict) else {}
            flows = []
            for edge, lazy in enumerate(outgoing):
                factor, kind = local.get(edge, (None, None))
                went = None if lazy is None else self._snapshot(lazy)
                flows.append(Flow(went, None if factor is None else self._snapshot(factor), kind))
            visits.append(Visit(number, upstream, tuple(flows)))
        gradients, before = self._snapshots_of(got | run.asked), self._snapshots_of(run.before)
        hooks = (
            Hook(value, name, self._snapshot(before), self._snapshot(after)) for value, name, before, after in run.hooks
        )
        return BackwardPass(run.roots, tuple(visits), gradients, tuple(hooks), before, run.only)


def _sum(before: Lazy | None, now: Lazy) -> Lazy:
    """Add to what a leaf has got in the pass before, from another part that was differentiated on its own."""
    match before, now:
        case Tensor(), Tensor():
            return before + now
        case (first, dtype), (second, _):
            return first + second, dtype
    return now

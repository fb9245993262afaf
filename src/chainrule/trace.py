"""What was recorded: frozen dataclasses over NumPy arrays.

A `Trace` is read from the bottom up. A `Value` is a tensor, an `Op` the call that made it, a `Node` a step that
PyTorch's autograd noted down for the call, and a `BackwardPass` is one run over those nodes. Nothing here
knows PyTorch: whoever holds a trace needs NumPy alone.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.errors import TraceError
from chainrule.trace_file import from_plain, to_plain
from chainrule.trace_file import many_objects as many_objects

Array: TypeAlias = npt.NDArray[Any]
Number: TypeAlias = bool | int | float | complex
Argument: TypeAlias = Number | str | tuple[Any, ...] | None
"""What a call was given: `@0` is its first input, `1:3` a slice, `...` an ellipsis, and `?` what cannot be written."""
Call: TypeAlias = Mapping[str, Argument]
"""All arguments, by position or keyword."""
DTYPE = re.compile(r"bool|(b?float|complex|bits|q?u?int)\d\w{0,20}")
"""How PyTorch's dtypes are written, those of later versions too."""
IN_NUMPY = re.compile("bool|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)")
"""The dtypes that NumPy has as well."""
STATISTICS = ({"min", "max", "mean", "norm", "zeros", "nans", "infinite"}, {"norm"})
"""What is kept of a large tensor; of a complex one its norm alone."""
_SHORT = reprlib.Repr()
_SHORT.maxtuple = _SHORT.maxdict = 3
_SHORT.maxother = _SHORT.maxstring = 60
Kind: TypeAlias = Literal["elementwise", "gradient", "jacobian"]
"""How a local gradient acts: times the upstream gradient entry by entry; a scalar's gradient; a matrix."""


class _Record:
    """Show what a part of a trace holds, with the first few of what is many."""

    def __repr__(self) -> str:
        held = ((one.name, getattr(self, one.name), one.default) for one in fields(self))  # type: ignore[arg-type]
        words = (f"{name}={_SHORT.repr(value)}" for name, value, default in held if value is not default)
        return f"{type(self).__name__}({', '.join(words)})"


@dataclass(frozen=True, eq=False, repr=False)
class Snapshot(_Record):
    """Hold what is kept of one tensor at one moment: shape and dtype always, its numbers or their statistics if kept.

    `data` has the dtype itself, or the next wider one where NumPy lacks it (bfloat16 is held as float32).
    """

    shape: tuple[int, ...]
    dtype: str
    data: Array | None = None
    statistics: Mapping[str, float] | None = None

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def number(self) -> Any:
        """The number of a tensor of one element; `None` for any other, or if it was not kept."""
        return self.data.item() if self.data is not None and self.size == 1 else None

    def times(self, factor: float | None) -> Snapshot | None:
        """Multiply a single number by another, as far as both are known."""
        if factor is None or self.data is None or self.size != 1:
            return None
        return Snapshot(self.shape, self.dtype, np.asarray(factor * self.data))

    @staticmethod
    def _read(
        shape: tuple[int, ...], dtype: str, data: Callable[..., Array] | None, statistics: Mapping[str, float] | None
    ) -> Snapshot:
        """Make one of what a file says, its array in the dtype that holds it."""
        if len(shape) > 64 or math.prod(size or 1 for size in shape) >= 2**63 or not DTYPE.fullmatch(dtype):
            raise ValueError(f"no tensor has shape {shape} and dtype {dtype!r}")
        if statistics is not None and set(statistics) not in STATISTICS:
            raise ValueError(f"{list(statistics)} are no statistics")
        return Snapshot(shape, dtype, data and data(shape, held_dtype(dtype)), statistics)


@dataclass(frozen=True, eq=False, repr=False)
class Value(_Record):
    """Describe one tensor at one moment; an in-place op makes a new value."""

    name: str
    tensor: Snapshot
    leaf: bool
    requires_grad: bool = False
    parameter: bool = False
    op: int | None = None
    """The op that made it; `None` when it was there before."""
    node: int | None = None
    """The autograd node whose upstream gradient is this value's gradient, and at which of its outputs."""
    slot: int = 0
    aliases: tuple[str, ...] = ()
    """What else the code calls it: in the function that made it, or where a parameter is shared."""
    before: int | None = None
    """The value that the same tensor was before it was changed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return self.tensor.shape

    @property
    def dtype(self) -> str:
        """The tensor's dtype, such as `float32`."""
        return self.tensor.dtype

    @property
    def data(self) -> Array | None:
        """The numbers, in the tensor's shape; `None` if they were not kept."""
        return self.tensor.data

    @property
    def statistics(self) -> Mapping[str, float] | None:
        """The `min`, `max`, `mean`, `norm`, `zeros`, `nans` and `infinite` of the numbers, if only those were kept."""
        return self.tensor.statistics


@dataclass(frozen=True, eq=False, repr=False)
class Op(_Record):
    """Describe one call: its inputs and outputs (positions in `Trace.values`) and where the code stands."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    expression: str
    letters: tuple[str, ...] = ()
    """Each input's place among the arguments (`a`, `b`, ...), if all were given in order."""
    constants: Mapping[str, Number] = field(default_factory=dict)
    """Plain numbers among the arguments, by letter: in `a**2`, `b` is 2."""
    file: str | None = None
    line: int | None = None
    module: str | None = None
    """The path of the module whose `forward` made the call, such as `encoder.layers.0`; the outermost is its class."""
    arguments: Call = field(default_factory=dict)
    """All arguments by position or keyword, where they are more than tensors and numbers in order."""

    @property
    def operands(self) -> dict[str, int]:
        """The value at each letter, by its position in `Trace.values`."""
        return dict(zip(self.letters, self.inputs, strict=False))

    @property
    def call(self) -> Call:
        """All arguments by position or keyword; empty if they are not known.

        >>> Op("mul", (3,), (4,), "2 * w", letters=("b",), constants={"a": 2}).call
        {'0': 2, '1': '@0'}
        """
        in_order = {**self.constants, **{letter: f"@{place}" for place, letter in enumerate(self.letters)}}
        return self.arguments or {str(place): in_order[a] for place, a in enumerate(sorted(in_order))}


@dataclass(frozen=True, eq=False, repr=False)
class Edge(_Record):
    """Point from a node to where its gradient goes next: a node, the slot there, and the value it belongs to."""

    node: int | None
    slot: int = 0
    value: int | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Node(_Record):
    """Describe one of autograd's own nodes, with its edges in PyTorch's order."""

    name: str
    op: int | None
    edges: tuple[Edge, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Flow(_Record):
    """Hold what went along one edge in one backward pass: the local gradient, and the contribution it gave."""

    contribution: Snapshot | None
    local: Snapshot | None = None
    kind: Kind | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Visit(_Record):
    """Hold one node's turn in a backward pass: the upstream gradient that came in, and a flow for each edge."""

    node: int
    upstream: tuple[Snapshot | None, ...]
    flows: tuple[Flow, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Hook(_Record):
    """Hold one turn of a hook on a tensor: the gradient that arrived, and what the hook handed on in its place."""

    value: int
    name: str
    """How it was registered, such as `h.register_hook(clip)`."""
    before: Snapshot
    after: Snapshot


@dataclass(frozen=True, eq=False, repr=False)
class BackwardPass(_Record):
    """Hold one backward pass: what was differentiated, and the visits in the order in which autograd made them."""

    roots: tuple[int, ...]
    visits: tuple[Visit, ...]
    gradients: Mapping[int, Snapshot]
    """What each leaf got (by its position in `Trace.values`), and what `torch.autograd.grad` was asked for."""
    hooks: tuple[Hook, ...] = ()
    """The turns of the user's hooks on tensors, in the order in which autograd made them."""
    before: Mapping[int, Snapshot] = field(default_factory=dict)
    """What `.grad` of each leaf held already, where there was one."""
    asked: tuple[int, ...] | None = None
    """The values whose gradients alone it was asked for; `None` for all leaves."""

    @cached_property
    def visit_of(self) -> dict[int, Visit]:
        """The visit of each node, by its position in `Trace.nodes`."""
        return {visit.node: visit for visit in self.visits}


@dataclass(frozen=True, eq=False, repr=False)
class Update(_Record):
    """Hold one step of an optimizer: its parameters, and the `.grad` that it saw of those that had one."""

    parameters: tuple[int, ...]
    gradients: Mapping[int, Snapshot]
    after: int
    """How many backward passes had begun before it."""
    expression: str
    file: str | None = None
    line: int | None = None
    by_closure: bool = False
    """Whether it ran the passes itself, so that the gradients are those of before."""


@dataclass(frozen=True, eq=False, repr=False)
class Event(_Record):
    """Hold a call that autograd does not follow, such as `loss.item()`, and what it was given and made."""

    name: str
    values: tuple[int, ...]
    made: tuple[int, ...]
    after: int
    """How many backward passes had begun before it."""
    steps: int
    """How many steps of optimizers had been taken before it."""
    expression: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Term(_Record):
    """Hold one op's gradient step toward one of its inputs, as views show it."""

    op: int
    letter: str | None
    """The argument's letter in the rule's expression, if it is known."""
    outputs: tuple[int, ...]
    value: int
    """The input that the gradient flows to."""
    contribution: Snapshot | None
    local: Snapshot | None
    kind: Kind | None

    @property
    def output(self) -> int:
        """The op's result; the first, if it has several."""
        return self.outputs[0]


@dataclass(frozen=True, eq=False, repr=False)
class Module(_Record):
    """Name one of the user's modules, by its path as in `Op.module`, and its class."""

    path: str
    kind: str


@dataclass(frozen=True, eq=False, repr=False)
class Failed(_Record):
    """Hold the call that raised what ended the block: an op without results, and the error, with its first line."""

    op: Op
    error: str


@dataclass(frozen=True, eq=False, repr=False)
class FailedPass(_Record):
    """Hold what an error of PyTorch means, of a backward pass that raised or of what ended the block before one."""

    cause: str
    """As in `Reason.cause`: `freed`, `overwritten`, `no way back` or `failed`."""
    values: tuple[int, ...]
    """What the pass was to start from, or what kept one from starting."""
    says: str
    hint: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Trace(_Record):
    """Hold everything that one recording saw, as plain data.

    >>> import chainrule, torch
    >>> w = torch.tensor(3.0, requires_grad=True)
    >>> with chainrule.record() as rec:
    ...     loss = w**2
    ...     loss.backward()
    >>> [value.name for value in rec.trace.values], [op.expression for op in rec.trace.ops]
    (['w', 'loss'], ['w**2'])
    >>> rec.trace.passes[0].visits[0].flows[0].local.data
    array(6., dtype=float32)
    """

    values: tuple[Value, ...] = ()
    ops: tuple[Op, ...] = ()
    nodes: tuple[Node, ...] = ()
    passes: tuple[BackwardPass, ...] = ()
    notes: tuple[str, ...] = ()
    """What is missing from it, in a sentence each."""
    modules: tuple[Module, ...] = ()
    """The modules that made calls, and those around them."""
    failed: Failed | None = None
    """The call that ended the block, where that raised."""
    updates: tuple[Update, ...] = ()
    """The steps that optimizers took."""
    events: tuple[Event, ...] = ()
    """The calls that autograd does not follow."""
    failed_passes: tuple[FailedPass, ...] = ()
    """The backward passes that raised; of an old file, none."""

    def __repr__(self) -> str:
        """Count what it holds."""
        many = ((one.name, getattr(self, one.name)) for one in fields(self) if one.default == ())
        return f"<Trace: {', '.join(f'{name} {len(held):,}' for name, held in many)}>"

    def backward(self, index: int = -1) -> BackwardPass:
        """Return one backward pass by its position, -1 for the last; raise `TraceError` if there is none."""
        if not isinstance(index, (int, np.integer)) or isinstance(index, bool):
            raise TraceError(
                f"backward={index!r} is not the number of a backward pass. Count from 0, or leave it out for the last; "
                "`None` is for `table`, `figure` and `graph`, which can show the forward pass alone."
            )
        if not self.passes:
            raise TraceError(
                "This recording holds no backward pass, so there are no gradients in it. "
                "Call `.backward()` on the loss inside the `with chainrule.record()` block."
            )
        count = len(self.passes)
        if not -count <= index < count:
            several = f"{count} backward passes", f"a number from 0 to {count - 1}"
            held, fix = several if count > 1 else ("one backward pass", "0")
            raise TraceError(
                f"This recording holds {held}, so there is no backward={index}. Use {fix}, or -1 for the last."
            )
        return self.passes[index]

    def ops_of(self, backward: int | None) -> tuple[int, ...]:
        """Return the ops that led to what a backward pass started from, in the order in which they ran.

        They are positions in `Trace.ops`; with `None`, of every op that was recorded.
        """
        if backward is None:
            return tuple(range(len(self.ops)))
        found: set[int] = set()
        pending = list(self.backward(backward).roots)
        while pending:
            value = self.values[pending.pop()]
            if value.op is None or value.leaf or value.op in found:
                continue
            found.add(value.op)
            pending.extend(self.ops[value.op].inputs)
        return tuple(sorted(found))

    def terms(self, backward: int = -1) -> tuple[Term, ...]:
        """Return each op's gradient steps toward its inputs, in the order in which autograd took them."""
        return self._joined(backward).terms

    def terms_into(self, value: int, backward: int = -1) -> Sequence[Term]:
        """Return the gradient steps that end at one value, in the same order."""
        return self._joined(backward).terms_into.get(value, ())

    def reached(self, backward: int = -1) -> frozenset[int]:
        """Return the values that a gradient flowed to in one backward pass."""
        return self._joined(backward).reached

    def _joined(self, backward: int) -> _Joined:
        return self._joined_by_pass[self.backward(backward)]

    @cached_property
    def _joined_by_pass(self) -> dict[BackwardPass, _Joined]:
        return {run: _Joined(self, run) for run in self.passes}

    @cached_property
    def nodes_in(self) -> Mapping[int | None, int]:
        """How many nodes autograd made for each op."""
        return Counter(node.op for node in self.nodes)

    @cached_property
    def value_at(self) -> dict[tuple[int, int], int]:
        """The value whose gradient arrives at a node, at one of its slots."""
        return {(value.node, value.slot): i for i, value in enumerate(self.values) if value.node is not None}

    def start(self, root: int, backward: int = -1) -> Snapshot | None:
        """Return what a backward pass began with at one of its roots: 1, unless `backward` was given something else."""
        whole = self.gradient(root, backward)
        arrived = [term.contribution for term in self.terms_into(root, backward)]
        if whole is None or whole.data is None or not arrived:
            return whole
        parts = [part.data for part in arrived if part is not None and part.data is not None]
        return Snapshot(whole.shape, whole.dtype, np.asarray(whole.data - sum(parts)))

    def gradient(self, value: int, backward: int = -1) -> Snapshot | None:
        """Return a value's gradient in one backward pass, in its shape, or `None` if nothing reached it."""
        run = self.backward(backward)
        if value in run.gradients:
            return run.gradients[value]
        held = self.values[value]
        if held.node is None:
            return None
        visit = run.visit_of.get(held.node)
        if visit is None or value not in self.reached(backward):
            return None
        return visit.upstream[held.slot] if held.slot < len(visit.upstream) else None

    def to_dict(self) -> dict[str, Any]:
        """Return the trace as dictionaries, lists, strings and numbers that JSON can hold.

        Arrays of more than 16 numbers are in base64: `{"array": 3}` stands for the fourth of `["arrays"]`.
        """
        return to_plain(self)

    @staticmethod
    def from_dict(plain: Mapping[str, Any]) -> Trace:
        """Return the trace that `to_dict` wrote; raise `FileError` if it is damaged or newer than this version."""
        return from_plain(Trace, plain)


@lru_cache
def held_dtype(dtype: str) -> np.dtype[Any]:
    """Return the NumPy dtype that holds a tensor of this dtype: the same, or the next wider one that NumPy has."""
    if IN_NUMPY.fullmatch(dtype):
        return np.dtype(dtype)
    if "float" not in dtype and "complex" not in dtype:
        raise TypeError(f"NumPy has no {dtype}")
    return np.dtype("complex64" if "complex" in dtype else "float32")


class _Joined:
    """Join the visits of one backward pass with the ops and the values that they belong to, each way once."""

    def __init__(self, trace: Trace, run: BackwardPass) -> None:
        self.trace, self.run = trace, run

    @cached_property
    def terms_into(self) -> dict[int, list[Term]]:
        """The gradient steps by the value at which they end."""
        found = defaultdict[int, list[Term]](list)
        for term in self.terms:
            found[term.value].append(term)
        return found

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """The gradient steps in autograd's order; the nodes that it made for one op are joined to one step.

        On the way to a node inside of an op a single number is carried along, as long as everything is one.
        """
        found: list[Term] = []
        inside: dict[int, tuple[tuple[int, ...], float | None]] = {}
        free: dict[int, dict[int, list[str]]] = {}
        for visit in self.run.visits:
            node, last = self.trace.nodes[visit.node], self._outputs(visit)
            outputs, factor = (last, None) if last else inside.get(visit.node, ((), None))
            if (number := node.op) is None or not outputs:
                continue
            if number not in free:  # the letters that no term has taken yet, by value
                free[number] = defaultdict(list)
                operands = self.trace.ops[number].operands if self.trace.nodes_in[number] == 1 else {}
                for letter, operand in reversed(operands.items()):
                    free[number][operand].append(letter)
            for edge, flow in zip(node.edges, visit.flows, strict=False):
                # the op's own at its last node
                local = flow.local if last or flow.local is None else flow.local.times(factor)
                if edge.value is not None:
                    left = free[number].get(edge.value)
                    taken = left.pop() if left else None
                    if flow.contribution is not None:
                        kind = flow.kind if last or local is None else "elementwise"
                        found.append(Term(number, taken, outputs, edge.value, flow.contribution, local, kind))
                elif edge.node is not None and (before := inside.get(edge.node)):
                    inside[edge.node] = tuple(dict.fromkeys((*before[0], *outputs))), None
                elif edge.node is not None:
                    inside[edge.node] = outputs, None if local is None else local.number
        return tuple(found)

    def _outputs(self, visit: Visit) -> tuple[int, ...]:
        """List the values whose gradients came in as a visit's upstream gradients."""
        at = ((visit.node, slot) for slot, upstream in enumerate(visit.upstream) if upstream is not None)
        return tuple(self.trace.value_at[slot] for slot in at if slot in self.trace.value_at)

    @cached_property
    def reached(self) -> frozenset[int]:
        """The values that a gradient flowed to."""
        trace, visits = self.trace, self.run.visits
        along = (edge.value for visit in visits for edge in trace.nodes[visit.node].edges)
        made = ((value, trace.values[value].op) for visit in visits for value in self._outputs(visit))
        # an op that has several results may use one itself, such as a cell its state
        used = (value for value, op in made if op is not None and len(trace.ops[op].outputs) > 1)
        return frozenset(v for v in (*self.run.roots, *self.run.gradients, *along, *used) if v is not None)

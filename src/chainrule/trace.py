"""What was recorded: frozen dataclasses over NumPy arrays, to and from plain JSON.

A `Trace` is read from the bottom up. A `Value` is a tensor, an `Op` the call that made it, a `Node` a step that
PyTorch's autograd noted down for the call, and a `BackwardPass` is one run over those nodes. Nothing here
knows PyTorch: whoever holds a trace needs NumPy alone.
"""

from __future__ import annotations

import gc
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.errors import FileError, TraceError

FORMAT = 1
"""The version of the JSON layout; a file from a newer one is refused."""

Array: TypeAlias = npt.NDArray[Any]
Number: TypeAlias = bool | int | float | complex
Kind: TypeAlias = Literal["elementwise", "gradient", "jacobian"]
"""How a local gradient acts: times the upstream gradient entry by entry; a scalar's gradient; a matrix."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Hold what is kept of one tensor at one moment: shape and dtype always, its numbers or their statistics if kept.

    `data` has the dtype itself, or the next wider one where NumPy lacks it (bfloat16 is held as float32).
    """

    shape: tuple[int, ...]
    dtype: str
    data: Array | None = None
    statistics: Mapping[str, float] | None = None

    @property
    def size(self) -> int:
        """Count the elements."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class Value:
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

    @property
    def shape(self) -> tuple[int, ...]:
        """Give the tensor's shape."""
        return self.tensor.shape

    @property
    def dtype(self) -> str:
        """Give the tensor's dtype, such as `float32`."""
        return self.tensor.dtype

    @property
    def data(self) -> Array | None:
        """Give the numbers, if they were kept."""
        return self.tensor.data

    @property
    def statistics(self) -> Mapping[str, float] | None:
        """Give statistics of the numbers, if only those were kept."""
        return self.tensor.statistics


@dataclass(frozen=True, eq=False)
class Op:
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

    @property
    def operands(self) -> dict[str, int]:
        """Give the value that stands at each letter."""
        return dict(zip(self.letters, self.inputs, strict=False))


@dataclass(frozen=True, eq=False)
class Edge:
    """Point from a node to where its gradient goes next: a node, the slot there, and the value it belongs to."""

    node: int | None
    slot: int = 0
    value: int | None = None


@dataclass(frozen=True, eq=False)
class Node:
    """Describe one of autograd's own nodes, with its edges in PyTorch's order."""

    name: str
    op: int | None
    edges: tuple[Edge, ...]


@dataclass(frozen=True, eq=False)
class Flow:
    """Hold what went along one edge in one backward pass: the local gradient, and the contribution it gave."""

    contribution: Snapshot | None
    local: Snapshot | None = None
    kind: Kind | None = None


@dataclass(frozen=True, eq=False)
class Visit:
    """Hold one node's turn in a backward pass: the upstream gradient that came in, and a flow for each edge."""

    node: int
    upstream: tuple[Snapshot | None, ...]
    flows: tuple[Flow, ...]


@dataclass(frozen=True, eq=False)
class Hook:
    """Hold one turn of a hook on a tensor: the gradient that arrived, and what the hook handed on in its place."""

    value: int
    name: str
    """How it was registered, such as `h.register_hook(clip)`."""
    before: Snapshot
    after: Snapshot


@dataclass(frozen=True, eq=False)
class BackwardPass:
    """Hold one backward pass: what was differentiated, and the visits in the order in which autograd made them."""

    roots: tuple[int, ...]
    visits: tuple[Visit, ...]
    gradients: Mapping[int, Snapshot]
    """What each leaf got (by its position in `Trace.values`), and what `torch.autograd.grad` was asked for."""
    hooks: tuple[Hook, ...] = ()
    """The turns of the user's hooks on tensors, in the order in which autograd made them."""

    @cached_property
    def visit_of(self) -> dict[int, Visit]:
        """Map each node to its visit."""
        return {visit.node: visit for visit in self.visits}


@dataclass(frozen=True, eq=False)
class Term:
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
        """Give the op's result; the first, if it has several."""
        return self.outputs[0]


@dataclass(frozen=True)
class _Inside:
    """Follow the way from an op's outputs to one of the nodes inside it, as a number where it is one."""

    outputs: tuple[int, ...]
    factor: float | None
    whole: bool = False
    """Whether the node is the op's last, so that its local gradients are the op's own."""

    def times(self, local: Snapshot | None) -> Snapshot | None:
        """Multiply on, as far as everything is a single number."""
        if self.factor is None or local is None or local.data is None or local.size != 1:
            return None
        return Snapshot(local.shape, local.dtype, np.asarray(self.factor * local.data))


@dataclass(frozen=True, eq=False)
class Trace:
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

    def backward(self, index: int = -1) -> BackwardPass:
        """Find one backward pass by its position; -1 is the last."""
        if not self.passes:
            raise TraceError(
                "This recording holds no backward pass, so there are no gradients in it. "
                "Call `.backward()` on the loss inside the `with chainrule.record()` block."
            )
        if not -len(self.passes) <= index < len(self.passes):
            held = "one backward pass" if len(self.passes) == 1 else f"{len(self.passes)} backward passes"
            raise TraceError(
                f"This recording holds {held}, so there is no backward={index}. "
                f"Use a number from 0 to {len(self.passes) - 1}, or -1 for the last."
            )
        return self.passes[index]

    def ops_of(self, backward: int | None) -> tuple[int, ...]:
        """List the ops, in the order in which they ran, that led to what a backward pass started from.

        With `None`, every op that was recorded.
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
        """List each op's gradient steps toward its inputs, in the order in which autograd took them."""
        return tuple(self._terms(self.backward(backward)))

    def _terms(self, run: BackwardPass) -> Iterator[Term]:
        """Join the nodes that autograd made for one op, from its outputs to its inputs."""
        nodes_in = Counter(node.op for node in self.nodes)
        value_at = {(value.node, value.slot): i for i, value in enumerate(self.values) if value.node is not None}
        reached: dict[int, _Inside] = {}
        letters: dict[tuple[int, int], list[str]] = {}
        for visit in run.visits:
            node = self.nodes[visit.node]
            if node.op is None:
                continue
            op, alone = self.ops[node.op], nodes_in[node.op] == 1
            outputs = tuple(
                value_at[visit.node, i]
                for i, upstream in enumerate(visit.upstream)
                if upstream is not None and (visit.node, i) in value_at
            )
            here = _Inside(outputs, 1.0, whole=True) if outputs else reached.get(visit.node)
            if here is None:
                continue
            for edge, flow in zip(node.edges, visit.flows, strict=False):
                local = flow.local if here.whole else here.times(flow.local)
                if edge.value is not None:
                    if (node.op, edge.value) not in letters:
                        letters[node.op, edge.value] = [
                            a for a, value in op.operands.items() if value == edge.value and alone
                        ]
                    free = letters[node.op, edge.value]
                    letter = free.pop(0) if free else None
                    if flow.contribution is None:
                        continue
                    kind = flow.kind if here.whole or local is None else "elementwise"
                    yield Term(node.op, letter, here.outputs, edge.value, flow.contribution, local, kind)
                elif edge.node is not None:
                    number = None if local is None or local.data is None or local.size != 1 else local.data.item()
                    before = reached.get(edge.node)
                    reached[edge.node] = _Inside(
                        tuple(dict.fromkeys((*(before.outputs if before else ()), *here.outputs))),
                        None if before else number,
                    )

    def start(self, root: int, backward: int = -1) -> Snapshot | None:
        """Give what a backward pass began with at one of its roots: 1, unless `backward` was given something else."""
        whole = self.gradient(root, backward)
        arrived = [term.contribution for term in self.terms(backward) if term.value == root]
        if whole is None or whole.data is None or not arrived:
            return whole
        parts = [part.data for part in arrived if part is not None and part.data is not None]
        return Snapshot(whole.shape, whole.dtype, np.asarray(whole.data - sum(parts)))

    def gradient(self, value: int, backward: int = -1) -> Snapshot | None:
        """Give a value's gradient in one backward pass, or `None` if nothing reached it."""
        run = self.backward(backward)
        if value in run.gradients:
            return run.gradients[value]
        held = self.values[value]
        if held.node is None:
            return None
        visit = run.visit_of.get(held.node)
        if visit is None or not self.took_part(value, backward):
            return None
        return visit.upstream[held.slot] if held.slot < len(visit.upstream) else None

    def took_part(self, value: int, backward: int = -1) -> bool:
        """Tell whether a gradient flowed to this value in one backward pass."""
        return value in self._takers[self.passes.index(self.backward(backward))]

    @cached_property
    def _takers(self) -> tuple[frozenset[int], ...]:
        return tuple(
            frozenset(run.roots)
            | frozenset(run.gradients)
            | {e.value for visit in run.visits for e in self.nodes[visit.node].edges if e.value is not None}
            | frozenset(i for i, visit in self._inside(run) if visit.upstream[self.values[i].slot] is not None)
            for run in self.passes
        )

    def _inside(self, run: BackwardPass) -> Iterator[tuple[int, Visit]]:
        """List results that an op, having several, may also use itself, such as a cell's state."""
        for op in self.ops:
            for value in op.outputs if len(op.outputs) > 1 else ():
                visit = run.visit_of.get(-1 if (node := self.values[value].node) is None else node)
                if visit is not None and self.values[value].slot < len(visit.upstream):
                    yield value, visit

    def to_dict(self) -> dict[str, Any]:
        """Turn the trace into dictionaries, lists, strings and numbers that JSON can hold."""
        with many_objects():
            return {"format": FORMAT, **_encode(self)}

    @staticmethod
    def from_dict(plain: Mapping[str, Any]) -> Trace:
        """Read back what `to_dict` wrote; raise `FileError` if it is damaged or newer than this version."""
        if not isinstance(plain, Mapping) or "format" not in plain:
            raise FileError("This is no recording: it has no `format`. Give a file that `rec.save(...)` wrote.")
        if not isinstance(plain["format"], int) or plain["format"] > FORMAT:
            raise FileError(
                f"This recording has format {plain['format']}, and this version of chainrule reads up to {FORMAT}. "
                "Update it: `pip install --upgrade chainrule`."
            )
        try:
            with many_objects():
                return _trace(plain)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise FileError(
                f"This recording is damaged ({error!r}). Save it again from the code that made it."
            ) from error


@contextmanager
def many_objects() -> Iterator[None]:
    """Keep Python from looking for cycles while many objects are made that have none; it takes half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _encode(thing: Any) -> Any:
    """Turn dataclasses and arrays into plain JSON; numbers that are not finite become strings."""
    if isinstance(thing, np.ndarray):
        return _encode(thing.tolist())
    if hasattr(thing, "__dataclass_fields__"):
        return {name: _encode(getattr(thing, name)) for name in thing.__dataclass_fields__}
    if isinstance(thing, Mapping):
        return {str(key): _encode(item) for key, item in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [_encode(item) for item in thing]
    if isinstance(thing, complex):
        return {"real": _encode(thing.real), "imag": _encode(thing.imag)}
    if isinstance(thing, float) and not math.isfinite(thing):
        return "NaN" if math.isnan(thing) else "Infinity" if thing > 0 else "-Infinity"
    return thing


def _numbers(thing: Any) -> Any:
    if isinstance(thing, list):
        return [_numbers(item) for item in thing]
    if isinstance(thing, Mapping):
        return complex(float(thing["real"]), float(thing["imag"]))
    return float(thing) if isinstance(thing, str) else thing


def _snapshot(plain: Mapping[str, Any] | None) -> Snapshot | None:
    if plain is None:
        return None
    shape, dtype, data = tuple(int(n) for n in plain["shape"]), str(plain["dtype"]), plain["data"]
    array = None
    if data is not None:
        array = np.asarray(_numbers(data), dtype=held_dtype(dtype)).reshape(shape)
        array.setflags(write=False)
    statistics = plain["statistics"]
    return Snapshot(shape, dtype, array, None if statistics is None else {k: float(v) for k, v in statistics.items()})


def held_dtype(dtype: str) -> np.dtype[Any]:
    """Give the NumPy dtype that holds a tensor of this dtype: the same, or the next wider one that NumPy has."""
    try:
        return np.dtype(dtype)
    except TypeError:
        if "float" not in dtype and "complex" not in dtype:
            raise
        return np.dtype("complex64" if "complex" in dtype else "float32")


def _known(plain: Mapping[str, Any] | None) -> Snapshot:
    tensor = _snapshot(plain)
    if tensor is None:
        raise ValueError("a tensor is missing")
    return tensor


def _trace(plain: Mapping[str, Any]) -> Trace:
    def flow(f: Mapping[str, Any]) -> Flow:
        return Flow(_snapshot(f["contribution"]), _snapshot(f["local"]), f["kind"])

    def hook(h: Mapping[str, Any]) -> Hook:
        return Hook(h["value"], h["name"], _known(h["before"]), _known(h["after"]))

    def op(o: Mapping[str, Any]) -> Op:
        lists = {name: tuple(o[name]) for name in ("inputs", "outputs", "letters")}
        return Op(**{**o, **lists, "constants": {a: _numbers(number) for a, number in o["constants"].items()}})

    trace = Trace(
        values=tuple(Value(**{**v, "tensor": _known(v["tensor"])}) for v in plain["values"]),
        ops=tuple(op(o) for o in plain["ops"]),
        nodes=tuple(Node(n["name"], n["op"], tuple(Edge(**e) for e in n["edges"])) for n in plain["nodes"]),
        passes=tuple(
            BackwardPass(
                roots=tuple(p["roots"]),
                visits=tuple(
                    Visit(
                        v["node"],
                        tuple(_snapshot(u) for u in v["upstream"]),
                        tuple(flow(f) for f in v["flows"]),
                    )
                    for v in p["visits"]
                ),
                gradients={int(value): _known(tensor) for value, tensor in p["gradients"].items()},
                hooks=tuple(map(hook, p.get("hooks", ()))),
            )
            for p in plain["passes"]
        ),
    )
    for positions, held in (
        ([i for op in trace.ops for i in (*op.inputs, *op.outputs)], trace.values),
        ([v.op for v in trace.values if v.op is not None], trace.ops),
        ([v.node for v in trace.values if v.node is not None], trace.nodes),
        ([e.node for n in trace.nodes for e in n.edges if e.node is not None], trace.nodes),
        ([e.value for n in trace.nodes for e in n.edges if e.value is not None], trace.values),
        ([n.op for n in trace.nodes if n.op is not None], trace.ops),
        ([visit.node for p in trace.passes for visit in p.visits], trace.nodes),
        ([i for p in trace.passes for i in (*p.roots, *p.gradients)], trace.values),
        ([hook.value for p in trace.passes for hook in p.hooks], trace.values),
    ):
        for position in positions:
            if not isinstance(position, int) or not 0 <= position < len(held):
                raise ValueError(f"it points to number {position} of {len(held)}")
    return trace

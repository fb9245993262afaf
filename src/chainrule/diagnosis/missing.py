"""Say why a gradient never came: the way to a value was cut, it was not used, or nobody asked for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TypeAlias

from chainrule.diagnosis.causes import Finding, say
from chainrule.diagnosis.conditions import ops_in
from chainrule.diagnosis.evidence import call, call_of, name
from chainrule.diagnosis.thresholds import NEAR
from chainrule.trace import Event, Node, Snapshot, Trace

_Fate: TypeAlias = tuple[Mapping[int, int | Event], frozenset[int], frozenset[int]]


class Missing:
    """Look for the way of a gradient through a trace, from what its backward passes differentiated."""

    def __init__(self, trace: Trace, passes: Sequence[int]) -> None:
        """Hold the trace and the passes; those that were asked for some gradients alone count if there is no other."""
        whole = [i for i in passes if trace.passes[i].asked is None]
        self.trace, self.passes = trace, whole or list(passes)
        self.runs = [trace.passes[i] for i in self.passes]
        self.roots = list(dict.fromkeys(root for run in self.runs for root in run.roots))

    def why(self, value: int) -> Finding | None:
        """Return why a value got no gradient, or none that is a leaf's; `None` if it did."""
        return self._never(value) if self.gradient(value) is None else self.replaced(value)

    def gradient(self, value: int) -> Snapshot | None:
        """Return a value's gradient in the first of the passes that gave one."""
        found = (self.trace.gradient(value, i) for i in self.passes)
        return next((gradient for gradient in found if gradient is not None), None)

    @cached_property
    def held(self) -> frozenset[int]:
        """List the leaves that an optimizer of the block holds."""
        return frozenset(self.first[value] for update in self.trace.updates for value in update.parameters)

    @cached_property
    def strays(self) -> frozenset[int]:
        """List what an optimizer holds that no module and no variable has."""
        return frozenset(i for i, held in enumerate(self.trace.values) if ".param_groups[" in held.name)

    def is_asked(self, value: int) -> bool:
        """Tell whether a leaf is to learn: all are, but where an optimizer steps those that one holds."""
        return not self.trace.updates or self.first[value] in self.held

    @cached_property
    def leaves(self) -> tuple[int, ...]:
        """List the leaves that no pass reached, and the results that replaced one.

        A leaf that was changed in place is one leaf, however many values it has been.
        """
        trace, first = self.trace, self.first
        reached = {first[i] for run in trace.passes for i in (*run.gradients, *run.roots)}
        reached |= {first[i] for i in self._fate_of([r for run in trace.passes if run.asked for r in run.roots])[2]}
        asked = {first[i] for run in self.runs for i in run.asked or ()}
        found = [i for i in sorted(self._rebound) if self.gradient(i) is not None]
        for i, held in enumerate(trace.values):
            if not held.leaf or not held.requires_grad or first[i] in reached:
                continue
            if self.runs[0].asked is not None and first[i] not in asked:
                continue
            uses = self.uses.get(i, ())
            copied = uses and not any(map(self.is_use, uses)) and (i not in self._taken or i in self._same)
            if self.is_asked(i) and i not in self.strays and (not copied or trace.updates):
                reached.add(first[i])
                found.append(i)
        return tuple(found)

    def is_use(self, number: int) -> bool:
        """Tell whether an op uses a leaf: a module that is copied, as encoders do, or changed in place is not used."""
        op, values = self.trace.ops[number], self.trace.values
        return op.file != "copy.py" and not any(values[out].leaf and values[out].requires_grad for out in op.outputs)

    @cached_property
    def first(self) -> Sequence[int]:
        """Tell leaves apart: each goes by the value that it was first, however often it has changed since."""
        found: list[int] = []
        for i, held in enumerate(self.trace.values):
            found.append(i if held.before is None else found[held.before])
        return found

    @cached_property
    def uses(self) -> Mapping[int, list[int]]:
        """List the ops that take each value, once for each time."""
        found: dict[int, list[int]] = {}
        for i, op in enumerate(self.trace.ops):
            for value in op.inputs:
                found.setdefault(value, []).append(i)
        return found

    # The way back ---------------------------------------------------------------------------------------------

    @cached_property
    def _made_by(self) -> Mapping[int, Event]:
        return {value: event for event in self.trace.events for value in event.made if event.values}

    @cached_property
    def fate(self) -> _Fate:
        """Follow the numbers back from the losses of the passes."""
        return self._fate_of(self.roots)

    def _fate_of(self, roots: Sequence[int]) -> _Fate:
        """Follow the numbers back from losses: what cuts a value off, which values led to them, and which whole."""
        trace, values = self.trace, self.trace.values
        above, whole = set(roots), {root for root in roots if values[root].requires_grad}
        cut: dict[int, int | Event] = {}
        for i in range(len(trace.ops) - 1, -1, -1) if roots else ():
            made = [value for value in trace.ops[i].outputs if value in above]
            for value in trace.ops[i].inputs if made else ():
                above.add(value)
                if (event := self._made_by.get(value)) is not None:
                    above.update(event.values)
                    cut.update(dict.fromkeys(event.values, event))
                for out in made:
                    is_leaf = values[out].leaf and self.first[out] != self.first[value]
                    if is_leaf or not values[out].requires_grad:
                        cut.setdefault(value, i)
                    elif out in whole:
                        whole.add(value)
                    elif out in cut:
                        cut.setdefault(value, cut[out])
        return cut, frozenset(above), frozenset(whole)

    @cached_property
    def _taken(self) -> Mapping[int, Event]:
        """Say which values' numbers were taken out of the graph, be it after further ops, and by what."""
        found = {value: e for e in reversed(self.trace.events) if e.name in ops_in("TAKES") for value in e.values}
        found = self._same | found
        for op in reversed(self.trace.ops):
            for taken in [found[out] for out in op.outputs if out in found][:1]:
                found.update({value: taken for value in op.inputs if value not in found})
        return found

    @cached_property
    def _same(self) -> dict[int, Event]:
        """Find values whose numbers a leaf has that got a gradient: `nn.Parameter` and `deepcopy` copy them."""
        values = self.trace.values
        kept = {
            _print(values[i].tensor): i
            for run in self.runs
            for i in run.gradients
            if values[i].leaf and values[i].op is None and values[i].before is None and values[i].shape
        }
        shapes, found = {values[i].shape for i in kept.values()}, dict[int, Event]()
        for i, held in enumerate(values):
            twin = kept.get(_print(held.tensor)) if held.requires_grad and held.shape in shapes else None
            if twin is not None and self.first[twin] != self.first[i] and self.gradient(i) is None:
                op = None if held.op is None else self.trace.ops[held.op]
                made = (op.expression, op.file, op.line) if op is not None else (held.name,)
                found[i] = Event("same", (i,), (twin,), 0, 0, *made)
        return found

    @cached_property
    def _inferred(self) -> frozenset[int]:
        return frozenset(v for event in self.trace.events if event.name == "inference_mode" for v in event.made)

    @cached_property
    def _checkpointed(self) -> Mapping[int, Event]:
        return {value: event for event in self.trace.events if event.name == "checkpoint" for value in event.made}

    @cached_property
    def _rebound(self) -> frozenset[int]:
        """Find results that took over the name of a leaf and were made from its gradient: `w = w - rate * w.grad`."""
        values, ops = self.trace.values, self.trace.ops
        leaves = {held.name for held in values if held.leaf and held.requires_grad}
        found = set()
        for i, held in enumerate(values):
            first = held.name.partition("#")[0]
            if held.leaf or held.op is None or held.name == first or first not in leaves:
                continue
            near = [held.op]
            for _ in range(NEAR):
                made = (values[v].op for v in ops[near[-1]].inputs)
                near += [op for op in made if op is not None and op not in near][:1]
            inputs = {values[v].name for op in near for v in ops[op].inputs}
            if any(".grad" in text for text in (ops[held.op].expression, *inputs)):
                found.add(i)
        return frozenset(found)

    def replaced(self, value: int) -> Finding | None:
        """Say that a name which was a leaf's has been bound to a result."""
        held = self.trace.values[value]
        if value not in self._rebound or held.op is None:
            return None
        key = "replaced" if held.requires_grad else "replaced unseen"
        called, made = name(self.trace, value), call(self.trace, held.op)
        return say(key, held.op, value=called, made=made, first=held.name.partition("#")[0])

    def _never(self, value: int) -> Finding:
        """Say why no gradient came to a value."""
        trace, held, called = self.trace, self.trace.values[value], name(self.trace, value)
        root = name(trace, self.roots[0]) if self.roots else "the loss"
        if is_whole(held.dtype) and held.op is None:
            return say("integer", held.op, value=called, dtype=held.dtype)
        if not held.requires_grad:
            return self._without(value)
        cut, _, whole = self.fate
        if value in whole:
            return self._stopped(value, root)
        if value in cut:
            return self.cut_by(cut[value])
        if value in self._taken:
            return self.cut_by(self._taken[value])
        uses = self.uses.get(value, ())
        if not uses and self._stands_beside(held.name):
            return say("not chosen")
        if not uses:
            return say("not made from" if held.op is not None else "no part", root=root, value=called)
        more = f" and {len(uses) - 1:,} more" if len(uses) > 1 else ""
        return say("not used", uses[0], root=root, value=called, user=f"{call(trace, uses[0])}{more}")

    def _stands_beside(self, path: str) -> bool:
        """Tell whether a parameter's module is in a list of modules others of which were called."""
        lists = [m.path for m in self.trace.modules if m.kind in ("ModuleList", "ModuleDict")]
        return any(path.startswith(f"{module}.") for module in lists)

    def behind(self, value: int) -> int | Event | None:
        """Find what let go of the way back on the way to a value without one."""
        pending, seen = [value], {value}
        for at in pending:
            if at in self._made_by:
                return self._made_by[at]
            values, op = self.trace.values, self.trace.values[at].op
            inputs, outputs = ((), ()) if op is None else (self.trace.ops[op].inputs, self.trace.ops[op].outputs)
            is_other = not is_whole(values[at].dtype) and any(values[v].requires_grad for v in outputs)
            is_other = is_other or (op is not None and self.trace.ops[op].name in ops_in("SEVERAL"))
            if any(values[v].requires_grad for v in inputs) and not is_other:  # of several, one may be of numbers alone
                return op
            pending += [v for v in dict.fromkeys(inputs) if v not in seen and not values[v].requires_grad]
            seen.update(inputs)
        return None

    def _without(self, value: int) -> Finding:
        """Say why a value requires no gradient."""
        trace, op, called = self.trace, self.trace.values[value].op, name(self.trace, value)
        if (cut := self.behind(value)) is not None:
            return self.cut_by(cut)
        if op is None:
            return say("requires_grad", value=called)
        return say("made of frozen", op, value=called, made=call(trace, op))

    def cut_by(self, cut: int | Event) -> Finding:
        """Say which op, or what beside the graph, let go of the gradient's way."""
        if not isinstance(cut, Event):
            cut = self._checkpointed.get(self.trace.ops[cut].outputs[0], cut)
        if isinstance(cut, Event):
            value, result = (name(self.trace, held[-1]) if held else "" for held in (cut.values, cut.made))
            return say(self.kind(cut), event=cut, made=call_of(cut), result=result, value=value)
        op, out = self.trace.ops[cut], self._without_way(cut)
        dtype, result = self.trace.values[out].dtype, name(self.trace, out)
        return say(self.kind(cut), cut, made=call(self.trace, cut), result=result, dtype=dtype, verb=op.name)

    def kind(self, cut: int | Event) -> str:
        """Tell in which way an op or a call beside the graph lets go; the key of what is said of it."""
        if isinstance(cut, Event):
            kind = "numbers" if cut.name in ops_in("NUMBERS") else "copies" if "tensor" in cut.name else cut.name
            return f"cut by {kind}"
        op = self.trace.ops[cut]
        if op.name in ("detach", "detach_", "data"):
            return "detached"
        out = self.trace.values[self._without_way(cut)]
        if is_whole(out.dtype):
            return "made whole"
        if not self._inferred.isdisjoint(op.outputs):
            return "inference"
        return "copied into" if out.leaf else "no_grad"

    def _without_way(self, op: int) -> int:
        """Return the first result of an op that has no way back, such as the places that `topk` picked."""
        outputs = self.trace.ops[op].outputs
        return next((out for out in outputs if not self.trace.values[out].requires_grad), outputs[0])

    @cached_property
    def _nodes_of(self) -> Mapping[int, list[Node]]:
        """List the nodes of each op that had their turn."""
        found: dict[int, list[Node]] = {}
        for visit in (visit for run in self.runs for visit in run.visits):
            node = self.trace.nodes[visit.node]
            if node.op is not None:
                found.setdefault(node.op, []).append(node)
        return found

    def _stopped(self, value: int, root: str) -> Finding:
        """Say where a gradient stopped that had a way to a value: follow the way to the first op that had one."""
        trace, at, ahead = self.trace, value, set(self.fate[2])
        while True:
            ahead.discard(at)
            ops = [op for op in self.uses.get(at, ()) if not ahead.isdisjoint(trace.ops[op].outputs)]
            op = next((op for op in reversed(ops) if op in self._nodes_of), None)
            if op is not None or not ops:
                break
            at = max(ahead.intersection(trace.ops[ops[-1]].outputs))
        if op is not None and any(run.asked is None for run in self.runs):
            nodes = self._nodes_of[op]
            if not any(node.name[-1:].isdigit() for node in nodes):  # PyTorch numbers its own
                key = "compiled" if trace.ops[op].name.startswith("CompiledFunction") else "stopped"
                return say(key, op, made=call(trace, op), value=name(trace, at))
            if not any(edge.value == at for node in nodes for edge in node.edges):
                return say("detached in place", op, made=call(trace, op), value=name(trace, at))
        return say("not asked", root=root, value=name(trace, value))


def _print(tensor: Snapshot) -> object:
    """Return what two tensors have in common that have the same numbers, as far as these were kept."""
    if tensor.data is not None:
        return tensor.shape, tensor.dtype, tensor.data.tobytes()
    return tensor.shape, tensor.dtype, tuple((tensor.statistics or {"": id(tensor)}).items())


def is_whole(dtype: str) -> bool:
    """Tell whether a dtype holds whole numbers alone."""
    return dtype.removeprefix("u").startswith(("int", "bool"))

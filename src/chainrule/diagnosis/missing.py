"""Say why a gradient never came to a value: the way to it was cut, it was not used, or nobody asked for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from chainrule.diagnosis.causes import Finding, say
from chainrule.diagnosis.evidence import call, name
from chainrule.diagnosis.thresholds import NEAR
from chainrule.trace import Node, Snapshot, Trace


class Missing:
    """Look for the way of a gradient through a trace, from what one backward pass differentiated."""

    def __init__(self, trace: Trace, backward: int) -> None:
        """Hold the trace and the pass."""
        self.trace, self.run, self.index = trace, trace.backward(backward), backward

    def why(self, value: int) -> Finding | None:
        """Return why a value got no gradient, or none that is a leaf's; `None` if it did."""
        return self._never(value) if self.gradient(value) is None else self._replaced(value)

    def gradient(self, value: int) -> Snapshot | None:
        """Return a value's gradient in this pass."""
        return self.trace.gradient(value, self.index)

    @cached_property
    def leaves(self) -> tuple[int, ...]:
        """List the leaves to look at: those that this pass reached, those that none reached, and those replaced.

        A leaf that was changed in place is one leaf, however many values it has been.
        """
        trace, first = self.trace, self._first
        came = [i for run in trace.passes for i in (*run.gradients, *run.roots)]
        reached = {first[i] for i in came} | {trace.values[i].name.partition("#")[0] for i in came}
        used = {
            value
            for op in trace.ops
            if op.file != "copy.py"  # a module that is copied, as encoders do, is not used by that
            and not any(trace.values[out].leaf and trace.values[out].requires_grad for out in op.outputs)
            for value in op.inputs
        }
        found = []
        for i, held in enumerate(trace.values):
            if i in self._rebound:
                if self.gradient(i) is not None:
                    found.append(i)
            elif not held.leaf or not held.requires_grad:
                continue
            elif i in self.run.gradients:
                found.append(i)
            elif i in used and first[i] not in reached:
                reached.add(first[i])
                found.append(i)
        return tuple(found)

    @cached_property
    def _first(self) -> Sequence[object]:
        """Tell leaves apart: by autograd's own node, or else by what each was called before it was changed in place."""
        trace, found = self.trace, list[object]()
        nodes = {to.value: to.node for node in trace.nodes for to in node.edges if to.value is not None}
        for i, held in enumerate(trace.values):
            node = nodes.get(i) if held.leaf else None  # two modules may both call theirs `weight`
            before = trace.ops[held.op].inputs[:1] if held.op is not None and held.leaf else ()
            same = [found[v] for v in before if v < i and trace.values[v].leaf]
            found.append(same[0] if same else held.name.partition("#")[0] if node is None else node)
        return found

    @cached_property
    def uses(self) -> Mapping[int, list[int]]:
        """List the ops that take each value, once for each time."""
        found: dict[int, list[int]] = {}
        for i, op in enumerate(self.trace.ops):
            for value in op.inputs:
                found.setdefault(value, []).append(i)
        return found

    @cached_property
    def _fate(self) -> tuple[Mapping[int, int], frozenset[int], frozenset[int]]:
        """Follow the numbers back from the loss: which op cuts a value off, which values led to it, and which whole."""
        trace = self.trace
        above = set(self.run.roots)
        whole = {root for root in self.run.roots if trace.values[root].requires_grad}
        cut: dict[int, int] = {}
        for i in range(len(trace.ops) - 1, -1, -1):
            made = [value for value in trace.ops[i].outputs if value in above]
            for value in trace.ops[i].inputs if made else ():
                above.add(value)
                for out in made:
                    if not trace.values[out].requires_grad:
                        cut[value] = i
                    elif out in whole:
                        whole.add(value)
                    elif out in cut:
                        cut.setdefault(value, cut[out])
        return cut, frozenset(above), frozenset(whole)

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

    def _replaced(self, value: int) -> Finding | None:
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
        root = name(trace, self.run.roots[0]) if self.run.roots else "the loss"
        if _is_whole(held.dtype):
            return say("integer", held.op, value=called, dtype=held.dtype)
        if not held.requires_grad:
            return self._replaced(value) or self._without(value)
        cut, above, whole = self._fate
        if value in whole:
            return self._stopped(value, root)
        if value in cut:
            return self._cut_by(cut[value])
        uses = self.uses.get(value, []) if value not in above else []
        if not uses:
            return say("not made from", root=root, value=called)
        more = f" and {len(uses) - 1:,} more" if len(uses) > 1 else ""
        return say("not used", uses[0], root=root, value=called, user=f"{call(trace, uses[0])}{more}")

    def _without(self, value: int) -> Finding:
        """Say why a value requires no gradient."""
        trace, op, called = self.trace, self.trace.values[value].op, name(self.trace, value)
        if op is None:
            return say("requires_grad", value=called)
        if any(trace.values[v].requires_grad for v in trace.ops[op].inputs):
            return self._cut_by(op)
        return say("made of frozen", op, value=called, made=call(trace, op))

    def _cut_by(self, number: int) -> Finding:
        """Say which op let go of the gradient's way."""
        op = self.trace.ops[number]
        dtype, result = self.trace.values[op.outputs[0]].dtype, name(self.trace, op.outputs[0])
        taken = op.name in ("detach", "detach_", "data")
        key = "detached" if taken else "made whole" if _is_whole(dtype) else "no_grad"
        return say(key, number, made=call(self.trace, number), result=result, dtype=dtype, verb=op.name)

    @cached_property
    def _nodes_of(self) -> Mapping[int, list[Node]]:
        """List the nodes of each op that had their turn."""
        found: dict[int, list[Node]] = {}
        for visit in self.run.visits:
            node = self.trace.nodes[visit.node]
            if node.op is not None:
                found.setdefault(node.op, []).append(node)
        return found

    def _stopped(self, value: int, root: str) -> Finding:
        """Say where a gradient stopped that had a way to a value: follow the way to the first op that had one."""
        trace, at, ahead = self.trace, value, set(self._fate[2])
        while True:
            ahead.discard(at)
            ops = [op for op in self.uses.get(at, ()) if not ahead.isdisjoint(trace.ops[op].outputs)]
            op = next((op for op in reversed(ops) if op in self._nodes_of), None)
            if op is not None or not ops:
                break
            at = max(ahead.intersection(trace.ops[ops[-1]].outputs))
        if op is not None:
            nodes = self._nodes_of[op]
            if not any(node.name[-1:].isdigit() for node in nodes):  # PyTorch numbers its own
                return say("stopped", op, made=call(trace, op), value=name(trace, at))
            if not any(edge.value == at for node in nodes for edge in node.edges):
                return say("detached in place", op, made=call(trace, op), value=name(trace, at))
        return say("not asked", root=root, value=name(trace, value))


def _is_whole(dtype: str) -> bool:
    return dtype.removeprefix("u").startswith(("int", "bool"))

"""Say why a gradient never came: the way to a value was cut, it was not used, or nobody asked for it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeAlias

from chainrule.calculus.rules import canonical
from chainrule.diagnosis.causes import Finding, say
from chainrule.diagnosis.evidence import call, call_of, code, name
from chainrule.diagnosis.thresholds import NEAR
from chainrule.trace import Event, Node, Op, Snapshot, Trace

_Fate: TypeAlias = tuple[Mapping[int, int | Event], frozenset[int], frozenset[int]]
_LINEAR = frozenset(["add", "sub", "rsub", "neg", "mul", "div", "mean", "sum", "stack", "cat", "to", "float", "double"])
_SEVERAL = frozenset(["broadcast_tensors", "meshgrid"])  # they hand on several tensors, each by itself
_DISCRETE = frozenset(["bernoulli", "multinomial", "poisson", "binomial"])
_NUMBERS = frozenset(["item", "tolist", "numpy", "__float__", "__int__", "__array__"])
_TAKES = _NUMBERS | frozenset(["tensor", "as_tensor", "new_tensor", "sample", "data", "grad"])


class Missing:
    """Look for the way of a gradient through a trace, from what its backward passes differentiated."""

    def __init__(self, trace: Trace, passes: Sequence[int]) -> None:
        """Hold the trace and the passes; those that were asked for some gradients alone count if there is no other."""
        whole = [i for i in passes if trace.passes[i].asked is None]
        self.trace, self.passes = trace, whole or list(passes)
        self.runs = [trace.passes[i] for i in self.passes]
        self._roots = list(dict.fromkeys(root for run in self.runs for root in run.roots))

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
            if not held.leaf or not held.requires_grad or i in self._rebound or first[i] in reached:
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
    def _fate(self) -> _Fate:
        return self._fate_of(self._roots)

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
        found = {value: e for e in reversed(self.trace.events) if e.name in _TAKES for value in e.values}
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

    @property
    def copies(self) -> Collection[Event]:
        """List what `_same` found."""
        return self._same.values()

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
        root = name(trace, self._roots[0]) if self._roots else "the loss"
        if _is_whole(held.dtype) and held.op is None:
            return say("integer", held.op, value=called, dtype=held.dtype)
        if not held.requires_grad:
            return self.replaced(value) or self._without(value)
        cut, above, whole = self._fate
        if value in whole:
            return self._stopped(value, root)
        if value in cut:
            return self._cut_by(cut[value])
        if value in self._taken and value not in above:
            return self._cut_by(self._taken[value])
        uses = self.uses.get(value, []) if value not in above else []
        if not uses and self._stands_beside(held.name):
            return say("not chosen")
        if not uses:
            return say("not made from" if held.op is not None or value in above else "no part", root=root, value=called)
        more = f" and {len(uses) - 1:,} more" if len(uses) > 1 else ""
        return say("not used", uses[0], root=root, value=called, user=f"{call(trace, uses[0])}{more}")

    def _stands_beside(self, path: str) -> bool:
        """Tell whether a parameter's module is in a list of modules others of which were called."""
        lists = [m.path for m in self.trace.modules if m.kind in ("ModuleList", "ModuleDict")]
        return any(path.startswith(f"{module}.") for module in lists)

    def _behind(self, value: int) -> int | Event | None:
        """Find what let go of the way back on the way to a value without one."""
        pending, seen = [value], {value}
        for at in pending:
            if at in self._made_by:
                return self._made_by[at]
            values, op = self.trace.values, self.trace.values[at].op
            inputs, outputs = ((), ()) if op is None else (self.trace.ops[op].inputs, self.trace.ops[op].outputs)
            is_other = not _is_whole(values[at].dtype) and any(values[v].requires_grad for v in outputs)
            is_other = is_other or (op is not None and self.trace.ops[op].name in _SEVERAL)
            if any(values[v].requires_grad for v in inputs) and not is_other:  # of several, one may be of numbers alone
                return op
            pending += [v for v in dict.fromkeys(inputs) if v not in seen and not values[v].requires_grad]
            seen.update(inputs)
        return None

    def _without(self, value: int) -> Finding:
        """Say why a value requires no gradient."""
        trace, op, called = self.trace, self.trace.values[value].op, name(self.trace, value)
        if (cut := self._behind(value)) is not None:
            return self._cut_by(cut)
        if op is None:
            return say("requires_grad", value=called)
        return say("made of frozen", op, value=called, made=call(trace, op))

    def _cut_by(self, cut: int | Event, key: str = "") -> Finding:
        """Say which op, or what beside the graph, let go of the gradient's way."""
        if not isinstance(cut, Event):
            cut = self._checkpointed.get(self.trace.ops[cut].outputs[0], cut)
        key = key or self._kind(cut)
        if isinstance(cut, Event):
            value, result = (name(self.trace, held[-1]) if held else "" for held in (cut.values, cut.made))
            return say(key, event=cut, made=call_of(cut), result=result, value=value)
        op, values = self.trace.ops[cut], self.trace.values
        dtype, result = values[op.outputs[0]].dtype, name(self.trace, op.outputs[0])
        return say(key, cut, made=call(self.trace, cut), result=result, dtype=dtype, verb=op.name)

    def _kind(self, cut: int | Event) -> str:
        """Tell in which way an op or a call beside the graph lets go; the key of what is said of it."""
        if isinstance(cut, Event):
            kind = "numbers" if cut.name in _NUMBERS else "copies" if "tensor" in cut.name else cut.name
            return f"cut by {kind}"
        op = self.trace.ops[cut]
        if op.name in ("detach", "detach_", "data"):
            return "detached"
        if _is_whole(self.trace.values[op.outputs[0]].dtype):
            return "made whole"
        if not self._inferred.isdisjoint(op.outputs):
            return "inference"
        return "copied into" if self.trace.values[op.outputs[0]].leaf else "no_grad"

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
        trace, at, ahead = self.trace, value, set(self._fate[2])
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

    # What adds nothing though the loss has a gradient ------------------------------------------------------------

    def idle(self) -> Iterator[tuple[Finding, list[int]]]:
        """Yield the terms of the losses that have no way back by mistake, and the samples through which none goes."""
        values, ops = self.trace.values, self.trace.ops
        pending = [root for root in self._roots if values[root].requires_grad]
        seen = set(pending)
        for at in pending:
            op = values[at].op
            if op is None or canonical(ops[op].name) not in _LINEAR:
                continue
            inputs = ops[op].inputs
            if canonical(ops[op].name) in ("mul", "div") and len(inputs) > 1:
                inputs = tuple(v for v in inputs if values[v].requires_grad or not values[at].requires_grad)
            for value in inputs:
                if value in seen:
                    continue
                seen.add(value)
                if values[value].requires_grad or (len(ops[op].inputs) == 1 and not values[at].requires_grad):
                    pending.append(value)
                cut = None if values[value].requires_grad else self._behind(value)
                if cut is not None and (kind := self._kind(cut)) != "detached":
                    yield self._constant(self._named(value), self._cut_by(cut), kind == "no_grad"), [value]
                elif cut is None and not values[value].requires_grad and self._arrays:
                    yield self._constant(self._named(value), self._cut_by(self._arrays[0]), True), [value]
            for number in self._added(ops[op]):
                for event in self.trace.events if number else ():
                    if event.name in _NUMBERS and self._makes(event, number):
                        yield self._constant(code(f"{number:.4g}"), self._cut_by(event), False), [at]
        yield from self._sampled()
        for i, held in enumerate(values):
            if held.node is not None and held.op is None and not held.leaf and self.gradient(i) is not None:
                yield say("no leaf", value=name(self.trace, i)), [i]
        written = dict[object, int]()
        for i, taken in enumerate(ops):
            after = [ops[use].name for use in self.uses.get(taken.outputs[0], ())] if taken.name == "data" else []
            if any(one.endswith("_") for one in after) and not values[taken.inputs[0]].leaf:
                written.setdefault((taken.file, taken.line), i)
        for i in written.values():
            yield say("written unseen", i, made=call(self.trace, i)), list(ops[i].inputs[:1])

    @cached_property
    def _arrays(self) -> list[Event]:
        """List what became arrays though it was made from what learns."""
        taken = [event for event in self.trace.events if event.name in ("numpy", "__array__", "tolist")]
        return [event for event in taken if any(self._behind(value) is not None for value in event.values)]

    def _constant(self, term: str, lost: Finding, is_question: bool) -> Finding:
        said = say("constant term", term=term, proof=lost.proof)
        return replace(lost, cause=said.cause, proof=said.proof, is_question=is_question)

    def _added(self, op: Op) -> list[float]:
        """List the plain numbers that an op adds."""
        is_sum = canonical(op.name) in ("add", "sub", "rsub") and len(op.inputs) == 1
        return [float(c) for c in op.constants.values() if is_sum and not isinstance(c, complex)]

    def _makes(self, event: Event, number: float) -> bool:
        """Tell whether a number is what was taken out of what learns, or its sum, times a number of two digits."""
        values = [self.trace.values[value] for value in event.values]
        taken = [float(held.tensor.number or 0) for held in values if held.requires_grad]
        return any(not _is_short(one) and _is_short(number / one) for one in {*taken, sum(taken)} if one)

    def _named(self, value: int) -> str:
        """Name a term, by the variable that a number times it has, if there is one."""
        held, ops = self.trace.values[value], self.trace.ops
        while not held.name.partition("#")[0].isidentifier() and held.op is not None and len(ops[held.op].inputs) == 1:
            inner = ops[held.op].inputs[0]
            if not self.trace.values[inner].name.partition("#")[0].isidentifier():
                break
            value, held = inner, self.trace.values[inner]
        return name(self.trace, value)

    def _sampled(self) -> Iterator[tuple[Finding, list[int]]]:
        """Find samples in the loss that are not scored by the distribution that they were drawn from."""
        values, ops = self.trace.values, self.trace.ops
        drawn = [event for event in self.trace.events if event.name == "sample" and self._could_learn(event)]
        origin = {v for event in drawn for v in event.values if values[v].requires_grad}
        after = {v for event in drawn for v in event.made}
        inside = {values[v].op for v in after}
        for i, op in enumerate(ops if drawn else ()):
            if i not in inside and not after.isdisjoint(op.inputs):
                if not origin.isdisjoint(op.inputs):
                    return
                after.update(out for out in op.outputs if not values[out].requires_grad)
        for event in drawn:
            if event.made[-1] in self._fate[1]:
                yield self._cut_by(event), [event.made[-1]]

    def _could_learn(self, drawn: Event) -> bool:
        """Tell whether a sample was drawn from what learns, and could be drawn so that a gradient goes through."""
        made = self.trace.values[drawn.made[-1]]
        is_discrete = made.op is None or self.trace.ops[made.op].name in _DISCRETE or _is_whole(made.dtype)
        return not is_discrete and any(self.trace.values[v].requires_grad for v in drawn.values)


def _print(tensor: Snapshot) -> object:
    """Return what two tensors have in common that have the same numbers, as far as these were kept."""
    if tensor.data is not None:
        return tensor.shape, tensor.dtype, tensor.data.tobytes()
    return tensor.shape, tensor.dtype, tuple((tensor.statistics or {"": id(tensor)}).items())


def _is_short(number: float) -> bool:
    """Tell whether two digits write a number."""
    return math.isfinite(number) and abs(float(f"{number:.2g}") - number) <= 1e-6 * abs(number)


def _is_whole(dtype: str) -> bool:
    return dtype.removeprefix("u").startswith(("int", "bool"))

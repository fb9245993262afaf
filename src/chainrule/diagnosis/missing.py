"""Follow the numbers through a trace: where a gradient's way was cut, what was not used, and what adds nothing.

Two sweeps do it. On the way forward, each value without a way back learns who let go of it (`lost`); on the way from
the losses, each value learns how its numbers end (`ends`). The rest looks things up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeAlias

from chainrule.calculus.rules import canonical
from chainrule.diagnosis.causes import Finding, say
from chainrule.diagnosis.conditions import ops_in
from chainrule.diagnosis.evidence import call, call_of, code, name
from chainrule.diagnosis.thresholds import NEAR
from chainrule.trace import Event, Snapshot, Trace

Cut: TypeAlias = int | Event
"""Who let go: an op, or a call beside the graph."""
Told: TypeAlias = tuple[Finding, list[int]]
"""What was found, and of which values."""
_WHOLE, _CUT, _TAKEN = 0, 1, 2
"""How a value's numbers end: they came to a loss with a way back, without one, or left the graph."""


class Missing:
    """Look for the way of a gradient through a trace, from what its backward passes differentiated."""

    def __init__(self, trace: Trace, passes: Sequence[int]) -> None:
        """Hold the trace and the passes; those that were asked for some gradients alone count if there is no other."""
        whole = [i for i in passes if trace.passes[i].asked is None]
        self.trace, self.passes = trace, whole or list(passes)
        self.runs = [trace.passes[i] for i in self.passes]
        self.roots = list(dict.fromkeys(root for run in self.runs for root in run.roots))
        self.first: list[int] = []
        """Tells leaves apart: each goes by the value that it was first, however often it has changed since."""
        for i, held in enumerate(trace.values):
            self.first.append(i if held.before is None else self.first[held.before])
        self.held = frozenset(self.first[value] for update in trace.updates for value in update.parameters)
        """The leaves that an optimizer of the block holds."""
        self.strays = frozenset(i for i, held in enumerate(trace.values) if ".param_groups[" in held.name)
        """What an optimizer holds that no module and no variable has."""
        self.uses: dict[int, list[int]] = {}
        """The ops that take each value, once for each time."""
        for i, op in enumerate(trace.ops):
            for value in op.inputs:
                self.uses.setdefault(value, []).append(i)
        self._made = {value: event for event in trace.events for value in event.made if event.values}
        self._inferred = {v for event in trace.events if event.name == "inference_mode" for v in event.made}

    def why(self, value: int) -> Finding | None:
        """Return why a value got no gradient, or none that is a leaf's; `None` if it did."""
        return self._never(value) if self.gradient(value) is None else self.replaced(value)

    def gradient(self, value: int) -> Snapshot | None:
        """Return a value's gradient in the first of the passes that gave one."""
        found = (self.trace.gradient(value, i) for i in self.passes)
        return next((gradient for gradient in found if gradient is not None), None)

    def is_asked(self, value: int) -> bool:
        """Tell whether a leaf is to learn: all are, but where an optimizer steps those that one holds."""
        return not self.trace.updates or self.first[value] in self.held

    def is_use(self, number: int) -> bool:
        """Tell whether an op uses a leaf: a module that is copied, as encoders do, or changed in place is not used."""
        op, values = self.trace.ops[number], self.trace.values
        return op.file != "copy.py" and not any(values[out].leaf and values[out].requires_grad for out in op.outputs)

    @cached_property
    def leaves(self) -> tuple[int, ...]:
        """List the leaves that no pass reached, and the results that replaced one; a changed leaf is one leaf."""
        trace, first = self.trace, self.first
        reached = {first[i] for run in trace.passes for i in (*run.gradients, *run.roots)}
        nested = self._ends_at([root for run in trace.passes if run.asked for root in run.roots])
        reached |= {first[i] for i, end in nested.items() if end[0] == _WHOLE}
        asked = {first[i] for run in self.runs for i in run.asked or ()}
        found = [i for i in sorted(self._rebound) if self.gradient(i) is not None]
        for i, held in enumerate(trace.values):
            uses = self.uses.get(i, ())
            is_copied = uses and not any(map(self.is_use, uses)) and (self._ends(i) != _TAKEN or i in self._same)
            if (
                not (held.leaf and held.requires_grad and self.is_asked(i))
                or first[i] in reached
                or i in self.strays
                or (self.runs[0].asked is not None and first[i] not in asked)
                or (is_copied and not trace.updates)
            ):
                continue
            reached.add(first[i])
            found.append(i)
        return tuple(found)

    # The two sweeps -------------------------------------------------------------------------------------------

    @cached_property
    def lost(self) -> Sequence[Cut | None]:
        """Say for each value without a way back who let go of it, or of what it was made from."""
        values, found = self.trace.values, list[Cut | None]()
        for i, held in enumerate(values):
            op = None if held.op is None else self.trace.ops[held.op]
            inputs = () if op is None else [v for v in op.inputs if v < i]
            learns = any(values[v].requires_grad for v in inputs)
            if op is not None and learns:  # of several results, one may be of numbers alone
                others = not is_whole(held.dtype) and any(values[out].requires_grad for out in op.outputs)
                learns = not others and op.name not in ops_in("SEVERAL")
            before = (found[v] for v in inputs if not values[v].requires_grad)
            own = self._made.get(i, held.op if learns else None)
            found.append(own if own is not None else next((cut for cut in before if cut is not None), None))
        return found

    def _ends_at(self, roots: Sequence[int], taken: Mapping[int, Event] | None = None) -> dict[int, _End]:
        """Follow the numbers back from losses: how each value ends, by whom, and the value that was given to that.

        Of values that came to a loss, that is the op next on the way which had its turn in a pass.
        """
        values, first, turns = self.trace.values, self.first, self._turns
        ends: dict[int, _End] = {v: (_TAKEN, event, v) for v, event in (taken or {}).items()}
        ends |= {root: (_WHOLE if values[root].requires_grad else _CUT, None, root) for root in roots}
        for i in range(len(self.trace.ops) - 1, -1, -1) if ends else ():
            for out in self.trace.ops[i].outputs:
                for value in self.trace.ops[i].inputs if out in ends else ():
                    end = ends[out]
                    if end[0] != _TAKEN:
                        is_leaf = values[out].leaf and first[out] != first[value]
                        if is_leaf or not values[out].requires_grad:
                            end = _CUT, i, value
                        elif end[0] == _WHOLE and i in turns:
                            end = _WHOLE, i, value
                        if (event := self._made.get(value)) is not None:
                            ends.update({v: (_CUT, event, v) for v in event.values if ends.get(v, _NONE)[0]})
                    if end[0] < ends.get(value, _NONE)[0]:
                        ends[value] = end
        return ends

    @cached_property
    def ends(self) -> Mapping[int, _End]:
        """Say how each value's numbers end that came to a loss of the passes, or were taken out of the graph."""
        found = {value: e for e in reversed(self.trace.events) if e.name in ops_in("TAKES") for value in e.values}
        return self._ends_at(self.roots, self._same | found)

    def _ends(self, value: int) -> int:
        return self.ends.get(value, _NONE)[0]

    @cached_property
    def _turns(self) -> Mapping[int, list[int]]:
        """List the nodes of each op that had their turn."""
        found: dict[int, list[int]] = {}
        for visit in (visit for run in self.runs for visit in run.visits):
            if (op := self.trace.nodes[visit.node].op) is not None:
                found.setdefault(op, []).append(visit.node)
        return found

    @cached_property
    def _same(self) -> dict[int, Event]:
        """Find values whose numbers a leaf has that got a gradient: `nn.Parameter` and `deepcopy` copy them."""
        values = self.trace.values
        got = (i for run in self.runs for i in run.gradients)
        kept = {_print(values[i].tensor): i for i in got if values[i].leaf and values[i].op is None and values[i].shape}
        kept = {key: i for key, i in kept.items() if values[i].before is None}
        shapes, found = {values[i].shape for i in kept.values()}, dict[int, Event]()
        for i, held in enumerate(values):
            twin = kept.get(_print(held.tensor)) if held.requires_grad and held.shape in shapes else None
            if twin is not None and self.first[twin] != self.first[i] and self.gradient(i) is None:
                op = None if held.op is None else self.trace.ops[held.op]
                made = (op.expression, op.file, op.line) if op is not None else (held.name,)
                found[i] = Event("same", (i,), (twin,), 0, 0, *made)
        return found

    # What is said ---------------------------------------------------------------------------------------------

    @cached_property
    def _rebound(self) -> frozenset[int]:
        """Find results that took over the name of a leaf and were made from its gradient: `w = w - rate * w.grad`."""
        leaves = {held.name for held in self.trace.values if held.leaf and held.requires_grad}
        found, away = set[int](), list[int]()  # how many calls ago a gradient was looked at
        for i, held in enumerate(self.trace.values):
            op = None if held.op is None else self.trace.ops[held.op]
            here = ".grad" in held.name or (op is not None and ".grad" in op.expression)
            near = [away[v] for v in op.inputs if v < i] if op is not None else []
            away.append(0 if here else 1 + min(near, default=NEAR))
            first = held.name.partition("#")[0]
            if op is not None and not held.leaf and held.name != first and first in leaves and away[i] <= NEAR:
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
            if (cut := self.lost[value]) is not None:
                return self.cut_by(cut)
            if held.op is None:
                return say("requires_grad", value=called)
            return say("made of frozen", held.op, value=called, made=call(trace, held.op))
        rank, by, at = self.ends.get(value, _NONE)
        if rank == _WHOLE:
            return self._stopped(value, root, by, at)
        if by is not None:
            return self.cut_by(by)
        uses = self.uses.get(value, ())
        lists = [f"{m.path}." for m in trace.modules if m.kind in ("ModuleList", "ModuleDict")]
        if not uses and held.name.startswith(tuple(lists)):
            return say("not chosen")
        if not uses:
            return say("not made from" if held.op is not None else "no part", root=root, value=called)
        more = f" and {len(uses) - 1:,} more" if len(uses) > 1 else ""
        return say("not used", uses[0], root=root, value=called, user=f"{call(trace, uses[0])}{more}")

    def _stopped(self, value: int, root: str, op: Cut | None, at: int) -> Finding:
        """Say where a gradient stopped that had a way to a value."""
        if isinstance(op, int) and any(run.asked is None for run in self.runs):
            nodes = [self.trace.nodes[node] for node in self._turns[op]]
            told: dict[str, Any] = {"made": call(self.trace, op), "value": name(self.trace, at)}
            if not any(node.name[-1:].isdigit() for node in nodes):  # PyTorch numbers its own
                is_compiled = self.trace.ops[op].name.startswith("CompiledFunction")
                return say("compiled" if is_compiled else "stopped", op, **told)
            if not any(edge.value == at for node in nodes for edge in node.edges):
                return say("detached in place", op, **told)
        return say("not asked", root=root, value=name(self.trace, value))

    def cut_by(self, cut: Cut) -> Finding:
        """Say which op, or what beside the graph, let go of the gradient's way."""
        cut = cut if isinstance(cut, Event) else self._checkpointed.get(self.trace.ops[cut].outputs[0], cut)
        if isinstance(cut, Event):
            value, result = (name(self.trace, held[-1]) if held else "" for held in (cut.values, cut.made))
            return say(self.kind(cut), event=cut, made=call_of(cut), result=result, value=value)
        op, out = self.trace.ops[cut], self._without_way(cut)
        dtype, result = self.trace.values[out].dtype, name(self.trace, out)
        return say(self.kind(cut), cut, made=call(self.trace, cut), result=result, dtype=dtype, verb=op.name)

    @cached_property
    def _checkpointed(self) -> Mapping[int, Event]:
        return {value: event for event in self.trace.events if event.name == "checkpoint" for value in event.made}

    def kind(self, cut: Cut) -> str:
        """Tell in which way an op or a call beside the graph lets go; the key of what is said of it."""
        if isinstance(cut, Event):
            kind = "numbers" if cut.name in ops_in("NUMBERS") else "copies" if "tensor" in cut.name else cut.name
            return f"cut by {kind}"
        op, out = self.trace.ops[cut], self.trace.values[self._without_way(cut)]
        if op.name in ("detach", "detach_", "data"):
            return "detached"
        if is_whole(out.dtype):
            return "made whole"
        if not self._inferred.isdisjoint(op.outputs):
            return "inference"
        return "copied into" if out.leaf else "no_grad"

    def _without_way(self, op: int) -> int:
        """Return the first result of an op that has no way back, such as the places that `topk` picked."""
        outputs = self.trace.ops[op].outputs
        return next((out for out in outputs if not self.trace.values[out].requires_grad), outputs[0])

    # What adds nothing though the loss has a gradient -----------------------------------------------------------

    def idle(self) -> Iterator[Told]:
        """Yield the terms of the losses that have no way back by mistake, and what else gets nothing by one."""
        yield from self._terms()
        yield from self._sampled()
        trace, written = self.trace, dict[object, int]()
        is_nested = any(run.asked is not None for run in trace.passes)  # a result of `autograd.grad` looks the same
        for i, held in enumerate(() if is_nested else trace.values):
            if held.node is not None and held.op is None and not held.leaf and self.gradient(i) is not None:
                yield say("no leaf", value=name(trace, i)), [i]
        for i, op in enumerate(trace.ops):
            uses = self.uses.get(op.outputs[0], ()) if op.name == "data" else ()
            if any(trace.ops[use].name.endswith("_") for use in uses) and not trace.values[op.inputs[0]].leaf:
                written.setdefault((op.file, op.line), i)
        for i in written.values():
            yield say("written unseen", i, made=call(trace, i)), list(trace.ops[i].inputs[:1])

    def _terms(self) -> Iterator[Told]:
        """Follow sums, and products with numbers, from the losses to their terms."""
        values = self.trace.values
        taken = [event for event in self.trace.events if event.name in ops_in("NUMBERS")]
        arrays = (e for e in taken if e.name in ops_in("ARRAYS") and any(self.lost[v] is not None for v in e.values))
        array = next(arrays, None)
        pending = [root for root in self.roots if values[root].requires_grad]
        seen = set(pending)
        for at in pending:
            made = values[at].op
            op = None if made is None else self.trace.ops[made]
            if op is None or (kind := canonical(op.name)) not in ops_in("LINEAR"):
                continue
            for value in op.inputs:
                if value in seen or (kind in ("mul", "div") and not values[value].requires_grad):
                    continue
                seen.add(value)
                if values[value].requires_grad:
                    pending.append(value)
                    continue
                cut = self.lost[value]
                by = cut if cut is not None else array
                if by is not None and (way := self.kind(by)) != "detached":
                    found = self._constant(self._named(value), by)
                    yield replace(found, is_question=cut is None or way == "no_grad"), [value]
            for number in op.constants.values() if kind in ("add", "sub", "rsub") and len(op.inputs) == 1 else ():
                for event in taken if number and not isinstance(number, complex) else ():
                    if _makes(self.trace, event, float(number.real)):
                        yield self._constant(code(f"{number:.4g}"), event), [at]

    def _constant(self, term: str, cut: Cut) -> Finding:
        lost = self.cut_by(cut)
        said = say("constant term", term=term, proof=lost.proof)
        return replace(lost, cause=said.cause, proof=said.proof)

    def _named(self, value: int) -> str:
        """Name a term, by the variable that a number times it has, if there is one."""
        made = self.trace.values[value].op
        inner = () if made is None else self.trace.ops[made].inputs
        plain = [v for v in (value, *inner) if self.trace.values[v].name.partition("#")[0].isidentifier()]
        return name(self.trace, plain[0] if plain and len(inner) == 1 else value)

    def _sampled(self) -> Iterator[Told]:
        """Find samples in the loss that are not scored by the distribution that they were drawn from."""
        values, ops = self.trace.values, self.trace.ops
        drawn = [event for event in self.trace.events if event.name == "sample" and _could_learn(self.trace, event)]
        origin = {v for event in drawn for v in event.values if values[v].requires_grad}
        after = {v for event in drawn for v in event.made}
        inside = {values[v].op for v in after}
        for i, op in enumerate(ops if drawn else ()):
            if i not in inside and not after.isdisjoint(op.inputs):
                if not origin.isdisjoint(op.inputs):
                    return
                after.update(out for out in op.outputs if not values[out].requires_grad)
        for event in drawn:
            if self._ends(event.made[-1]) <= _CUT:
                yield self.cut_by(event), [event.made[-1]]


_End: TypeAlias = tuple[int, Cut | None, int]
_NONE: _End = (3, None, -1)


def _makes(trace: Trace, event: Event, number: float) -> bool:
    """Tell whether a number is what was taken out of what learns, or its sum, times a number of two digits."""
    taken = [float(trace.values[v].tensor.number or 0) for v in event.values if trace.values[v].requires_grad]
    return any(not _is_short(one) and _is_short(number / one) for one in {*taken, sum(taken)} if one)


def _is_short(number: float) -> bool:
    return abs(float(f"{number:.2g}") - number) <= 1e-6 * abs(number)


def _could_learn(trace: Trace, drawn: Event) -> bool:
    """Tell whether a sample was drawn from what learns, and could be drawn so that a gradient goes through."""
    made = trace.values[drawn.made[-1]]
    is_discrete = made.op is None or trace.ops[made.op].name in ops_in("DISCRETE") or is_whole(made.dtype)
    return not is_discrete and any(trace.values[v].requires_grad for v in drawn.values)


def _print(tensor: Snapshot) -> object:
    """Return what two tensors have in common that have the same numbers, as far as these were kept."""
    if tensor.data is not None:
        return tensor.shape, tensor.dtype, tensor.data.tobytes()
    return tensor.shape, tensor.dtype, tuple((tensor.statistics or {"": id(tensor)}).items())


def is_whole(dtype: str) -> bool:
    """Tell whether a dtype holds whole numbers alone."""
    return dtype.removeprefix("u").startswith(("int", "bool"))

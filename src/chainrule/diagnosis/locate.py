"""Find where in a backward pass a gradient was lost: became zero, NaN, tiny or huge, or never came.

One sweep over the visits, in autograd's own order, carries along where what arrives at each value was lost first. So
time and memory grow with the length of the recording, and every leaf can be asked about.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeAlias

from chainrule.calculus.notation import number
from chainrule.diagnosis.causes import Finding, flattens, why_not_finite, why_zero
from chainrule.diagnosis.evidence import Evidence, call, code, grad, is_bad, name, norm, span
from chainrule.diagnosis.thresholds import ALONE, CANCELLED, HUGE, MOST_OF_IT, NEAR, SMALLEST, TINY
from chainrule.errors import TraceError
from chainrule.trace import Op, Snapshot, Trace

What: TypeAlias = Literal["bad", "zero", "never", "huge", "tiny"]
_Slot: TypeAlias = tuple[int, int]
"""An autograd node and one of its outputs: where contributions are added up."""


@dataclass(frozen=True)
class Spot:
    """Say where a gradient was lost: on an edge of a visit, where contributions meet, in a hook, or at the start."""

    kind: Literal["edge", "sum", "hook", "start"]
    turn: int
    """The position of the visit; for a sum, a hook and the start, that of the node behind it."""
    edge: int = 0
    value: int | None = None


@dataclass(frozen=True)
class Lost:
    """Hold what is wrong with a gradient, and the op where it went wrong."""

    what: What
    finding: Finding
    spot: Spot | None = None
    op: int | None = None

    @property
    def key(self) -> object:
        """Give what leaves have in common that lost their gradients in the same way."""
        if self.what in ("tiny", "huge"):
            return self.what
        if self.finding.source is not None:
            return self.what, self.finding.cause, "from", self.finding.source
        return self.what, self.finding.cause, self.finding.proof if self.op is None else self.op


@dataclass
class _Sum:
    """Follow the contributions to one slot: where the zero and the not finite ones come from, and the largest."""

    zero: Spot | None = None
    bad: Spot | None = None
    alive: bool = False
    several: bool = False
    loudest: float = -1.0
    turn: int = -1
    edge: int = 0


class Search:
    """Look through one backward pass of a trace."""

    def __init__(self, trace: Trace, backward: int) -> None:
        """Sweep over the pass once."""
        self.trace, self.run, self.index = trace, trace.backward(backward), backward
        self._sizes: dict[int, float | None] = {}
        self._sums: dict[_Slot, _Sum] = {}
        self._slot_of: dict[int, _Slot] = {}
        self._value_at = {(v.node, v.slot): i for i, v in enumerate(trace.values) if v.node is not None}
        self._hooked = {hook.value: hook for hook in self.run.hooks}
        self._turns = {visit.node: turn for turn, visit in enumerate(self.run.visits)}
        self._sweep()

    def find(self, value: int) -> Lost | None:
        """Say what is wrong with a value's gradient, if anything is."""
        gradient = self.gradient(value)
        if gradient is None:
            return self._never(value)
        if (replaced := self._replaced(value)) is not None:
            return replaced
        size = self.size(gradient)
        if size is None:
            if gradient.size == 0:
                return None
            raise TraceError(
                f"The gradient of `{self.trace.values[value].name}` has {gradient.size:,} entries, and no number of it "
                'was kept. Record with `chainrule.record(keep="auto")`, which keeps what this needs.'
            )
        slot = self._slot(value)
        if size == 0 or not math.isfinite(size):
            turn = self._turns.get(-1 if slot is None else slot[0], -1)
            zero, bad = self._settle(slot or (-1, 0), turn, gradient)
            spot = zero or bad or Spot("start", turn, value=value)
            return self._lost("zero" if size == 0 else "bad", spot, value)
        if gradient.size and slot is not None:
            return self._out_of_proportion(value, slot, gradient)
        return None

    def gradient(self, value: int) -> Snapshot | None:
        """Give a value's gradient in this pass."""
        return self.trace.gradient(value, self.index)

    def size(self, tensor: Snapshot | None) -> float | None:
        """Give a tensor's norm, worked out once."""
        if (key := id(tensor)) not in self._sizes:
            self._sizes[key] = norm(tensor)
        return self._sizes[key]

    # The sweep ------------------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        """Carry along, from the loss to the leaves, where gradients became zero or not finite."""
        for turn, visit in enumerate(self.run.visits):
            arrived = [
                self._settle((visit.node, slot), turn, upstream)
                for slot, upstream in enumerate(visit.upstream)
                if upstream is not None
            ]
            zeros = [zero for zero, _ in arrived if zero is not None]
            zero = zeros[0] if zeros and len(zeros) == len(arrived) else None
            bad = next((bad for _, bad in arrived if bad is not None), None)
            for edge, (to, flow) in enumerate(zip(self.trace.nodes[visit.node].edges, visit.flows, strict=False)):
                if to.node is None or flow.contribution is None:
                    continue
                slot = (to.node, to.slot)
                if to.value is not None:
                    self._slot_of[to.value] = slot
                    self._value_at.setdefault(slot, to.value)
                self._add(slot, Spot("edge", turn, edge, to.value), self.size(flow.contribution), zero, bad)

    def _add(self, slot: _Slot, here: Spot, size: float | None, zero: Spot | None, bad: Spot | None) -> None:
        """Add one contribution, which was lost where what it was made from was, or else here."""
        held = self._sums.get(slot)
        if held is None:
            held = self._sums[slot] = _Sum()
        else:
            held.several = True
        if size == 0:
            held.zero = _first(held.zero, zero or here)
        else:
            held.alive = True
            if size is not None and not math.isfinite(size):
                held.bad = _first(held.bad, bad or here)
        loud = -0.5 if size is None or not math.isfinite(size) else size
        if loud > held.loudest:
            held.loudest, held.turn, held.edge = loud, here.turn, here.edge

    def _settle(self, slot: _Slot, turn: int, arrived: Snapshot) -> tuple[Spot | None, Spot | None]:
        """Say where the gradient at a slot became zero, and where not finite, if it is."""
        size, value, held = self.size(arrived), self._value_at.get(slot), self._sums.get(slot)
        if size is None or (size != 0 and math.isfinite(size)):
            return None, None
        hook = self._hooked.get(-1 if value is None else value)
        if size == 0:
            if hook is not None and self.size(hook.before) != 0:
                return Spot("hook", turn, value=value), None
            if held is None:
                return Spot("start", turn, value=value), None
            return (Spot("sum", turn, value=value) if held.alive else held.zero), None
        if hook is not None and math.isfinite(self.size(hook.before) or 0.0):
            return None, Spot("hook", turn, value=value)
        if held is None:
            return None, Spot("start", turn, value=value)
        return None, held.bad or Spot("sum", turn, value=value)

    def _slot(self, value: int) -> _Slot | None:
        held = self.trace.values[value]
        return self._slot_of.get(value, None if held.node is None else (held.node, held.slot))

    # Which leaves ---------------------------------------------------------------------------------------------

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
            known: object = nodes.get(i) if held.leaf else None  # two modules may both call theirs `weight`
            known = held.name.partition("#")[0] if known is None else known
            if held.op is not None and held.leaf:
                for earlier in trace.ops[held.op].inputs[:1]:
                    known = found[earlier] if earlier < i and trace.values[earlier].leaf else known
            found.append(known)
        return found

    @cached_property
    def _uses(self) -> Mapping[int, list[int]]:
        """List the ops that take each value, once for each time."""
        found: dict[int, list[int]] = {}
        for i, op in enumerate(self.trace.ops):
            for value in op.inputs:
                found.setdefault(value, []).append(i)
        return found

    # Zero, and not finite -------------------------------------------------------------------------------------

    def _lost(self, what: What, spot: Spot, value: int) -> Lost:
        """Say what happened at the spot where a gradient was lost."""
        at = value if spot.value is None else spot.value
        nothing = what == "zero"
        if spot.kind == "hook":
            became = "0" if nothing else "NaN or infinite"
            said = Finding(
                "hook", f"the hook {code(self._hooked[at].name)} made it {became}", "Look at what it returns."
            )
            return Lost(what, said, spot)
        if spot.kind == "start":
            proof = f"the backward pass started with {'nothing but 0' if nothing else 'NaN or infinity'}"
            return Lost(what, Finding("start", proof, "Look at the `gradient` that was given to `backward`."), spot)
        if spot.kind == "sum":
            return self._at_sum(what, spot, at)
        step = self._evidence(spot.turn, spot.edge)
        if step is None:
            node = code(self.trace.nodes[self.run.visits[spot.turn].node].name)
            words = "handed on nothing" if nothing else "made NaN or infinity of it"
            proof = f"PyTorch's {node}, a step from before the recording, {words}"
            return Lost(what, Finding("zero" if nothing else "nan", proof, "Record that step, too."), spot)
        said = why_zero(step) if nothing else why_not_finite(step)
        return Lost(what, said, spot, step.number if said.op is None else said.op)

    def _at_sum(self, what: What, spot: Spot, value: int) -> Lost:
        """Say that contributions, added up, left nothing, or too much."""
        slot = self._slot(value)
        held = self._sums.get(slot) if slot is not None else None
        op = None if held is None else self.trace.nodes[self.run.visits[held.turn].node].op
        uses, called = len(self._uses.get(value, ())), name(self.trace, value)
        if what == "zero":
            proof = f"{called} is used {uses} times, and what comes back along these ways adds up to 0"
            return Lost(what, Finding("cancels", proof, "Check the signs: the uses cancel, as in `x - x`."), spot, op)
        proof = f"what comes back to {called} from {uses} uses is finite, and its sum is not"
        return Lost(what, Finding("overflow", proof, "Scale the loss down, or use bfloat16 or float32."), spot, op)

    def _evidence(self, turn: int, edge: int) -> Evidence | None:
        """Describe the op's part in one visit: which of its inputs the edge leads to, and what went along it."""
        visit, nodes = self.run.visits[turn], self.trace.nodes
        at = nodes[visit.node].op
        if at is None:
            return None
        op = self.trace.ops[at]
        targets: dict[int, None] = {}
        seen: set[int] = set()
        pending = list(nodes[visit.node].edges[edge : edge + 1])
        while pending:
            to = pending.pop()
            if to.value is not None and to.value in op.inputs:
                targets[to.value] = None
            elif to.node is not None and to.node not in seen and nodes[to.node].op == at:
                seen.add(to.node)
                pending.extend(nodes[to.node].edges)
        arrived = [upstream for upstream in visit.upstream if upstream is not None]
        upstream = max(arrived, key=lambda tensor: self.size(tensor) or 0.0, default=None)
        return Evidence(self.trace, at, tuple(targets), upstream, visit.flows[edge].contribution)

    # Tiny, and huge -------------------------------------------------------------------------------------------

    @cached_property
    def largest(self) -> Mapping[int, float]:
        """Give the largest entry of each leaf's gradient, where it is finite."""
        spans = {value: span(gradient) for value, gradient in self.run.gradients.items()}
        return {
            value: held.largest for value, held in spans.items() if held is not None and math.isfinite(held.largest)
        }

    def _limit(self, value: int) -> float:
        own = span(self.trace.values[value].tensor)
        return HUGE * (max(1.0, own.largest) if own is not None and math.isfinite(own.largest) else 1.0)

    @cached_property
    def _beside(self) -> tuple[int | None, float]:
        """Find the leaf that the others are compared with: that with the largest gradient which is not huge."""
        fair = {value: size for value, size in self.largest.items() if size <= self._limit(value)}
        value = max(fair, key=lambda value: fair[value], default=None)
        return value, 0.0 if value is None else fair[value]

    def _out_of_proportion(self, value: int, slot: _Slot, gradient: Snapshot) -> Lost | None:
        found = span(gradient)
        if found is None:
            return None
        nothing = Finding("", "", "")
        if found.largest > self._limit(value):
            return Lost("huge", nothing)
        if found.largest < TINY * self._beside[1]:
            return self._rounding(slot) or Lost("tiny", nothing)
        return Lost("tiny", nothing) if found.largest < SMALLEST else None

    def _rounding(self, slot: _Slot) -> Lost | None:
        """Tell whether the last step adds up entries that cancel, as for a bias before a normalisation."""
        held = self._sums.get(slot)
        step = self._evidence(held.turn, held.edge) if held is not None else None
        if held is None or step is None or step.upstream is None or step.contribution is None:
            return None
        arrived = self.size(step.upstream) or 0.0
        added = step.kind in ("add", "sub") or set(step.targets) <= set(step.op.inputs[2:])
        if not added or held.loudest >= CANCELLED * arrived or step.contribution.size >= step.upstream.size:
            return None
        proof = f"{step.upstream.size:,} entries that it adds up cancel: of a norm of {number(arrived)} there is "
        proof += f"{number(held.loudest)} left"
        hint = "A normalisation or a softmax after it takes away what it adds, so it may as well be left out."
        return Lost("tiny", Finding("rounding", proof, hint), Spot("edge", held.turn, held.edge), step.number)

    def along(self, lost: Lost, value: int) -> Lost:
        """Say how a tiny or huge gradient shrank or grew on its way, and which calls did most of it."""
        trace, slot = self.trace, self._slot(value)
        assert slot is not None
        sign = 1 if lost.what == "huge" else -1
        path = self._path(slot)
        gains: dict[int, float] = {}
        calls: dict[object, float] = {}
        modules: dict[str, float] = {}
        for turn, _, gain in path:
            at = trace.nodes[self.run.visits[turn].node].op
            if at is None:
                continue
            op, power = trace.ops[at], math.log10(gain)
            gains[at] = gains.get(at, 0.0) + power
            calls[_site(op)] = calls.get(_site(op), 0.0) + power
            if op.module is not None:
                modules[op.module] = modules.get(op.module, 0.0) + power
        proof = self._amount(lost, value)
        if not gains:
            return replace(lost, finding=Finding("vanished" if sign < 0 else "exploded", proof, ""))
        site = max(calls, key=lambda site: sign * calls[site])
        same = [i for i in gains if _site(trace.ops[i]) == site]
        worst = max(same, key=lambda i: sign * gains[i])
        first = max(self.size(upstream) or 0.0 for upstream in self.run.visits[path[-1][0]].upstream)
        steps = len({turn for turn, _, _ in path})
        proof += (
            f". From {name(trace, self.run.roots[0])} to it, over {steps:,} steps, the norm goes from {number(first)} "
        )
        proof += f"to {number(self._sums[slot].loudest)}, most of it at {call(trace, worst)}: "
        proof += f"{'gain' if sign > 0 else 'factor'} {number(_ten_to(gains[worst]))}"
        if len(same) > 1:
            proof += f" there, {number(_ten_to(calls[site]))} over the {len(same):,} calls of "
            proof += f"{code(trace.ops[worst].name)} on that line"
        module = max(modules, key=lambda path: sign * modules[path], default=None)
        if module is not None and sign * modules[module] > sign * 1.01 * gains[worst] and len(modules) > 1:
            proof += f". Of the modules {code(module)} does most, {number(_ten_to(modules[module]))}"
        said = self._alone(path, worst, gains) if sign < 0 else None
        if said is not None:
            return replace(lost, finding=Finding(said.cause, f"{proof}. There {said.proof}", said.hint), op=worst)
        cause, hint = ("exploded", _CALM) if sign > 0 else ("vanished", _LIFT)
        return replace(lost, finding=Finding(cause, proof, hint), op=worst)

    def _amount(self, lost: Lost, value: int) -> str:
        largest, (beside, most) = self.largest.get(value, 0.0), self._beside
        amount = f"its largest entry is {number(largest)}"
        if lost.what == "tiny" and beside is not None and largest < TINY * most:
            amount += f", {number(largest / most)} of that of {grad(self.trace, beside)} ({number(most)})"
        return amount

    def _path(self, slot: _Slot) -> list[tuple[int, int, float]]:
        """Walk up to the loss where most comes from: each visit's position and edge, with its gain.

        Where contributions all but cancel, that is a step of its own, with -1 for the edge.
        """
        path = []
        while (held := self._sums.get(slot)) is not None and held.turn >= 0:
            visit = self.run.visits[held.turn]
            whole = self._turns.get(slot[0])
            after = self.run.visits[whole].upstream if whole is not None else ()
            left = self.size(after[slot[1]]) if slot[1] < len(after) else None
            if held.several and left and left < CANCELLED * held.loudest:
                path.append((held.turn, -1, left / held.loudest))
            slots = [i for i, upstream in enumerate(visit.upstream) if upstream is not None]
            at = max(slots, key=lambda i: self.size(visit.upstream[i]) or 0.0)
            arrived = self.size(visit.upstream[at])
            if arrived and math.isfinite(arrived) and held.loudest > 0 and held.loudest / arrived > 0:
                path.append((held.turn, held.edge, held.loudest / arrived))
            slot = (visit.node, at)
        return path

    def _alone(self, path: Sequence[tuple[int, int, float]], worst: int, gains: Mapping[int, float]) -> Finding | None:
        """Say what the worst op did, if it did nearly all and can be told by its numbers."""
        down = sum(power for power in gains.values() if power < 0)
        turn, edge = next((t, e) for t, e, _ in path if self.trace.nodes[self.run.visits[t].node].op == worst)
        if edge < 0:
            return _MEET
        if gains[worst] > MOST_OF_IT * down and gains[worst] > math.log10(ALONE):
            return None
        step = self._evidence(turn, edge)
        return flattens(step, _ten_to(gains[worst])) if step is not None else None

    # Never came -----------------------------------------------------------------------------------------------

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
        trace = self.trace
        leaves = {held.name for held in trace.values if held.leaf and held.requires_grad}
        found = set()
        for i, held in enumerate(trace.values):
            first = held.name.partition("#")[0]
            if held.leaf or held.op is None or held.name == first or first not in leaves:
                continue
            ops = [held.op]
            for _ in range(NEAR):
                ops += [m for v in trace.ops[ops[-1]].inputs if (m := trace.values[v].op) is not None and m not in ops][
                    :1
                ]
            near = {v for op in ops for v in trace.ops[op].inputs}
            if ".grad" in trace.ops[held.op].expression or any(".grad" in trace.values[v].name for v in near):
                found.add(i)
        return frozenset(found)

    def _replaced(self, value: int) -> Lost | None:
        """Say that a name which was a leaf's has been bound to a result."""
        if value not in self._rebound:
            return None
        trace, held = self.trace, self.trace.values[value]
        assert held.op is not None
        first, made = held.name.partition("#")[0], call(trace, held.op)
        proof = f"{name(trace, value)} is no leaf: it was made by {made}, and PyTorch fills `.grad` of leaves alone"
        if not held.requires_grad:
            proof = f"{name(trace, value)} requires no gradient: it was made by {made}, with gradients switched off"
        hint = f"Change the leaf in place: `with torch.no_grad(): {first} -= rate * {first}.grad`."
        return Lost("never", Finding("replaced", proof, hint), op=held.op)

    def _never(self, value: int) -> Lost:
        """Say why no gradient came to a value."""
        trace, held = self.trace, self.trace.values[value]
        called, root = name(trace, value), name(trace, self.run.roots[0]) if self.run.roots else "the loss"
        if _whole(held.dtype):
            proof = f"{called} is of dtype {held.dtype}, and only floating-point numbers have gradients"
            hint = "Make it a float, such as `torch.tensor(1.0)`, and then require its gradient."
            return Lost("never", Finding("integer", proof, hint), op=held.op)
        if not held.requires_grad:
            return self._replaced(value) or self._without(value)
        cut, above, whole = self._fate
        if value in whole:
            return self._stopped(value, root)
        if value in cut:
            return self._cut_by(cut[value])
        uses = self._uses.get(value, []) if value not in above else []
        proof = f"{root} was not made from {called}"
        if uses:
            more = f" and {len(uses) - 1:,} more" if len(uses) > 1 else ""
            proof = f"{called} is used by {call(trace, uses[0])}{more}, and {root} was not made from that"
        hint = "Use it on the way to the loss. `.item()`, `.numpy()` and `torch.tensor(...)` lose the way."
        return Lost("never", Finding("not used", proof, hint), op=uses[0] if uses else None)

    def _without(self, value: int) -> Lost:
        """Say why a value requires no gradient."""
        trace, op = self.trace, self.trace.values[value].op
        called = name(trace, value)
        if op is None:
            said = Finding("requires_grad", f"{called} has requires_grad=False", "Create it with `requires_grad=True`.")
            return Lost("never", said)
        if any(trace.values[v].requires_grad for v in trace.ops[op].inputs):
            return self._cut_by(op)
        proof = f"{called} was made by {call(trace, op)} from what requires no gradient"
        hint = "Create what it is made from with `requires_grad=True`."
        return Lost("never", Finding("requires_grad", proof, hint), op=op)

    def _cut_by(self, number: int) -> Lost:
        """Say which op let go of the gradient's way."""
        trace, op = self.trace, self.trace.ops[number]
        made, code = trace.values[op.outputs[0]], call(trace, number)
        result = name(trace, op.outputs[0])
        if op.name in ("detach", "detach_", "data"):
            proof = f"{code} cut it off: {result} carries the numbers on, and no gradient back"
            said = Finding("detached", proof, f"Leave out `.{op.name}` if this is to learn.")
        elif _whole(made.dtype):
            proof = f"{code} made {result} of dtype {made.dtype}, and whole numbers carry no gradient back"
            said = Finding("integer", proof, "Stay with floating-point numbers on the way to the loss.")
        else:
            proof = f"{code} ran with gradients switched off (`no_grad` or the like), so {result} has no way back"
            said = Finding(
                "no_grad", proof, "Take that line out of `no_grad`; or it was frozen with `requires_grad_(False)`."
            )
        return Lost("never", said, op=number)

    @cached_property
    def _visits_of(self) -> Mapping[int, list[int]]:
        """List the turns of each op's nodes."""
        found: dict[int, list[int]] = {}
        for turn, visit in enumerate(self.run.visits):
            if (op := self.trace.nodes[visit.node].op) is not None:
                found.setdefault(op, []).append(turn)
        return found

    def _stopped(self, value: int, root: str) -> Lost:
        """Say where a gradient stopped that had a way to a value: follow the way to the first op that had one."""
        trace, whole = self.trace, self._fate[2]
        at = value
        while True:
            ops = [
                op for op in self._uses.get(at, []) if any(out in whole and out > at for out in trace.ops[op].outputs)
            ]
            op = next((op for op in reversed(ops) if op in self._visits_of), None)
            if op is not None or not ops:
                break
            at = max(out for out in trace.ops[ops[-1]].outputs if out in whole)
        if op is not None:
            nodes = [trace.nodes[self.run.visits[turn].node] for turn in self._visits_of[op]]
            if not any(node.name[-1:].isdigit() for node in nodes):  # PyTorch numbers its own
                proof = f"{call(trace, op)} had a gradient, and handed on none to {name(trace, at)}"
                said = Finding("stopped", proof, "A custom function has to return one for each input that is to learn.")
                return Lost("never", said, op=op)
            if not any(edge.value == at for node in nodes for edge in node.edges):
                proof = f"when {call(trace, op)} used {name(trace, at)}, that had been detached in place"
                return Lost("never", Finding("detached", proof, "Leave out `detach_()` if this is to learn."), op=op)
        proof = f"{root} was made from {name(trace, value)}, but this backward pass was asked for other gradients alone"
        return Lost("never", Finding("not asked", proof, "Name it among the `inputs`, or leave `inputs` out."))

    def bad_root(self) -> int | None:
        """Find what was differentiated and is not finite."""
        return next((root for root in self.run.roots if is_bad(self.trace.values[root].tensor)), None)


_CALM = "Clip it (`clip_grad_norm_`), start with smaller weights, or scale the targets and the data."
_LIFT = "Use `relu`-like activations, residual connections or a normalisation, and Xavier's or He's initial weights."
_MEET = Finding("cancels", "contributions meet that all but cancel", "Check the signs: the uses cancel, as in `x - x`.")


def _first(a: Spot | None, b: Spot) -> Spot:
    """Give the spot that autograd came to first."""
    return b if a is None or (b.turn, b.edge) < (a.turn, a.edge) else a


def _site(op: Op) -> object:
    return op.name, op.file, op.line


def _whole(dtype: str) -> bool:
    return dtype.removeprefix("u").startswith(("int", "bool"))


def _ten_to(exponent: float) -> float:
    """Give ten to a power, as far as a float holds it."""
    return 0.0 if exponent < -307 else math.inf if exponent > 307 else 10.0**exponent

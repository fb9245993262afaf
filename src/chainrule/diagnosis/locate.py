"""Find where in a backward pass a gradient was lost: became zero, NaN, tiny or huge, or never came.

One sweep over the visits, in autograd's own order, carries along where what arrives at each value was lost first. So
time and memory grow with the length of the recording, and every leaf can be asked about.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from chainrule.calculus.notation import number
from chainrule.diagnosis.causes import Finding, Spot, flattens, say, steepens, why_not_finite, why_zero
from chainrule.diagnosis.evidence import Evidence, call, code, grad, name, norm, span
from chainrule.diagnosis.missing import Missing
from chainrule.diagnosis.thresholds import ALONE, CANCELLED, HUGE, LITTLE, MOST_OF_IT, SMALLEST, TINY
from chainrule.errors import TraceError
from chainrule.trace import Event, Hook, Op, Snapshot, Trace

_Key = TypeVar("_Key")
_Slot: TypeAlias = tuple[int, int]
"""An autograd node and one of its outputs: where contributions are added up."""


class _Came(NamedTuple):
    """Hold one contribution to a slot: the visit and the edge that it came along, its norm, and where it was lost."""

    turn: int
    edge: int
    size: float | None
    lost: Spot | None

    @property
    def loud(self) -> float:
        """Return its norm, and less than any for one that is not known or not finite."""
        return -0.5 if self.size is None or not math.isfinite(self.size) else self.size


class Search:
    """Look through one backward pass of a trace."""

    def __init__(self, trace: Trace, index: int, missing: Missing) -> None:
        """Sweep over the pass once."""
        self.trace, self.index, self.run, self.missing = trace, index, trace.passes[index], missing
        self._sizes: dict[int, float | None] = {}
        self._came: dict[_Slot, list[_Came]] = {}
        self._slot_of: dict[int, _Slot] = {}
        self._value_of: dict[_Slot, int] = {}
        self._hooked: dict[int | None, Hook] = {hook.value: hook for hook in self.run.hooks}
        self._turns = {visit.node: turn for turn, visit in enumerate(self.run.visits)}
        self._sweep()

    def find(self, value: int) -> Finding | None:
        """Return what is wrong with a value's gradient, if anything is; nothing where none came."""
        if (gradient := self.gradient(value)) is None:
            return None
        size, slot = self.size(gradient), self._slot(value)
        if size is None and gradient.size:
            raise TraceError(
                f"The gradient of `{self.trace.values[value].name}` has {gradient.size:,} entries, and no number of it "
                "was kept. "
                + "".join(self.trace.notes[-1:] or 'Record with `chainrule.record(keep="auto")`, which keeps them.')
            )
        if size is None:
            return None
        if what := self._state(gradient):
            turn = self._turns.get(-1 if slot is None else slot[0], -1)
            spot = self._settle(slot or (-1, 0), turn, gradient) or Spot(turn, 0, "start", what, value)
            found = self._happened(spot, value if spot.value is None else spot.value)
            return replace(found, what=spot.what, spot=spot)
        return self._out_of_proportion(value, slot, gradient) if gradient.size and slot is not None else None

    @cached_property
    def reached(self) -> frozenset[int]:
        """The values that this pass reached."""
        return self.trace.reached(self.index)

    def gradient(self, value: int) -> Snapshot | None:
        """Return a value's gradient in this pass."""
        return self.trace.gradient(value, self.index)

    def size(self, tensor: Snapshot | None) -> float | None:
        """Return a tensor's norm, worked out once."""
        if (key := id(tensor)) not in self._sizes:
            self._sizes[key] = norm(tensor)
        return self._sizes[key]

    def _state(self, tensor: Snapshot | None) -> Literal["zero", "bad"] | None:
        """Tell whether a tensor is all zeros, or not finite."""
        size = self.size(tensor)
        return None if size is None else "zero" if size == 0 else None if math.isfinite(size) else "bad"

    def _loudest(self, slot: _Slot | None) -> _Came | None:
        """Return the largest contribution to a slot."""
        return max(self._came.get(slot or (-1, 0), ()), key=lambda came: came.loud, default=None)

    def op_at(self, turn: int) -> int | None:
        """Return the op behind a visit."""
        return self.trace.nodes[self.run.visits[turn].node].op

    # The sweep ------------------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        """Carry along, from the loss to the leaves, where gradients became zero or not finite."""
        for turn, visit in enumerate(self.run.visits):
            came = [(i, upstream) for i, upstream in enumerate(visit.upstream) if upstream is not None]
            arrived = [self._settle((visit.node, slot), turn, upstream) for slot, upstream in came]
            zeros = [spot for spot in arrived if spot is not None and spot.what == "zero"]
            before = {
                "zero": zeros[0] if zeros and len(zeros) == len(arrived) else None,
                "bad": next((spot for spot in arrived if spot is not None and spot.what == "bad"), None),
            }
            for edge, (to, flow) in enumerate(zip(self.trace.nodes[visit.node].edges, visit.flows, strict=False)):
                if to.node is None or flow.contribution is None:
                    continue
                slot, what = (to.node, to.slot), self._state(flow.contribution)
                if to.value is not None:
                    self._slot_of[to.value] = slot
                    self._value_of.setdefault(slot, to.value)
                lost = (before[what] or Spot(turn, edge, "edge", what, to.value)) if what else None
                self._came.setdefault(slot, []).append(_Came(turn, edge, self.size(flow.contribution), lost))

    def _settle(self, slot: _Slot, turn: int, arrived: Snapshot) -> Spot | None:
        """Say where the gradient at a slot became zero or not finite, if it is."""
        if (what := self._state(arrived)) is None:
            return None
        value = self.trace.value_at.get(slot, self._value_of.get(slot))
        came = self._came.get(slot, [])
        hook, lost = self._hooked.get(value), [one.lost for one in came if one.lost and one.lost.what == what]
        if hook is not None and self._state(hook.before) != what:
            return Spot(turn, 0, "hook", what, value)
        if not came:
            return Spot(turn, 0, "start", what, value)
        if not lost or (what == "zero" and len(lost) < len(came)):
            return Spot(turn, 0, "sum", what, value)
        return min(lost, key=lambda spot: (spot.turn, spot.edge))

    def _slot(self, value: int) -> _Slot | None:
        held = self.trace.values[value]
        return self._slot_of.get(value, None if held.node is None else (held.node, held.slot))

    # Zero, and not finite -------------------------------------------------------------------------------------

    def _happened(self, spot: Spot, value: int) -> Finding:
        """Say what happened at the spot where a gradient was lost."""
        nothing = spot.what == "zero"
        if spot.kind == "sum":
            most, uses = self._loudest(self._slot(value)), len(self.missing.uses.get(value, ()))
            op = None if most is None else self.op_at(most.turn)
            return say(f"{spot.what} sum", op, value=name(self.trace, value), uses=uses)
        if spot.kind == "hook":
            return say("hook", hook=code(self._hooked[value].name), became="0" if nothing else "NaN or infinite")
        if spot.kind == "start":
            return say("start", what="nothing but 0" if nothing else "NaN or infinity")
        if (step := self._evidence(spot.turn, spot.edge)) is not None:
            found = why_zero(step) if nothing else why_not_finite(step)
            is_told = found.op is not None or found.cause == "before the block"
            return found if is_told else replace(found, op=step.number)
        return say(f"{spot.what} before", node=code(self.trace.nodes[self.run.visits[spot.turn].node].name))

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

    def may_be_meant(self, found: Finding, value: int) -> bool:
        """Tell whether a gradient may be 0 on purpose: a weight that begins at 0, a loss of 0, a bias that cancels."""
        values = self.trace.values
        first = found.source
        if found.what == "zero" and first is not None and values[first].leaf and values[first].requires_grad:
            return self._state(self.gradient(first)) is None
        if found.what == "zero" and all(values[root].tensor.number == 0 for root in self.run.roots):
            return found.cause != "underflow"
        most = self._loudest(self._slot(value)) if found.spot is not None and found.spot.kind == "sum" else None
        step = self._evidence(most.turn, most.edge) if most is not None else None
        return step is not None and _is_added(step)

    # Tiny, and huge -------------------------------------------------------------------------------------------

    @cached_property
    def largest(self) -> Mapping[int, float]:
        """Return the largest entry of each leaf's gradient, where it is finite."""
        spans = {value: span(gradient) for value, gradient in self.run.gradients.items()}
        return {value: held.largest for value, held in spans.items() if held and math.isfinite(held.largest)}

    @cached_property
    def _scale(self) -> float:
        """Return by how much a `GradScaler` has scaled the loss: by a power of two, and last of all."""
        made = self.trace.values[self.run.roots[0]].op if self.run.roots else None
        held = [self.trace.values[value] for value in self.trace.ops[made].inputs] if made is not None else []
        by = next((one.tensor.number for one in held if not one.requires_grad), None)
        is_scaled = isinstance(by, float) and by > 1 and made is not None and self.trace.ops[made].name == "mul"
        return by if isinstance(by, float) and is_scaled and math.log2(by).is_integer() else 1.0

    def _limit(self, value: int) -> float:
        own = span(self.trace.values[value].tensor)
        return HUGE * self._scale * (max(1.0, own.largest) if own is not None and math.isfinite(own.largest) else 1.0)

    @cached_property
    def _beside(self) -> tuple[int | None, float]:
        """Find the leaf that the others are compared with: that with the largest gradient which is not huge."""
        fair = {value: size for value, size in self.largest.items() if size <= self._limit(value)}
        value = max(fair, key=lambda value: fair[value], default=None)
        return value, 0.0 if value is None else fair[value]

    def _out_of_proportion(self, value: int, slot: _Slot, gradient: Snapshot) -> Finding | None:
        found = span(gradient)
        if found is None:
            return None
        if found.largest > self._limit(value):
            return Finding("", "", "", what="huge")
        cancelled = self._rounding(slot) if found.largest < TINY * self._beside[1] else None
        tiny = found.largest < max(SMALLEST * self._scale, TINY * self._beside[1])
        return cancelled or (Finding("", "", "", what="tiny") if tiny else None)

    def _rounding(self, slot: _Slot) -> Finding | None:
        """Tell whether the last step adds up entries that cancel, as for a bias before a normalisation."""
        most = self._loudest(slot)
        step = self._evidence(most.turn, most.edge) if most is not None else None
        if most is None or step is None or step.upstream is None or step.contribution is None:
            return None
        arrived = self.size(step.upstream) or 0.0
        if not _is_added(step) or most.loud >= CANCELLED * arrived or step.contribution.size >= step.upstream.size:
            return None
        found = say("rounding", step.number, came=step.upstream, arrived=arrived, left=most.loud)
        return replace(found, what="tiny")

    def along(self, lost: Finding, value: int) -> Finding:
        """Say how a tiny or huge gradient shrank or grew on its way, and which calls did most of it."""
        trace, slot, sign = self.trace, self._slot(value), 1 if lost.what == "huge" else -1
        most, ops = self._loudest(slot), trace.ops
        assert slot is not None
        path = self._path(slot)
        steps = ((self.op_at(turn), math.log10(gain)) for turn, _, gain in path)
        gains = _added_up((at, power) for at, power in steps if at is not None)
        proof = self._amount(lost, value)
        if not gains or most is None:
            return replace(say(lost.what, proof=proof), hint="", what=lost.what)
        calls = _added_up((site_of(ops[i]), gain) for i, gain in gains.items())
        site = max(calls, key=lambda site: sign * calls[site])
        same = [i for i in gains if site_of(ops[i]) == site]
        worst = max(same, key=lambda i: sign * gains[i])
        first = max(self.size(upstream) or 0.0 for upstream in self.run.visits[path[-1][0]].upstream)
        steps_taken = len({turn for turn, _, _ in path})
        proof += f". From {name(self.trace, self.run.roots[0])} to it, over {steps_taken:,} steps, the norm goes from "
        proof += f"{number(first)} to {number(most.loud)}, most of it at {call(self.trace, worst)}: "
        proof += f"{'gain' if sign > 0 else 'factor'} {number(_ten_to(gains[worst]))}"
        if len(same) > 1:
            proof += f" there, {number(_ten_to(calls[site]))} over the {len(same):,} calls of "
            proof += f"{code(ops[worst].name)} on that line"
        proof += self._module(gains, worst, sign)
        found = say(lost.what, proof=proof)
        if alone := self._alone(path, worst, gains, sign):
            learned = [
                span(held.tensor) for v in ops[worst].inputs if (held := trace.values[v]).parameter and held.leaf
            ]
            found = replace(alone, proof=f"{proof}. There {alone.proof}")
            if alone.cause == "times little" and any(z and z.largest < LITTLE for z in learned):
                found = replace(found, hint=say("meant").hint, is_question=True)
        return replace(found, op=worst, what=lost.what)

    def _module(self, gains: Mapping[int, float], worst: int, sign: int) -> str:
        """Name the module that did most, if it did more than the worst op, and is one of several."""
        modules = _added_up((self.trace.ops[i].module, gain) for i, gain in gains.items())
        modules.pop(None, None)
        module = max(modules, key=lambda path: sign * modules[path], default=None)
        if len(modules) < 2 or sign * modules[module] <= sign * 1.01 * gains[worst]:
            return ""
        return f". Of the modules {code(str(module))} does most, {number(_ten_to(modules[module]))}"

    def _amount(self, lost: Finding, value: int) -> str:
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
        while (most := self._loudest(slot)) is not None:
            visit = self.run.visits[most.turn]
            whole = self._turns.get(slot[0])
            after = self.run.visits[whole].upstream if whole is not None else ()
            left = self.size(after[slot[1]]) if slot[1] < len(after) else None
            if len(self._came[slot]) > 1 and left and left < CANCELLED * most.loud:
                path.append((most.turn, -1, left / most.loud))
            slots = [i for i, upstream in enumerate(visit.upstream) if upstream is not None]
            at = max(slots, key=lambda i: self.size(visit.upstream[i]) or 0.0)
            arrived = self.size(visit.upstream[at])
            if arrived and math.isfinite(arrived) and most.loud > 0 and most.loud / arrived > 0:
                path.append((most.turn, most.edge, most.loud / arrived))
            slot = (visit.node, at)
        return path

    def _alone(
        self, path: Sequence[tuple[int, int, float]], worst: int, gains: Mapping[int, float], sign: int
    ) -> Finding | None:
        """Say what the worst op did, if it can be told by its numbers, and to make it tiny, did nearly all."""
        down = sum(power for power in gains.values() if power < 0)
        turn, edge = next((t, e) for t, e, _ in path if self.op_at(t) == worst)
        if sign > 0:
            return steepens(step) if (step := self._evidence(turn, edge)) is not None else None
        if edge < 0:
            return say("all but a zero sum")
        if gains[worst] > MOST_OF_IT * down and gains[worst] > math.log10(ALONE):
            return None
        step = self._evidence(turn, edge)
        return flattens(step, _ten_to(gains[worst])) if step is not None else None


def _is_added(step: Evidence) -> bool:
    """Tell whether what is asked about is added, as a bias is."""
    return step.kind in ("add", "sub") or set(step.targets) <= set(step.op.inputs[2:])


def _added_up(gains: Iterable[tuple[_Key, float]]) -> dict[_Key, float]:
    """Add up the gains that have a key in common."""
    found: defaultdict[_Key, float] = defaultdict(float)
    for key, gain in gains:
        found[key] += gain
    return found


def site_of(op: Op | Event) -> object:
    """Return what the calls of one line have in common."""
    return op.name, op.file, op.line


def _ten_to(exponent: float) -> float:
    """Return ten to a power, as far as a float holds it."""
    return 0.0 if exponent < -307 else math.inf if exponent > 307 else 10.0**exponent

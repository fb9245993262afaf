"""Put a question to a trace: where did the gradient become zero, NaN, tiny or huge, or why did it never come?

One sweep over a backward pass, in autograd's own order, finds for each gradient the first place where it was lost.
`causes` says what happened there. Time and memory grow with the length of the recording.

What counts as tiny and as huge:

- `TINY`: the largest entry is below this share of the largest entry among the other leaves, or below `SMALLEST`,
  where the 1e-8 that Adam adds to its denominator begins to rule.
- `HUGE`: the largest entry is above this many times the largest entry of the leaf itself, or of 1 if that is larger.
"""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from chainrule.causes import Said, Span, Step, entries, is_bad, name, norm, short, span, why_forward, why_not_finite
from chainrule.causes import why_zero as _why_zero
from chainrule.errors import TraceError
from chainrule.text import number
from chainrule.trace import Snapshot, Trace

TINY, SMALLEST, HUGE = 1e-5, 1e-8, 1e4
"""What counts as tiny, against the other leaves and at all, and what counts as huge, against the leaf itself."""
LOST = 1e-6
"""A sum of which no more than this share is left has cancelled, and what is left is rounding."""
REASONS, NAMED = 5, 3
"""So many reasons are given at once, each with so many names."""


@dataclass(frozen=True)
class Reason:
    """Hold one cause: whom it concerns, what happened and where, with the numbers that prove it, and what to try."""

    cause: str
    """In one or two words, such as `dead relu`."""
    names: tuple[str, ...]
    """The values whose gradient it concerns."""
    says: str
    hint: str
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        """Write it as a paragraph."""
        return textwrap.fill(f"{self.says} {self.hint}".strip(), 99, break_long_words=False, break_on_hyphens=False)


@dataclass(frozen=True)
class Why:
    """Hold the reasons that were found, or, if there is none, how large the gradients are."""

    reasons: tuple[Reason, ...]
    rest: str = ""
    """What is said after the reasons, or in their place."""

    def __str__(self) -> str:
        """Write one paragraph for each reason."""
        rest = textwrap.fill(self.rest, 99, break_long_words=False, break_on_hyphens=False)
        return "\n\n".join([*map(str, self.reasons), *([rest] if rest else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{_html(reason.says)} {_html(reason.hint)}</li>" for reason in self.reasons)
        listed = f'<ul class="chainrule-report">{items}</ul>' if items else ""
        return f"{listed}{f'<p>{_html(self.rest)}</p>' if self.rest else ''}"


def _html(text: str) -> str:
    """Escape a text, and show what stands in backticks as code."""
    parts = html.escape(text).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 and i < len(parts) - 1 else part for i, part in enumerate(parts))


def why(trace: Trace, value: int, backward: int = -1) -> Why:
    """Say of one value where its gradient was lost, or how large it is."""
    run = _Run(trace, backward)
    reason = run.reason(value)
    if reason is None:
        return Why((), run.fine(value))
    return Why((run.told(reason, (value,)),))


def why_all(trace: Trace, backward: int = -1) -> Why:
    """Say of all leaves which gradients were lost, one reason for all that have it in common."""
    run = _Run(trace, backward)
    found: dict[tuple[str, object], list[int]] = {}
    lost: dict[tuple[str, object], _Lost] = {}
    for value in run.leaves:
        reason = run.reason(value, alone=False)
        if reason is not None:
            found.setdefault(reason.key, []).append(value)
            lost.setdefault(reason.key, reason)
    reasons = [run.told(lost[key], tuple(values)) for key, values in found.items()]
    order = sorted(zip(reasons, lost.values(), strict=True), key=lambda pair: (_RANK[pair[1].what], -len(pair[0].names)))
    reasons = [reason for reason, _ in order]
    roots = [root for root in run.roots if is_bad(trace.values[root].tensor)]
    if roots and not any(is_bad_reason.what == "bad" for _, is_bad_reason in order):
        reasons.insert(0, run.bad_root(roots[0]))
    if not reasons:
        return Why((), run.all_fine())
    more = len(reasons) - REASONS
    rest = f"And {more} more {'reason' if more == 1 else 'reasons'}: ask by name." if more > 0 else ""
    return Why(tuple(reasons[:REASONS]), rest)


_What: TypeAlias = Literal["bad", "zero", "never", "huge", "tiny"]
_RANK: dict[str, int] = {"bad": 0, "zero": 1, "never": 2, "huge": 3, "tiny": 4}
_Slot: TypeAlias = tuple[int, int]
"""An autograd node and one of its outputs: where contributions are added up."""


@dataclass(frozen=True)
class _Place:
    """Say where a gradient was lost: on an edge of a node's visit, where contributions meet, in a hook, at the start."""

    kind: Literal["edge", "sum", "hook", "start"]
    turn: int
    """The position of the visit; for a sum, a hook and the start, the visit of the node behind it."""
    edge: int = 0
    value: int | None = None


@dataclass(frozen=True)
class _Lost:
    """Hold what is wrong with a gradient, and the place or the op where it went wrong."""

    what: _What
    said: Said
    place: _Place | None
    op: int | None

    @property
    def key(self) -> tuple[str, object]:
        """Give what leaves have in common that lost their gradients in the same way."""
        return (self.what, self.said.cause) if self.what in ("tiny", "huge") else (self.what, (self.said.cause, self.op, self.said.proof if self.op is None else ""))


@dataclass
class _Sum:
    """Follow the contributions to one slot: where those that are zero or not finite come from, and the largest."""

    zero: _Place | None = None
    bad: _Place | None = None
    loudest: float = -1.0
    turn: int = -1
    edge: int = 0
    several: bool = False
    alive: bool = False


class _Run:
    """Look through one backward pass of a trace."""

    def __init__(self, trace: Trace, backward: int) -> None:
        self.trace, self.run = trace, trace.backward(backward)
        self.index = backward
        self.roots = self.run.roots
        self._sizes: dict[int, float | None] = {}
        self._sweep()

    # The sweep ------------------------------------------------------------------------------------------------

    def size(self, tensor: Snapshot | None) -> float | None:
        """Give a tensor's norm, worked out once."""
        key = id(tensor)
        if key not in self._sizes:
            self._sizes[key] = norm(tensor)
        return self._sizes[key]

    def _sweep(self) -> None:
        """Carry along, from the loss to the leaves, where gradients became zero or not finite."""
        trace = self.trace
        self.sums: dict[_Slot, _Sum] = {}
        self.slot_of: dict[int, _Slot] = {}
        self.value_at = {(v.node, v.slot): i for i, v in enumerate(trace.values) if v.node is not None}
        self.hooked = {hook.value: hook for hook in self.run.hooks}
        for turn, visit in enumerate(self.run.visits):
            node = trace.nodes[visit.node]
            places = [self._settle((visit.node, slot), turn, up) for slot, up in enumerate(visit.upstream) if up is not None]
            zero = next((z for z, _ in places if z is not None), None) if all(z for z, _ in places) else None
            bad = next((b for _, b in places if b is not None), None)
            for edge, (to, flow) in enumerate(zip(node.edges, visit.flows, strict=False)):
                if to.node is None or flow.contribution is None:
                    continue
                size = self.size(flow.contribution)
                slot = (to.node, to.slot)
                if to.value is not None:
                    self.slot_of[to.value] = slot
                    if slot not in self.value_at:
                        self.value_at[slot] = to.value
                held = self.sums.setdefault(slot, _Sum())
                held.several = held.several or held.turn >= 0
                here = _Place("edge", turn, edge, to.value)
                if size == 0:
                    held.zero = _first(held.zero, zero or here)
                elif size is not None and not math.isfinite(size):
                    held.bad = _first(held.bad, bad or here)
                if size != 0:
                    held.alive = True
                loud = math.inf if size is None or size != size else size
                if loud > held.loudest:
                    held.loudest, held.turn, held.edge = loud, turn, edge

    def _settle(self, slot: _Slot, turn: int, arrived: Snapshot | None) -> tuple[_Place | None, _Place | None]:
        """Say where the gradient at a slot became zero, and where not finite, if it is."""
        size, value, held = self.size(arrived), self.value_at.get(slot), self.sums.get(slot)
        hook = self.hooked.get(-1 if value is None else value)
        if size == 0:
            if hook is not None and self.size(hook.before) != 0:
                return _Place("hook", turn, value=value), None
            if held is None:
                return _Place("start", turn, value=value), None
            return (_Place("sum", turn, value=value) if held.alive else held.zero), None
        if size is not None and not math.isfinite(size):
            if hook is not None and math.isfinite(self.size(hook.before) or 0.0):
                return None, _Place("hook", turn, value=value)
            if held is None:
                return None, _Place("start", turn, value=value)
            return None, held.bad or _Place("sum", turn, value=value)
        return None, None

    # Whose gradient -------------------------------------------------------------------------------------------

    @cached_property
    def leaves(self) -> tuple[int, ...]:
        """List the leaves to look at: those that this pass reached, those that none reached, and those replaced.

        A leaf that was changed in place is one leaf, however many values it has been.
        """
        trace, first = self.trace, self._first_of
        reached = {first(i) for run in trace.passes for i in (*run.gradients, *run.roots)}
        used = {
            value for op in trace.ops for value in op.inputs
            if value in op.outputs or not any(trace.values[out].leaf for out in op.outputs)
        }
        found = []
        for i, held in enumerate(trace.values):
            if self._replaced(i) is not None:
                if self.gradient(i) is not None:
                    found.append(i)
            elif not held.leaf or not held.requires_grad:
                continue
            elif i in self.run.gradients:
                found.append(i)
            elif i in used and first(i) not in reached:
                reached.add(first(i))
                found.append(i)
        return tuple(found)

    def _first_of(self, value: int) -> object:
        """Tell leaves apart: by name, and by what they were before they were changed in place."""
        trace = self.trace
        while (made := trace.values[value].op) is not None and trace.values[value].leaf:
            earlier = [v for v in trace.ops[made].inputs[:1] if v < value and trace.values[v].leaf]
            if not earlier:
                break
            value = earlier[0]
        return trace.values[value].name.partition("#")[0]

    def gradient(self, value: int) -> Snapshot | None:
        """Give a value's gradient, as the sum of what arrived."""
        return self.trace.gradient(value, self.index)

    def _slot(self, value: int) -> _Slot | None:
        held = self.trace.values[value]
        return self.slot_of.get(value, None if held.node is None else (held.node, held.slot))

    def reason(self, value: int, alone: bool = True) -> _Lost | None:
        """Find what is wrong with a value's gradient, if anything is."""
        gradient = self.gradient(value)
        if gradient is None:
            return self._never(value)
        replaced = self._replaced(value)
        if replaced is not None:
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
            zero, bad = self._settle(slot or (-1, 0), self._turn(slot), gradient)
            place = zero or bad
            assert place is not None
            return self._lost("zero" if size == 0 else "bad", place, value)
        if gradient.size and slot is not None:
            return self._out_of_proportion(value, slot, gradient, alone)
        return None

    def _turn(self, slot: _Slot | None) -> int:
        return self._turns.get(-1 if slot is None else slot[0], -1)

    @cached_property
    def _turns(self) -> dict[int, int]:
        return {visit.node: turn for turn, visit in enumerate(self.run.visits)}

    # Zero, and not finite -------------------------------------------------------------------------------------

    def _lost(self, what: _What, place: _Place, value: int) -> _Lost:
        """Say what happened at the place where a gradient was lost."""
        trace = self.trace
        at = value if place.value is None else place.value
        if place.kind == "hook":
            hook = self.hooked[at]
            proof = f"the hook {short(hook.name)} made it {'0' if what == 'zero' else 'NaN or infinite'}"
            return _Lost(what, Said("hook", proof, "Look at what the hook returns."), place, None)
        if place.kind == "start":
            proof = f"the backward pass started with {'nothing but 0' if what == 'zero' else 'NaN or infinity'}"
            return _Lost(what, Said("start", proof, "Look at the `gradient` that was given to `backward`."), place, None)
        if place.kind == "sum":
            return self._at_sum(what, place, at)
        step = self._step(place.turn, place.edge)
        if step is None:
            visit = self.run.visits[place.turn]
            node = trace.nodes[visit.node].name
            words = "handed on nothing" if what == "zero" else "made NaN or infinity of it"
            proof = f"PyTorch's {short(node)}, in a step from before the recording, {words}"
            return _Lost(what, Said("zero" if what == "zero" else "nan", proof, "Record that step, too."), place, None)
        said = _why_zero(step) if what == "zero" else why_not_finite(step)
        return _Lost(what, said, place, step.number if said.op is None else said.op)

    def _at_sum(self, what: _What, place: _Place, value: int) -> _Lost:
        """Say that contributions, added up, left nothing, or too much."""
        slot, trace = self._slot(value), self.trace
        held = self.sums.get(slot) if slot is not None else None
        op = None if held is None else trace.nodes[self.run.visits[held.turn].node].op
        uses = sum(value in o.inputs for o in trace.ops)
        called = name(trace, value)
        if what == "zero":
            proof = f"{called} is used {uses} times, and what comes back along these ways adds up to 0"
            return _Lost(what, Said("cancels", proof, "Check the signs: the uses cancel, as in `x - x`."), place, op)
        proof = f"what comes back to {called} along {uses} ways is finite, and its sum is not"
        return _Lost(what, Said("overflow", proof, "Scale the loss down, or use bfloat16 or float32."), place, op)

    def _step(self, turn: int, edge: int) -> Step | None:
        """Describe the op's part in one visit: which of its inputs the edge leads to, and what went along it."""
        visit = self.run.visits[turn]
        number = self.trace.nodes[visit.node].op
        if number is None:
            return None
        targets: dict[int, None] = {}
        pending = [(visit.node, edge)]
        seen: set[int] = set()
        while pending:
            node, only = pending.pop()
            edges = self.trace.nodes[node].edges
            for to in edges[only : only + 1] if only >= 0 else edges:
                if to.value is not None and to.value in self.trace.ops[number].inputs:
                    targets[to.value] = None
                elif to.node is not None and to.node not in seen and self.trace.nodes[to.node].op == number:
                    seen.add(to.node)
                    pending.append((to.node, -1))
        upstream = max((u for u in visit.upstream if u is not None), key=lambda u: self.size(u) or 0.0, default=None)
        return Step(self.trace, number, tuple(targets), upstream, visit.flows[edge].contribution)

    # Tiny, and huge -------------------------------------------------------------------------------------------

    @cached_property
    def _largest(self) -> dict[int, float]:
        """Give the largest entry of each leaf's gradient, where it is finite."""
        found = {}
        for value, gradient in self.run.gradients.items():
            held = span(gradient)
            if held is not None and math.isfinite(held.largest):
                found[value] = held.largest
        return found

    def _limit(self, value: int) -> float:
        own = span(self.trace.values[value].tensor)
        return HUGE * max(1.0, own.largest if own is not None and math.isfinite(own.largest) else 1.0)

    @cached_property
    def _reference(self) -> int | None:
        """Find the leaf that the others are compared with: that with the largest gradient which is not huge."""
        fair = {value: size for value, size in self._largest.items() if size <= self._limit(value)}
        return max(fair, key=lambda value: fair[value], default=None)

    def _out_of_proportion(self, value: int, slot: _Slot, gradient: Snapshot, alone: bool) -> _Lost | None:
        found = span(gradient)
        if found is None:
            return None
        largest, reference = found.largest, self._reference
        beside = self._largest.get(-1 if reference is None else reference, 0.0)
        if largest > self._limit(value):
            return self._along("huge", value, slot, largest, None)
        if not (largest < SMALLEST or largest < TINY * beside):
            return None
        if largest < TINY * beside and self._only_rounding(slot):
            return self._rounding(value, slot) if alone else None
        return self._along("tiny", value, slot, largest, reference if largest < TINY * beside else None)

    def _only_rounding(self, slot: _Slot) -> bool:
        """Tell whether the last step adds up entries that cancel, as for a bias before a normalisation."""
        held = self.sums.get(slot)
        step = self._step(held.turn, held.edge) if held is not None else None
        if held is None or step is None or step.upstream is None or step.contribution is None:
            return False
        added = step.kind in ("add", "sub") or (len(step.targets) == 1 and step.targets[0] in step.op.inputs[2:])
        return added and held.loudest < LOST * (self.size(step.upstream) or 0.0) and step.contribution.size < step.upstream.size

    def _rounding(self, value: int, slot: _Slot) -> _Lost:
        held = self.sums[slot]
        step = self._step(held.turn, held.edge)
        assert step is not None
        proof = f"{step.upstream.size if step.upstream else 0:,} entries that it adds up cancel, and what is left of a norm of "
        proof += f"{number(self.size(step.upstream) or 0.0)} is {number(held.loudest)}, which is rounding"
        hint = "A normalisation or softmax after it takes away what it adds: leave it out (`bias=False`), or leave it so."
        return _Lost("tiny", Said("cancels", proof, hint), _Place("edge", held.turn, held.edge, value), step.number)

    def _path(self, slot: _Slot) -> list[tuple[int, int, float]]:
        """Walk up to the loss where most comes from: each visit's position and edge, and its gain; -1 for a sum."""
        path = []
        while (held := self.sums.get(slot)) is not None and held.turn >= 0:
            visit = self.run.visits[held.turn]
            slots = [i for i, up in enumerate(visit.upstream) if up is not None]
            at = max(slots, key=lambda i: self.size(visit.upstream[i]) or 0.0)
            upstream = self.size(visit.upstream[at])
            if upstream and math.isfinite(upstream) and math.isfinite(held.loudest):
                path.append((held.turn, held.edge, held.loudest / upstream))
            arrived = self._arrived(slot)
            if held.several and arrived is not None and 0 < arrived < LOST * held.loudest:
                path.append((held.turn, -1, arrived / held.loudest))
            slot = (visit.node, at)
        return path

    def _arrived(self, slot: _Slot) -> float | None:
        turn = self._turns.get(slot[0])
        upstream = self.run.visits[turn].upstream if turn is not None else ()
        return self.size(upstream[slot[1]]) if slot[1] < len(upstream) else None

    def _along(self, what: _What, value: int, slot: _Slot, largest: float, beside: int | None) -> _Lost:
        """Say how a gradient shrank or grew on its way, and which calls did most of it."""
        trace, sign = self.trace, 1 if what == "huge" else -1
        path = self._path(slot)
        calls: dict[tuple[str, object, object], list[tuple[int, int, int]]] = {}
        total: dict[tuple[str, object, object], float] = {}
        modules: dict[str, float] = {}
        gain_of: dict[int, float] = {}
        for turn, edge, gain in path:
            op = trace.nodes[self.run.visits[turn].node].op
            if op is None or not gain:
                continue
            gain_of[op] = gain_of.get(op, 1.0) * gain
            held = trace.ops[op]
            key = (held.name, held.file, held.line)
            calls.setdefault(key, []).append((op, turn, edge))
            total[key] = total.get(key, 0.0) + math.log10(gain)
            if held.module is not None:
                modules[held.module] = modules.get(held.module, 0.0) + math.log10(gain)
        amount = f"its largest entry is {number(largest)}"
        if beside is not None:
            other = self._largest[beside]
            amount += f", {number(largest / other)} of that of {_grad(trace, beside)} ({number(other)})"
        if not total:
            return _Lost(what, Said(_WORDS[what], amount, ""), None, None)
        worst = max(total, key=lambda key: sign * total[key])
        ops = {op: None for op, _, _ in calls[worst]}
        op = max(ops, key=lambda o: sign * math.log10(gain_of[o]))
        factor = "gain" if what == "huge" else "factor"
        start, end = self._ends(path)
        proof = f"{amount}. From {name(trace, self.roots[0])} to it, along {len({t for t, _, _ in path}):,} steps, the norm goes "
        proof += f"from {number(start)} to {number(end)}, and most of that at "
        proof += f"{self._call(op)}: {factor} {number(gain_of[op])}"
        if len(ops) > 1:
            proof += f" there, and {number(_power(total[worst]))} over all {len(ops):,} calls of {short(trace.ops[op].name)} on that line"
        if len(modules) > 1:
            module = max(modules, key=lambda path: sign * modules[path])
            proof += f". Of the modules, {short(module)} does most: {factor} {number(_power(modules[module]))}"
        cause, hint = self._what_kind(what, calls[worst], op, gain_of[op], total)
        if proof_of := self._saw(op, calls[worst]) if cause in ("saturated", "cancels") else "":
            proof += f". {proof_of}"
        return _Lost(what, Said(cause, proof, hint), None, op)

    def _ends(self, path: Sequence[tuple[int, int, float]]) -> tuple[float, float]:
        first, last = path[-1], path[0]
        upstream = [self.size(u) or 0.0 for u in self.run.visits[first[0]].upstream]
        return max(upstream), self.size(self.run.visits[last[0]].flows[max(last[1], 0)].contribution) or 0.0

    def _what_kind(
        self, what: _What, steps: list[tuple[int, int, int]], op: int, gain: float, total: dict[tuple[str, object, object], float]
    ) -> tuple[str, str]:
        """Name a gradient that shrank or grew after the one op that did nearly all of it, if there is one."""
        if what == "huge":
            return "exploded", "Clip it (`clip_grad_norm_`), start with smaller weights, or scale targets and data."
        held = self.trace.ops[op]
        from chainrule.causes import ZERO, _cancels, _cross_entropy, _saturated, _softmax
        explain = ZERO.get(Step(self.trace, op, ()).kind)
        cancelled = any(edge == -1 for o, _, edge in steps if o == op)
        whole = sum(v for v in total.values() if v < 0)
        if gain < LOST or (whole and math.log10(gain) < 0.8 * whole):
            if cancelled or explain in (_cancels, _softmax) and gain < LOST:
                return "cancels", "Check what the loss adds up: its parts have to differ."
            if explain in (_saturated, _cross_entropy, _softmax):
                return "saturated", "Scale the input down: smaller weights, a normalisation, scaled data."
        return "vanished", "Use `relu`-like activations, residual connections or a normalisation, and He's or Xavier's start."

    def _saw(self, op: int, steps: list[tuple[int, int, int]]) -> str:
        turn, edge = next((turn, max(edge, 0)) for o, turn, edge in steps if o == op)
        step = self._step(turn, edge)
        said = _why_zero(step) if step is not None else None
        return "" if said is None else f"There {said.proof}"

    def _call(self, op: int) -> str:
        """Write an op as code, with file, line and module."""
        held = self.trace.ops[op]
        where = f" at {held.file}:{held.line}" if held.file and held.line else ""
        inside = f" (in {short(held.module)})" if held.module else ""
        return f"{short(held.expression)}{where}{inside}"

    # Never came -----------------------------------------------------------------------------------------------

    @cached_property
    def _fate(self) -> tuple[dict[int, int], set[int], set[int]]:
        """Follow the numbers forward: which ops cut a value off from the loss, which values led to it, and which whole."""
        trace = self.trace
        above: set[int] = set(self.roots)
        cut: dict[int, int] = {}
        whole = {root for root in self.roots if trace.values[root].requires_grad}
        for i in range(len(trace.ops) - 1, -1, -1):
            op = trace.ops[i]
            made = [v for v in op.outputs if v in above]
            if not made:
                continue
            for value in op.inputs:
                above.add(value)
                for out in made:
                    if not trace.values[out].requires_grad:
                        cut[value] = i
                    else:
                        if out in whole:
                            whole.add(value)
                        if out in cut:
                            cut.setdefault(value, cut[out])
        return cut, above, whole

    def _replaced(self, value: int) -> _Lost | None:
        """Tell whether a name that was a leaf has been bound to a result: `w = w - rate * w.grad`."""
        trace = self.trace
        held = trace.values[value]
        first = held.name.partition("#")[0]
        if held.op is None or held.name == first or value not in self._rebound:
            return None
        op = trace.ops[held.op]
        made = self._call(held.op)
        proof = f"{name(trace, value)} is no leaf: it was made by {made}, and PyTorch fills `.grad` of leaves alone"
        if not held.requires_grad:
            proof = f"{name(trace, value)} does not require a gradient: it was made by {made} without one"
        hint = f"Change the leaf in place: `with torch.no_grad(): {first} -= rate * {first}.grad`."
        del op
        return _Lost("never", Said("replaced", proof, hint), None, held.op)

    @cached_property
    def _rebound(self) -> set[int]:
        """Find results that took over the name of a leaf, and were made from its gradient."""
        trace = self.trace
        leaf_names = {v.name for v in trace.values if v.leaf and v.requires_grad}
        found = set()
        for i, held in enumerate(trace.values):
            first = held.name.partition("#")[0]
            if held.leaf or held.op is None or held.name == first or first not in leaf_names:
                continue
            near, pending = set(), [held.op]
            for _ in range(8):
                if not pending:
                    break
                op = trace.ops[pending.pop()]
                near.update(op.inputs)
                pending.extend(m for v in op.inputs if (m := trace.values[v].op) is not None)
            if any(".grad" in trace.values[v].name or "grad" == trace.values[v].name for v in near) or ".grad" in trace.ops[held.op].expression:
                found.add(i)
        return found

    def _never(self, value: int) -> _Lost:
        """Say why no gradient came to a value."""
        trace = self.trace
        held, called = trace.values[value], name(trace, value)
        root = name(trace, self.roots[0]) if self.roots else "the loss"

        def lost(cause: str, proof: str, hint: str, op: int | None = None) -> _Lost:
            return _Lost("never", Said(cause, proof, hint, op), None, op)

        if held.dtype.removeprefix("u").startswith(("int", "bool")):
            return lost("integer", f"it is of dtype {held.dtype}, and only floating-point numbers have gradients",
                        "Make it a float: `torch.tensor(1.0)`, or `.float()`.", held.op)
        if not held.requires_grad:
            replaced = self._replaced(value)
            if replaced is not None:
                return replaced
            if held.op is None:
                return lost("requires_grad", f"{called} has requires_grad=False", "Create it with `requires_grad=True`.")
            before = [v for v in trace.ops[held.op].inputs if trace.values[v].requires_grad]
            if before:
                return self._cut(held.op, value)
            return lost("requires_grad", f"{called} was made by {self._call(held.op)} of what requires no gradient",
                        "Create what it is made from with `requires_grad=True`.", held.op)
        cut, above, whole = self._fate
        if value in whole:
            return self._stopped(value, root)
        if value in cut:
            return self._cut(cut[value], value)
        uses = [i for i, op in enumerate(trace.ops) if value in op.inputs] if value not in above else []
        if uses:
            where = f"it is used by {self._call(uses[0])}{f' and {len(uses) - 1:,} more' if len(uses) > 1 else ''}, "
            proof = f"{where}and {root} was not made from that"
        else:
            proof = f"{root} was not made from {called}"
        op = uses[0] if uses else None
        return lost("not used", f"{proof}, as far as PyTorch can see",
                    "Use it on the way to the loss; `.item()`, `.numpy()` and `torch.tensor(...)` lose the way.", op)

    def _cut(self, number: int, value: int) -> _Lost:
        """Say which op let go of the gradient's way."""
        trace, op = self.trace, self.trace.ops[number]
        made = trace.values[op.outputs[0]]
        call, result = self._call(number), name(trace, op.outputs[0])
        if op.name in ("detach", "detach_", "data"):
            said = Said("detached", f"{call} cut it off: {result} carries the numbers on, and no gradient back",
                        f"Leave out {'`.data`' if op.name == 'data' else '`.detach()`'} if this should be learned.", number)
        elif made.dtype.removeprefix("u").startswith(("int", "bool")):
            said = Said("integer", f"{call} made {result} of dtype {made.dtype}, and whole numbers pass no gradient back",
                        "Stay with floating-point numbers on the way to the loss.", number)
        else:
            said = Said("no_grad", f"{call} ran where gradients are switched off (`torch.no_grad()` or the like), so "
                        f"{result} has no way back", "Take that line out of `no_grad`.", number)
        return _Lost("never", said, None, number)

    def _stopped(self, value: int, root: str) -> _Lost:
        """Say where a gradient stopped that had a way to a value."""
        trace = self.trace
        held, op = trace.values[value], None
        for i, op_ in enumerate(trace.ops):
            if value in op_.inputs and any(self.gradient(v) is not None for v in op_.outputs):
                op = i
        if op is not None:
            visited = any(self._turns.get(n) is not None and node.op == op for n, node in enumerate(trace.nodes))
            if visited:
                proof = f"{self._call(op)} had a gradient and handed on none to {name(trace, value)}"
                return _Lost("never", Said("stopped", proof, "A custom function has to return a gradient for it.", op), None, op)
        del held
        proof = f"{root} was made from it, and this backward pass was asked for other gradients alone"
        return _Lost("never", Said("not asked", proof, "Name it among the `inputs`, or leave `inputs` out."), None, op)

    # Sentences ------------------------------------------------------------------------------------------------

    def told(self, lost: _Lost, values: tuple[int, ...]) -> Reason:
        """Write the sentences about one reason."""
        trace, said = self.trace, lost.said
        names = [_grad(trace, value) for value in values]
        if lost.what == "tiny" and len(values) > 1:
            values = tuple(sorted(values, key=lambda v: self._largest.get(v, 0.0)))
        several = len(values) > 1
        whose = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")
        whose = whose if len(names) > NAMED or len(names) < 2 else f"{', '.join(names[:-1])} and {names[-1]}"
        verb = "are" if several else "is"
        op = None if lost.op is None else trace.ops[lost.op]
        call = "" if lost.op is None else self._call(lost.op)
        proof = said.proof
        if lost.what == "never":
            none = "never came: " if not several else "never came: "
            says = f"{whose} {none}{proof}."
        elif lost.what in ("tiny", "huge") and said.cause != "cancels" or (lost.what == "tiny" and lost.place is None):
            of = f" Of {_grad(trace, values[0])}, " if several else " "
            word = "tiny" if lost.what == "tiny" else "huge"
            text = proof if several else proof[0].upper() + proof[1:]
            says = f"{whose} {verb} {word}.{of}{text}."
        else:
            what = {"zero": "0", "bad": self._which(values[0]), "tiny": "0 up to rounding", "huge": "huge"}[lost.what]
            became = f" because of {call}" if call and lost.place and lost.place.kind == "edge" else ""
            says = f"{whose} {verb} {what}{became}: {proof}." if became or not call else f"{whose} {verb} {what}: {proof} ({call})."
            if self.also(lost):
                says += f" {self.also(lost)}"
        return Reason(said.cause, tuple(trace.values[v].name for v in values), says, said.hint,
                      None if op is None else op.file, None if op is None else op.line)

    def also(self, lost: _Lost) -> str:
        """Add where a gradient was lost, if the cause lies elsewhere."""
        if lost.place is None or lost.place.kind != "edge" or lost.what != "bad":
            return ""
        step = self._step(lost.place.turn, lost.place.edge)
        if step is None or step.number == lost.op or lost.op is None:
            return ""
        return f"On the way back it spreads from {self._call(step.number)}."

    def _which(self, value: int) -> str:
        found = span(self.gradient(value))
        if found is None:
            return "not finite"
        if found.nans:
            return "NaN" if found.nans == found.size else f"NaN in {found.nans:,} of {found.size:,} entries"
        return "infinite" if found.infinite == found.size else f"infinite in {found.infinite:,} of {found.size:,} entries"

    def bad_root(self, root: int) -> Reason:
        """Say that the loss itself is not finite, although the gradients are."""
        said = why_forward(self.trace, root)
        op = None if said.op is None else self.trace.ops[said.op]
        call = f" because of {self._call(said.op)}" if said.op is not None else ""
        says = f"{name(self.trace, root)} is not finite{call}: {said.proof}. The gradients are finite all the same."
        return Reason(said.cause, (self.trace.values[root].name,), says, said.hint, op.file if op else None, op.line if op else None)

    def fine(self, value: int) -> str:
        """Say that nothing was found, with the gradient's size."""
        trace, gradient = self.trace, self.gradient(value)
        found, size = span(gradient), self.size(gradient)
        whose = _grad(trace, value)
        if found is None:
            return f"Nothing is wrong with {whose}: it is finite, with norm {number(size or 0.0)}."
        if found.size == 1:
            text = f"Nothing is wrong with {whose}: it is {number(found.low)}."
        else:
            zeros = f", and {found.zeros:,} are 0" if found.zeros else ", and none is 0"
            text = f"Nothing is wrong with {whose}: its {found.size:,} entries run {_between(found)}{zeros}; its norm is {number(size or 0.0)}."
        if not trace.values[value].leaf:
            text += f" {name(trace, value)} is no leaf, so PyTorch leaves its `.grad` at None; the recording has it."
        return text

    def all_fine(self) -> str:
        """Say that nothing was found at any leaf, with the smallest and the largest gradient."""
        sizes = {value: size for value, size in self._largest.items() if self.trace.values[value].leaf}
        if not sizes:
            return "No leaf got a gradient in this backward pass, and none was to get one."
        low, high = min(sizes, key=lambda v: sizes[v]), max(sizes, key=lambda v: sizes[v])
        if len(sizes) == 1:
            return self.fine(low)
        return (
            f"Nothing is wrong with the gradients of the {len(sizes):,} leaves: all are finite, none is 0 throughout, and "
            f"their largest entries lie between {number(sizes[low])} ({_grad(self.trace, low)}) and "
            f"{number(sizes[high])} ({_grad(self.trace, high)})."
        )


def _between(found: Span) -> str:
    return f"from {number(found.low)} to {number(found.high)}"


def _first(a: _Place | None, b: _Place) -> _Place:
    """Give the place that autograd came to first."""
    return b if a is None or (b.turn, b.edge) < (a.turn, a.edge) else a


def _power(exponent: float) -> float:
    """Give ten to a power, as far as a float holds it."""
    return 0.0 if exponent < -307 else math.inf if exponent > 307 else 10.0**exponent


def _grad(trace: Trace, value: int) -> str:
    """Name the gradient of a leaf, `w.grad`, or of another value."""
    held = trace.values[value]
    first = held.name.partition("#")[0]
    if (held.leaf or held.name != first) and all(c.isalnum() or c in "._" for c in first):
        return f"`{first}.grad`"
    return f"the gradient of {name(trace, value)}"

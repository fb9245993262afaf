"""Say what is wrong between the backward passes and the optimizers' steps: what they step, and with which gradients."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from chainrule.calculus.rules import canonical
from chainrule.diagnosis.causes import Finding, say
from chainrule.diagnosis.evidence import call_of, is_bad, names_of, norm
from chainrule.diagnosis.missing import Missing
from chainrule.diagnosis.thresholds import SAME
from chainrule.trace import BackwardPass, Event, Trace, Update

Told: TypeAlias = tuple[Finding, list[int]]
"""What was found, and of which values."""


def steps(missing: Missing) -> Iterator[Told]:
    """Yield what is wrong with the steps of a block, each thing once."""
    ledger = _Ledger(missing)
    for moment in _timeline(missing.trace):
        if isinstance(moment, BackwardPass):
            ledger.fill(moment)
        elif isinstance(moment, Update):
            ledger.step(moment)
        elif moment.name == "clear":
            ledger.clear(moment)
        elif moment.name == "clip":
            ledger.clips.append(moment)
    ledger.look_back()
    yield from ledger.told.values()
    yield from _not_held(missing)


def _timeline(trace: Trace) -> Iterator[BackwardPass | Update | Event]:
    """Put passes, steps and what was done to gradients into the order in which they happened."""
    at: dict[int, list[tuple[int, int, Event | Update]]] = {}
    for event in trace.events:
        at.setdefault(event.after, []).append((event.steps, 0, event))
    for number, update in enumerate(trace.updates):
        at.setdefault(update.after, []).append((number, 1, update))
    for i in range(len(trace.passes) + 1):
        if i:
            yield trace.passes[i - 1]
        yield from (moment for _, _, moment in sorted(at.get(i, ()), key=lambda one: one[:2]))


class _Ledger:
    """Keep account of what each leaf's `.grad` is made of."""

    def __init__(self, missing: Missing) -> None:
        self.missing, self.trace, self.first = missing, missing.trace, missing.first
        self.told: dict[str, Told] = {}
        self.clips: list[Event] = []
        """The clipping since the last step."""
        self._given: dict[int, list[tuple[BackwardPass, int]]] = {}
        """The passes that filled it, with the leaf's value then; and how many of these a step has used."""
        self._used: dict[int, int] = {}
        self._emptied: dict[int, Event] = {}
        self._last: Update | None = None

    def fill(self, run: BackwardPass) -> None:
        """Add what a pass gave."""
        self.look_back()
        nodes = {self.trace.nodes[visit.node].name for visit in run.visits}
        if run.asked is not None and "AccumulateGrad" not in nodes:
            return  # `torch.autograd.grad` leaves `.grad` alone
        before = [v for v, held in run.before.items() if self.first[v] not in self._given and norm(held)]
        before = [v for v in before if self.missing.is_asked(v)]
        if before:
            self._tell("there before", before)
        for value in run.gradients:
            leaf = self.first[value]
            if value not in run.before or norm(run.before[value]) == 0:
                self._given[leaf], self._used[leaf] = [], 0
            self._given.setdefault(leaf, []).append((run, value))
            self._emptied.pop(leaf, None)

    def clear(self, event: Event) -> None:
        """Empty the gradients of some leaves."""
        for leaf in (self.first[value] for value in event.values):
            if len(self._given.get(leaf, ())) > self._used.get(leaf, 0):
                self._emptied[leaf] = event
            self._given[leaf], self._used[leaf] = [], 0

    def step(self, update: Update) -> None:
        """Hold what a step saw against what the passes gave."""
        leaves = {self.first[value]: value for value in update.parameters}
        saw = {leaf: norm(update.gradients.get(value)) for leaf, value in leaves.items()}
        if not update.by_closure:
            self._emptied_before(update, leaves, saw)
            old = [v for leaf, v in leaves.items() if self._used.get(leaf) and saw[leaf] and self._is_new(leaf)]
            if old:
                self._tell("left over", old, update)
            self._clipped(update, leaves)
            self._added_up(update, leaves, saw)
        self._used |= {leaf: len(self._given.get(leaf, ())) for leaf in leaves}
        self._last, self.clips = update, []

    def _is_new(self, leaf: int) -> bool:
        return len(self._given.get(leaf, ())) > self._used[leaf]

    def _tell(self, key: str, values: list[int], event: Event | Update | None = None, **told: object) -> None:
        values = [self.first[value] for value in values]
        names, made = names_of(self.trace, values), event and call_of(event)
        self.told.setdefault(key, (say(key, None, None, event, names=names, made=made, **told), values))

    def _emptied_before(self, update: Update, leaves: dict[int, int], saw: dict[int, float | None]) -> None:
        lost = [value for leaf, value in leaves.items() if leaf in self._emptied and not saw[leaf]]
        if lost and not any(saw.values()):
            self._tell("emptied", lost, self._emptied[self.first[lost[0]]], step=call_of(update))

    def _clipped(self, update: Update, leaves: dict[int, int]) -> None:
        """Say that gradients were clipped before they were there, or that clipping spread a NaN."""
        clips = [clip for clip in self.clips if any(self.first[value] in leaves for value in clip.values)]
        if clips and clips[-1].after < update.after and "clipped late" not in self.told:
            self._tell("clipped early", list(leaves.values()), clips[-1], step=call_of(update))
        given = {leaf: [run.gradients[then] for run, then in self._given.get(leaf, ())] for leaf in leaves}
        bad = [leaf for leaf in leaves if any(map(is_bad, given[leaf]))] if clips else []
        saw = {leaf: update.gradients.get(value) for leaf, value in leaves.items() if leaf not in bad and given[leaf]}
        spread = [leaves[leaf] for leaf, held in saw.items() if bad and (is_bad(held) or norm(held) == 0)]
        if spread:
            self._tell("spread", spread, clips[-1], count=len(spread))

    def look_back(self) -> None:
        """Say that gradients were clipped after the last step, which used them."""
        if self._last is None or not self.clips or "clipped early" in self.told:
            return
        if self.clips[0].after == self._last.after:
            clipped = {self.first[value] for value in self.clips[0].values}
            if values := [v for v in self._last.parameters if self.first[v] in clipped]:
                self._tell("clipped late", values, self.clips[0], step=call_of(self._last))
        self._last = None

    def _added_up(self, update: Update, leaves: dict[int, int], saw: dict[int, float | None]) -> None:
        """Say that the means of several passes were added up, and not divided by their number."""
        if any(run.asked is not None for run in self.trace.passes):
            return  # such as MAML, where each pass may be of a task of its own
        runs = [tuple(run for run, _ in self._given[leaf]) for leaf in leaves if self._given.get(leaf)]
        if not runs or len(runs[0]) < 2 or len(set(runs)) > 1 or any(map(self._used.get, leaves)):
            return
        made = [self.trace.values[root].op for run in runs[0] for root in run.roots]
        lines = {op if op is None else (self.trace.ops[op].file, self.trace.ops[op].line) for op in made}
        if len(lines) > 1 or not all(_mean_times(self.trace, root) for run in runs[0] for root in run.roots):
            return
        whole = [norm(update.gradients.get(value)) or 0.0 for value in leaves.values()]
        parts = [[run.gradients[then].data for run, then in self._given.get(leaf, ())] for leaf in leaves]
        total = [float(np.linalg.norm(sum(p for p in part if p is not None))) if part else 0.0 for part in parts]
        ratio, scale = math.hypot(*whole) / (math.hypot(*total) or 1.0), _mean_times(self.trace, runs[0][0].roots[0])
        if min(abs(ratio - 1), abs(ratio * scale - 1)) < SAME:  # `GradScaler` may have divided again
            self._tell("not divided", list(leaves.values()), update, count=len(runs[0]))


def _mean_times(trace: Trace, value: int) -> float:
    """Return by how much a mean over a batch was multiplied to be a loss; 0 for any other loss."""
    scale = 1.0
    while (made := trace.values[value].op) is not None:
        op = trace.ops[made]
        kind, inputs = canonical(op.name), [v for v in op.inputs if trace.values[v].requires_grad]
        if kind == "mean" or kind.endswith("_loss") or "cross_entropy" in kind:
            return 0.0 if {"sum", "none"}.intersection(map(str, op.call.values())) else scale
        factors = [*op.constants.values(), *(trace.values[v].tensor.number for v in op.inputs if v not in inputs)]
        if kind not in ("mul", "neg") or len(inputs) != 1 or any(f is None or abs(f) < 1 for f in factors):
            return 0.0
        value, scale = inputs[0], scale * float(np.prod([abs(f) for f in factors if f is not None]))
    return 0.0


def _not_held(missing: Missing) -> Iterator[Told]:
    """Say which parameters got a gradient that no optimizer of the block holds, though they are to learn."""
    trace, first, updates = missing.trace, missing.first, missing.trace.updates
    if not updates:
        return
    step, names = updates[-1], [max(held.name, *held.aliases, "", key=len) for held in trace.values]
    got = {first[v]: v for run in reversed(trace.passes[: updates[-1].after]) for v in run.gradients}
    rest = sorted(v for leaf, v in got.items() if leaf not in missing.held and trace.values[v].leaf)
    loose = {first[v] for event in trace.events if event.name == "unregistered" for v in event.values}
    listed = [v for v in rest if first[v] in loose]
    if listed:
        yield say("plain list", event=step, names=names_of(trace, listed)), listed
    held = {v for update in updates for v in update.parameters}
    called = {module.path.partition(".")[0] for module in trace.modules}
    roots = [path.partition(".")[0] for path in names]
    idle = [v for v in held if not any(map(missing.is_use, missing.uses.get(v, ())))]
    outside = {v for v in idle if roots[v] not in called and names[v] == trace.values[v].name}
    strays = outside | missing.strays.intersection(idle)
    rest = [v for v in rest if trace.values[v].parameter and first[v] not in loose]
    if strays and rest:
        names_held = names_of(trace, rest)
        yield say("old parameters", event=step, names=names_held, made=call_of(step), count=len(strays)), rest
        return
    modules = {names[v].rpartition(".")[0] for v in held} - {""}
    around = {module.partition(".")[0] for module in modules}
    beside = [v for v in rest if names[v].rpartition(".")[0] in modules]
    apart = [v for v in rest if v not in beside and roots[v] in around]
    used = {v: missing.uses.get(first[v], [0])[0] for v in (*held, *apart)}
    last = apart and len(apart) < len(held) and max(used[v] for v in held) < min(used[v] for v in apart)
    for found, key in ((beside, "not held"), (apart, "held apart")):
        if found:
            told = say(key, event=step, names=names_of(trace, found))
            yield replace(told, is_question=told.is_question and not last), found

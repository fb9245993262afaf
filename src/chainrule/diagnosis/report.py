"""Put a question to a trace: why is this gradient zero, NaN, tiny or huge, or why is there none?

`locate` finds the spot, `causes` says what happened there, and here it becomes sentences.
"""

from __future__ import annotations

import html
import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from chainrule.calculus.notation import columns, number
from chainrule.diagnosis.causes import Finding, oddities, say, why_forward
from chainrule.diagnosis.evidence import call, grad, is_bad, listed, name, span
from chainrule.diagnosis.locate import Search, site_of
from chainrule.diagnosis.missing import Missing
from chainrule.diagnosis.steps import steps
from chainrule.diagnosis.thresholds import REASONS
from chainrule.diagnosis.units import units
from chainrule.trace import Event, Trace

_RANK = {"bad": 0, "told": 1, "zero": 2, "never": 3, "huge": 4, "tiny": 5}


@dataclass(frozen=True)
class Reason:
    """Hold one cause: whose gradients it concerns, what happened and where, the proof, and what to try."""

    cause: str
    """In a word or two, such as `dead relu`."""
    names: tuple[str, ...]
    """The values whose gradients it concerns."""
    says: str
    hint: str
    file: str | None = None
    line: int | None = None

    @property
    def section(self) -> str:
        """Name the section of the documentation's page of causes that is about it (`#cause-` before it)."""
        return re.sub(r"\W+", "-", self.cause)

    def __str__(self) -> str:
        """Write it as a paragraph."""
        return _fill(f"{self.says} {self.hint}")

    __repr__ = __str__


@dataclass(frozen=True)
class Why:
    """Hold the reasons that were found and, if there is none, what was looked at."""

    reasons: tuple[Reason, ...]
    rest: str = ""
    """What is said after the reasons, or in their place."""
    hints: tuple[Reason, ...] = ()
    """What is odd, and may be meant: questions."""

    def __str__(self) -> str:
        """Write one paragraph for each reason."""
        rest = [_fill(self.rest)] if self.rest else []
        return "\n\n".join([*map(str, self.reasons), *rest, *map(str, self.hints)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rest = f"<p>{_html(self.rest)}</p>" if self.rest else ""
        return f"{_list(self.reasons)}{rest}{_list(self.hints)}"


def _list(reasons: Sequence[Reason]) -> str:
    said = [(one.section, _html(f"{one.says} {one.hint}")) for one in reasons]
    items = "".join(f'<li data-cause="{section}">{text}</li>' for section, text in said)
    return f'<ul class="chainrule-report">{items}</ul>' if items else ""


def _fill(text: str) -> str:
    return textwrap.fill(text.strip(), min(99, columns(99)), break_long_words=False, break_on_hyphens=False)


def _html(text: str) -> str:
    """Escape a text, and show what stands in backticks as code."""
    parts = html.escape(text.strip()).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


@dataclass(frozen=True)
class _Group:
    """Hold what is wrong in the same way: first found so, of which values, and in which passes."""

    found: Finding
    search: Search | None
    values: dict[object, int] = field(default_factory=dict)
    passes: dict[int, None] = field(default_factory=dict)


class _Groups:
    """Collect what is found, in one group for each cause."""

    def __init__(self, missing: Missing) -> None:
        self.missing, self.trace = missing, missing.trace
        self.all: dict[object, _Group] = {}
        self._kinds: dict[object, dict[object, int]] = {}

    def add(self, found: Finding, value: int, search: Search | None = None) -> None:
        """Put a finding to those of its kind; what two ops on one line did in one pass is told apart."""
        is_size = found.what in ("tiny", "huge")
        line = None if found.op is None else site_of(self.trace.ops[found.op])
        one: object = found.proof if found.op is None else found.op
        if isinstance(found.event, Event) and found.event.name == "same":
            one = site_of(found.event)
        if found.source is not None or is_size:
            line, one = None, found.source
        kind = found.what, "" if is_size else found.cause, line
        ones = self._kinds.setdefault((kind, search and search.index), {})
        group = self.all.setdefault((kind, ones.setdefault(one, len(ones))), _Group(found, search))
        group.values.setdefault(self.missing.first[value], value)
        if search is not None:
            group.passes[search.index] = None

    def reasons(self) -> Iterator[tuple[int, Reason]]:
        """Write a reason for each group, with its rank; of a question it is below 0."""
        for group in sorted(self.all.values(), key=lambda group: -len(group.values)):
            found, values, search = group.found, list(group.values.values()), group.search
            if search is not None and found.what in ("tiny", "huge"):
                values.sort(key=lambda value: search.largest.get(value, 0.0), reverse=found.what == "huge")
                found = found if found.proof else search.along(found, values[0])
            when = _when(list(group.passes), len(self.trace.passes))
            rank = -1 if found.is_question else _RANK[found.what]
            yield rank, _reason(self.trace, search, found, values, when)


def why(trace: Trace, values: Mapping[int, int], otherwise: int) -> Why:
    """Say of one value, in each pass that it took part in, how its gradient was lost, or how large it is."""
    missing = Missing(trace, list(values) or range(len(trace.passes)))
    groups, asked = _Groups(missing), [otherwise, *values.values()][-1]
    if (never := missing.replaced(otherwise) or missing.why(asked)) is not None:
        groups.add(never, asked)
    else:
        for i, value in values.items():
            search = Search(trace, i, missing)
            if (lost := search.find(value)) is not None:
                groups.add(lost, value, search)
    reasons = tuple(reason for _, reason in groups.reasons())
    return Why(reasons, "" if reasons else _fine(search, value))


def why_all(trace: Trace, passes: Sequence[int]) -> Why:
    """Say of all leaves, in some passes and in the steps between, what went wrong: one reason for each cause."""
    missing = Missing(trace, passes)
    groups, searches = _Groups(missing), [Search(trace, i, missing) for i in passes]
    spoilt = next((step.after for step in trace.updates if any(map(is_bad, step.gradients.values()))), math.inf)
    for search in searches:
        for value in search.run.gradients:
            held = trace.values[value]
            lost = search.find(value) if held.leaf and held.requires_grad else None
            if lost is None or lost.cause == "rounding":  # a bias that a normalisation takes away does no harm
                continue
            is_told = search.index < spoilt if lost.what == "bad" else lost.what == "huge" or missing.is_asked(value)
            if is_told:  # the steps have not made the weights so, and it is to learn
                meant = search.may_be_meant(lost, value)
                groups.add(replace(lost, hint=say("meant").hint, is_question=True) if meant else lost, value, search)
    for value in missing.leaves:
        if (never := missing.why(value)) is not None:
            groups.add(never, value)
    said = list(groups.reasons())
    bad = [root for search in searches for root in search.run.roots if is_bad(trace.values[root].tensor)]
    if bad and not any(rank == _RANK["bad"] for rank, _ in said):
        found = why_forward(trace, bad[0])
        says = f"{name(trace, bad[0])} is not finite{_because(trace, found)}: {found.proof}."
        said.append((0, _told(trace, found, bad[:1], f"{says} The gradients happen to be finite.")))
    whole = len(searches) == len(trace.passes)
    odd = [
        *missing.idle(),
        *(steps(missing) if whole else ()),
        *(() if any(rank >= 0 for rank, _ in said) else units(searches[-1])),
    ]
    odd += [(found, []) for found in oddities(trace)]
    known = {group.found.event for group in groups.all.values()} - {None}
    for found, values in odd:
        if found.event not in known:
            said.append((-1 if found.is_question else _RANK["told"], _told(trace, found, values, f"{found.proof}.")))
    reasons = [reason for rank, reason in sorted(said, key=lambda pair: pair[0]) if rank >= 0]
    more = len(reasons) - REASONS
    rest = f"There {'is one more reason' if more == 1 else f'are {more} more reasons'}: ask by name."
    rest = _all_fine(searches) if not reasons else rest if more > 0 else ""
    return Why(tuple(reasons[:REASONS]), rest, tuple(hint for rank, hint in said if rank < 0))


def _when(passes: Sequence[int], of: int) -> str:
    """Say in which passes, where there are several."""
    if of == 1 or not passes:
        return ""
    if len(passes) == of:
        return f" in each of {of:,} passes"
    ends = {1: "st", 2: "nd", 3: "rd"}
    count = [f"{i + 1:,}{'th' if (i + 1) % 100 in (11, 12, 13) else ends.get((i + 1) % 10, 'th')}" for i in passes]
    return f" in the {listed(count)} of {of:,} passes"


def _reason(trace: Trace, search: Search | None, found: Finding, values: Sequence[int], when: str) -> Reason:
    """Write the sentences about one reason."""
    names = [grad(trace, value) for value in values]
    says = f"{listed(names)} {'is' if len(names) == 1 else 'are'} "
    if search is None:
        says += f"None: {found.proof}."
    elif found.cause == "rounding":
        says += f"0 up to rounding{when}: in {call(trace, found.op or 0)}, {found.proof}."
    elif found.what in ("tiny", "huge"):
        most = "smallest" if found.what == "tiny" else "largest"
        proof = f"Of these, {names[0]} is the {most}: {found.proof}" if len(names) > 1 else found.proof
        says += f"{found.what}{when}. {proof[0].upper()}{proof[1:]}."
    else:
        state = "zero" if found.what == "zero" else _state(search, values)
        says += f"{state}{when}{_because(trace, found)}: {found.proof}.{_spreads(search, found)}"
    return _told(trace, found, values, says)


def _because(trace: Trace, found: Finding) -> str:
    return "" if found.op is None else f" because of {call(trace, found.op)}"


def _told(trace: Trace, found: Finding, values: Sequence[int], says: str) -> Reason:
    at = found.event if found.op is None else trace.ops[found.op]
    file, line = (None, None) if at is None else (at.file, at.line)
    return Reason(found.cause, tuple(trace.values[value].name for value in values), says, found.hint, file, line)


def _state(search: Search, values: Sequence[int]) -> str:
    """Say how much of a gradient is not finite, or of several, that they are not."""
    spans = [span(search.gradient(value)) for value in values]
    known = [found for found in spans if found is not None]
    kind = "NaN" if any(found.nans for found in known) else "infinite"
    if len(values) > 1 or not known:
        return kind if len(known) == len(values) else "not finite"
    count = known[0].nans or known[0].infinite
    return kind if count == known[0].size else f"{kind} in {count:,} of {known[0].size:,} entries"


def _spreads(search: Search, found: Finding) -> str:
    """Add where the gradient was lost, if the cause lies elsewhere, on the way forward."""
    op = search.op_at(found.spot.turn) if found.spot is not None and found.spot.kind == "edge" else None
    if op is None or op == found.op:
        return ""
    return f" On the way back it shows first at {call(search.trace, op)}."


def _fine(search: Search, value: int) -> str:
    """Say that nothing was found, with the gradient's size."""
    gradient, whose = search.gradient(value), grad(search.trace, value)
    found, size = span(gradient), number(search.size(gradient) or 0.0)
    if found is None:
        text = f"Nothing is wrong with {whose}: it is finite, and its norm is {size}."
    elif found.size == 1:
        text = f"Nothing is wrong with {whose}: it is {number(found.low)}."
    else:
        zeros = f"{found.zeros:,} of them 0" if found.zeros else "none of them 0"
        text = f"Nothing is wrong with {whose}: its {found.size:,} entries run from {number(found.low)} to "
        text += f"{number(found.high)}, {zeros}; its norm is {size}."
    if search.trace.values[value].leaf:
        return text
    called = name(search.trace, value)
    return f"{text} {called} is no leaf, so PyTorch leaves its `.grad` at None; `rec.grad` has it."


def _all_fine(searches: Sequence[Search]) -> str:
    """Say that nothing was found at any leaf, with the smallest and the largest gradient."""
    trace = searches[0].trace
    sizes = {(v, i): size for i, one in enumerate(searches) for v, size in one.largest.items() if trace.values[v].leaf}
    if not sizes:
        return "No leaf got a gradient in this block, and none was cut off from it."
    (low, _), (high, at) = min(sizes, key=lambda one: sizes[one]), max(sizes, key=lambda one: sizes[one])
    if len(sizes) == 1:
        return _fine(searches[at], high)
    passes = f", in {len(searches):,} passes" if len(searches) > 1 else ""
    leaves = len({searches[0].missing.first[value] for value, _ in sizes})
    return (
        f"Nothing is wrong with the gradients of the {leaves:,} leaves{passes}: all are finite, "
        f"and their largest entries lie between {number(min(sizes.values()))} ({grad(trace, low)}) and "
        f"{number(max(sizes.values()))} ({grad(trace, high)})."
    )

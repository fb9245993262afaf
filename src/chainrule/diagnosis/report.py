"""Put a question to a trace: why is this gradient zero, NaN, tiny or huge, or why is there none?

`locate` finds the spot, `causes` says what happened there, and here it becomes sentences.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.calculus.notation import columns, number
from chainrule.diagnosis.causes import Finding, why_forward
from chainrule.diagnosis.evidence import call, grad, is_bad, name, span
from chainrule.diagnosis.locate import Search
from chainrule.diagnosis.thresholds import NAMED, REASONS
from chainrule.trace import Trace

_RANK = {"bad": 0, "zero": 1, "never": 2, "huge": 3, "tiny": 4}


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

    def __str__(self) -> str:
        """Write one paragraph for each reason."""
        return "\n\n".join([*map(str, self.reasons), *([_fill(self.rest)] if self.rest else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{_html(f'{reason.says} {reason.hint}')}</li>" for reason in self.reasons)
        listed = f'<ul class="chainrule-report">{items}</ul>' if items else ""
        return f"{listed}{f'<p>{_html(self.rest)}</p>' if self.rest else ''}"


def _fill(text: str) -> str:
    return textwrap.fill(text.strip(), min(99, columns(99)), break_long_words=False, break_on_hyphens=False)


def _html(text: str) -> str:
    """Escape a text, and show what stands in backticks as code."""
    parts = html.escape(text.strip()).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def why(trace: Trace, value: int, backward: int = -1) -> Why:
    """Say of one value how its gradient was lost, or how large it is."""
    search = Search(trace, backward)
    lost = search.find(value)
    return Why((), _fine(search, value)) if lost is None else Why((_reason(search, lost, (value,)),))


def why_all(trace: Trace, backward: int = -1) -> Why:
    """Say of all leaves which gradients were lost: one reason for all that have it in common."""
    search = Search(trace, backward)
    groups: dict[object, tuple[Finding, list[int]]] = {}
    for value in search.leaves:
        lost = search.find(value)
        if lost is not None and lost.cause != "rounding":  # a bias that a normalisation takes away does no harm
            groups.setdefault(lost.key, (lost, []))[1].append(value)
    order = sorted(groups.values(), key=lambda group: (_RANK[group[0].what], -len(group[1])))
    reasons = [_reason(search, lost, tuple(values)) for lost, values in order]
    bad = [root for root in search.run.roots if is_bad(trace.values[root].tensor)]
    if bad and not any(lost.what == "bad" for lost, _ in order):
        found = why_forward(trace, bad[0])
        says = f"{name(trace, bad[0])} is not finite{_because(trace, found)}: {found.proof}."
        reasons.insert(0, _told(trace, found, bad[:1], f"{says} The gradients happen to be finite."))
    if not reasons:
        return Why((), _all_fine(search))
    more = len(reasons) - REASONS
    rest = f"There {'is one more reason' if more == 1 else f'are {more} more reasons'}: ask by name."
    return Why(tuple(reasons[:REASONS]), rest if more > 0 else "")


def _reason(search: Search, found: Finding, values: Sequence[int]) -> Reason:
    """Write the sentences about one reason."""
    trace = search.trace
    if found.what in ("tiny", "huge"):
        values = sorted(values, key=lambda value: search.largest.get(value, 0.0), reverse=found.what == "huge")
        found = found if found.proof else search.along(found, values[0])
    names = [grad(trace, value) for value in values]
    says = f"{_listed(names)} {'is' if len(names) == 1 else 'are'} "
    if found.what == "never":
        says += f"None: {found.proof}."
    elif found.cause == "rounding":
        says += f"0 up to rounding: in {call(trace, found.op or 0)}, {found.proof}."
    elif found.what in ("tiny", "huge"):
        most = "smallest" if found.what == "tiny" else "largest"
        proof = f"Of these, {names[0]} is the {most}: {found.proof}" if len(names) > 1 else found.proof
        says += f"{found.what}. {proof[0].upper()}{proof[1:]}."
    else:
        state = "zero" if found.what == "zero" else _state(search, values)
        says += f"{state}{_because(trace, found)}: {found.proof}.{_spreads(search, found)}"
    return _told(trace, found, values, says)


def _because(trace: Trace, found: Finding) -> str:
    return "" if found.op is None else f" because of {call(trace, found.op)}"


def _told(trace: Trace, found: Finding, values: Sequence[int], says: str) -> Reason:
    file, line = (None, None) if found.op is None else (trace.ops[found.op].file, trace.ops[found.op].line)
    return Reason(found.cause, tuple(trace.values[value].name for value in values), says, found.hint, file, line)


def _listed(names: Sequence[str]) -> str:
    if len(names) > NAMED + 1:
        return f"{', '.join(names[:NAMED])} and {len(names) - NAMED:,} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


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


def _all_fine(search: Search) -> str:
    """Say that nothing was found at any leaf, with the smallest and the largest gradient."""
    trace = search.trace
    sizes = {value: size for value, size in search.largest.items() if trace.values[value].leaf}
    if not sizes:
        return "No leaf got a gradient in this backward pass, and none was cut off from it."
    low, high = min(sizes, key=lambda v: sizes[v]), max(sizes, key=lambda v: sizes[v])
    if len(sizes) == 1:
        return _fine(search, low)
    return (
        f"Nothing is wrong with the gradients of the {len(sizes):,} leaves: all are finite, and their largest entries "
        f"lie between {number(sizes[low])} ({grad(trace, low)}) and {number(sizes[high])} ({grad(trace, high)})."
    )

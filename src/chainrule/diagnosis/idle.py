"""Say what adds nothing though the loss has a gradient: terms without a way back, samples, and writes unseen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chainrule.calculus.rules import canonical
from chainrule.diagnosis.causes import Finding, say
from chainrule.diagnosis.conditions import ops_in
from chainrule.diagnosis.evidence import call, code, name
from chainrule.diagnosis.missing import Missing, is_whole
from chainrule.diagnosis.steps import Told
from chainrule.trace import Event, Trace


def idle(missing: Missing) -> Iterator[Told]:
    """Yield the terms of the losses that have no way back by mistake, and what else gets nothing by one."""
    yield from _terms(missing)
    yield from _sampled(missing)
    trace, written = missing.trace, dict[object, int]()
    is_nested = any(run.asked is not None for run in trace.passes)  # a result of `autograd.grad` looks the same
    for i, held in enumerate(() if is_nested else trace.values):
        if held.node is not None and held.op is None and not held.leaf and missing.gradient(i) is not None:
            yield say("no leaf", value=name(trace, i)), [i]
    for i, op in enumerate(trace.ops):
        uses = missing.uses.get(op.outputs[0], ()) if op.name == "data" else ()
        if any(trace.ops[use].name.endswith("_") for use in uses) and not trace.values[op.inputs[0]].leaf:
            written.setdefault((op.file, op.line), i)
    for i in written.values():
        yield say("written unseen", i, made=call(trace, i)), list(trace.ops[i].inputs[:1])


def _terms(missing: Missing) -> Iterator[Told]:
    """Follow sums, and products with numbers, from the losses to their terms."""
    trace, values = missing.trace, missing.trace.values
    taken = [event for event in trace.events if event.name in ops_in("NUMBERS")]
    arrays = [event for event in taken if event.name in ops_in("ARRAYS")]
    arrays = [event for event in arrays if any(missing.behind(value) is not None for value in event.values)]
    pending = [root for root in missing.roots if values[root].requires_grad]
    seen = set(pending)
    for at in pending:
        made = values[at].op
        op = None if made is None else trace.ops[made]
        if op is None or (kind := canonical(op.name)) not in ops_in("LINEAR"):
            continue
        for value in op.inputs:
            if value in seen or (kind in ("mul", "div") and not values[value].requires_grad):
                continue
            seen.add(value)
            if values[value].requires_grad:
                pending.append(value)
                continue
            cut = missing.behind(value)
            lost = cut if cut is not None else next(iter(arrays), None)
            if lost is not None and (way := missing.kind(lost)) != "detached":
                found = _constant(_named(trace, value), missing.cut_by(lost))
                yield replace(found, is_question=cut is None or way == "no_grad"), [value]
        for number in op.constants.values() if kind in ("add", "sub", "rsub") and len(op.inputs) == 1 else ():
            for event in taken if number and not isinstance(number, complex) else ():
                if _makes(trace, event, float(number.real)):
                    yield _constant(code(f"{number:.4g}"), missing.cut_by(event)), [at]


def _constant(term: str, lost: Finding) -> Finding:
    said = say("constant term", term=term, proof=lost.proof)
    return replace(lost, cause=said.cause, proof=said.proof)


def _makes(trace: Trace, event: Event, number: float) -> bool:
    """Tell whether a number is what was taken out of what learns, or its sum, times a number of two digits."""
    taken = [float(trace.values[v].tensor.number or 0) for v in event.values if trace.values[v].requires_grad]
    return any(not _is_short(one) and _is_short(number / one) for one in {*taken, sum(taken)} if one)


def _is_short(number: float) -> bool:
    """Tell whether two digits write a number."""
    return abs(float(f"{number:.2g}") - number) <= 1e-6 * abs(number)


def _named(trace: Trace, value: int) -> str:
    """Name a term, by the variable that a number times it has, if there is one."""
    made = trace.values[value].op
    inner = () if made is None else trace.ops[made].inputs
    plain = [v for v in (value, *inner) if trace.values[v].name.partition("#")[0].isidentifier()]
    return name(trace, plain[0] if plain and len(inner) == 1 else value)


def _sampled(missing: Missing) -> Iterator[Told]:
    """Find samples in the loss that are not scored by the distribution that they were drawn from."""
    values, ops = missing.trace.values, missing.trace.ops
    samples = (event for event in missing.trace.events if event.name == "sample")
    drawn = [event for event in samples if _could_learn(missing.trace, event)]
    origin = {v for event in drawn for v in event.values if values[v].requires_grad}
    after = {v for event in drawn for v in event.made}
    inside = {values[v].op for v in after}
    for i, op in enumerate(ops if drawn else ()):
        if i not in inside and not after.isdisjoint(op.inputs):
            if not origin.isdisjoint(op.inputs):
                return
            after.update(out for out in op.outputs if not values[out].requires_grad)
    for event in drawn:
        if event.made[-1] in missing.fate[1]:
            yield missing.cut_by(event), [event.made[-1]]


def _could_learn(trace: Trace, drawn: Event) -> bool:
    """Tell whether a sample was drawn from what learns, and could be drawn so that a gradient goes through."""
    made = trace.values[drawn.made[-1]]
    is_discrete = made.op is None or trace.ops[made.op].name in ops_in("DISCRETE") or is_whole(made.dtype)
    return not is_discrete and any(trace.values[v].requires_grad for v in drawn.values)

"""The joins of a trace: the visits of one backward pass with the ops and the values that they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chainrule.trace import BackwardPass, Term, Trace, Visit


class Joins:
    """Join the visits of one backward pass with the ops and the values that they belong to, each way once."""

    def __init__(self, trace: Trace, run: BackwardPass, term: type[Term]) -> None:
        self.trace, self.run, self._term = trace, run, term
        self._free: dict[int, dict[int, list[str]]] = {}
        """The letters of each op that no term has taken yet, by value."""

    @cached_property
    def terms_into(self) -> Mapping[int, list[Term]]:
        """The gradient steps by the value at which they end."""
        found: dict[int, list[Term]] = {}
        for term in self.terms:
            found.setdefault(term.value, []).append(term)
        return found

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """The gradient steps in autograd's order; the nodes that it made for one op are joined to one step.

        On the way to a node inside of an op a single number is carried along, as long as everything is one.
        """
        found: list[Term] = []
        inside: dict[int, tuple[tuple[int, ...], float | None]] = {}
        for visit in self.run.visits:
            node, last = self.trace.nodes[visit.node], self._outputs(visit)
            outputs, factor = (last, None) if last else inside.get(visit.node, ((), None))
            if node.op is None or not outputs:
                continue
            for edge, flow in zip(node.edges, visit.flows, strict=False):
                local = (
                    flow.local if last or flow.local is None else flow.local.times(factor)
                )  # the op's own at its last node
                if edge.value is not None:
                    letter = self._letter(node.op, edge.value)
                    if flow.contribution is not None:
                        kind = flow.kind if last or local is None else "elementwise"
                        found.append(self._term(node.op, letter, outputs, edge.value, flow.contribution, local, kind))
                elif edge.node is not None and (before := inside.get(edge.node)):
                    inside[edge.node] = tuple(dict.fromkeys((*before[0], *outputs))), None
                elif edge.node is not None:
                    inside[edge.node] = outputs, None if local is None else local.number
        return tuple(found)

    def _outputs(self, visit: Visit) -> tuple[int, ...]:
        """List the values whose gradients came in as a visit's upstream gradients."""
        at = ((visit.node, slot) for slot, upstream in enumerate(visit.upstream) if upstream is not None)
        return tuple(self.trace.value_at[slot] for slot in at if slot in self.trace.value_at)

    def _letter(self, number: int, value: int) -> str | None:
        """Take a value's next place among an op's arguments; unknown, if autograd made several nodes for the op."""
        if self.trace.nodes_in[number] != 1:
            return None
        if number not in self._free:
            free = self._free[number] = {}
            for letter, operand in reversed(self.trace.ops[number].operands.items()):
                free.setdefault(operand, []).append(letter)
        left = self._free[number].get(value)
        return left.pop() if left else None

    @cached_property
    def reached(self) -> frozenset[int]:
        """The values that a gradient flowed to."""
        trace, visits = self.trace, self.run.visits
        along = (edge.value for visit in visits for edge in trace.nodes[visit.node].edges)
        made = ((value, trace.values[value].op) for visit in visits for value in self._outputs(visit))
        # an op that has several results may use one itself, such as a cell its state
        used = (value for value, op in made if op is not None and len(trace.ops[op].outputs) > 1)
        found = {*self.run.roots, *self.run.gradients, *along, *used}
        return frozenset(value for value in found if value is not None)

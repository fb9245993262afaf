"""A gradient written out: the chain rule with the numbers in.

For single numbers the whole product stands in one line, sums nested where paths meet. For tensors, and where there
are more than `PATHS` paths, it goes value by value, each line using the gradients of the lines before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chainrule.calculus.expression import Derivative, Expression, Numbers, Operation, Recorded, figures, product
from chainrule.calculus.maths import latex, mathml
from chainrule.calculus.notation import SHOWN, brief, numbers
from chainrule.calculus.rules import carrier, recorded_local_gradient
from chainrule.trace import Snapshot, Term, Trace
from chainrule.views.limits import EQUATIONS, FACTORS, LONGEST, PATHS

FONT = "math,'STIX Two Math','Latin Modern Math','DejaVu Math TeX Gyre',serif"
"""Fonts that know maths, wherever one is installed."""
ROW = (
    '<mtr><mtd style="text-align:right;text-align:-webkit-right;padding:{above} 0 .1em"><mrow>{left}</mrow></mtd>'
    '<mtd style="text-align:left;text-align:-webkit-left;padding:{above} 0 .1em"><mrow>'
    '<mspace height="1em" depth=".5em"></mspace><mo form="infix">{sign}</mo>{right}</mrow></mtd></mtr>'
)
"""One right side, aligned at its sign, and as high as a line at least."""


@dataclass(frozen=True)
class Line:
    """One equation: a derivative, its factors in words with the numbers recorded for them, and the result."""

    left: Derivative
    words: Expression
    result: Numbers
    chain: Expression | None = None
    """The bare chain of derivatives, where one path leads to the value."""

    @property
    def steps(self) -> tuple[Expression, ...]:
        """The right sides: in words, in numbers, and the result."""
        filled = figures(self.words)
        is_result = isinstance(filled, Numbers) and str(filled) == str(replace(self.result, whole=False))
        return self.words, self.result if is_result else filled, self.result

    def __str__(self) -> str:
        parts = dict.fromkeys(map(str, (self.left, *self.steps)))
        return " = ".join(brief(part, LONGEST) for part in parts)

    __repr__ = __str__

    def aligned(self) -> dict[str, Expression]:
        """Return, by their LaTeX, the right sides that maths shows one below the other; none is too long to read."""
        result = replace(self.result, whole=False)
        sides = (self.chain, self.words, figures(self.words), result)
        written = {latex.write(side): side for side in sides if side is not None}
        return {key: side for key, side in written.items() if len(key) <= LONGEST or side is result}


@dataclass(frozen=True)
class Derivation:
    r"""The equations that lead to one gradient.

    >>> import chainrule, torch
    >>> x, w = torch.tensor(1.0), torch.tensor(1.0, requires_grad=True)
    >>> with chainrule.record() as rec:
    ...     error = w * x - 2
    ...     loss = error**2
    ...     loss.backward()
    >>> print(rec.derivation("w"))
    dloss/dw = 2 error * 1 * x = (-2)(1)(1) = -2
    """

    lines: tuple[Line, ...]

    def __str__(self) -> str:
        """Return one equation a line; of very many, the first and the last."""
        return "\n".join(self._shown(str, "... {} more lines, which are in `.lines` ..."))

    __repr__ = __str__

    @property
    def latex(self) -> str:
        """The equations in LaTeX, aligned at their equals signs; of very many, the first and the last."""
        rows = self._shown(_latex_rows, r"&\;\;\vdots \quad \text{{{} more lines}}")
        return r"\begin{aligned} " + r" \\[1ex] ".join(rows) + r" \end{aligned}"

    def _shown(self, write: Callable[[Line], str], gap: str) -> list[str]:
        if len(self.lines) <= EQUATIONS:
            return [write(line) for line in self.lines]
        half = EQUATIONS // 4
        left_out = gap.format(f"{len(self.lines) - 2 * half:,}")
        return [*map(write, self.lines[:half]), left_out, *map(write, self.lines[-half:])]

    def _repr_html_(self) -> str:
        """Return the equations as MathML, aligned at their equals signs, in a box that scrolls if they are too wide."""
        gap = ROW.format(above=".7em", left="", sign="⋮", right="<mtext>{} more lines</mtext>")
        rows = "".join(self._shown(_mathml_rows, gap))
        return (
            '<div class="chainrule-derivation" tabindex="0" style="overflow-x:auto;white-space:nowrap">'
            f'<math display="block" style="font-family:{FONT}"><mtable displaystyle="true">{rows}</mtable></math></div>'
        )

    def _repr_latex_(self) -> str:
        """Return the LaTeX as a formula, which notebooks that become a PDF show."""
        return f"$$ {self.latex} $$"


def _latex_rows(line: Line) -> str:
    return latex.write(line.left) + " &= " + r"\\ &= ".join(line.aligned())


def _mathml_rows(line: Line) -> str:
    first, *rest = map(mathml.write, line.aligned().values())
    top = ROW.format(above=".7em", left=mathml.write(line.left), sign="=", right=first)
    return top + "".join(ROW.format(above=".2em", left="", sign="=", right=right) for right in rest)


def derivation(trace: Trace, value: int, backward: int) -> Derivation:
    """Derive the gradient of one value from what the recorded backward pass did."""
    return Derivation(tuple(_Deriver(trace, value, backward).lines()))


class _Deriver:
    def __init__(self, trace: Trace, target: int, backward: int) -> None:
        self.trace, self.target, self.backward = trace, target, backward
        self.run = trace.backward(backward)
        self.roots = frozenset(self.run.roots)
        self.changed = {hook.value for hook in self.run.hooks if numbers(hook.before) != numbers(hook.after)}
        self.into: dict[int, Sequence[Term]] = {}
        pending = [target]
        while pending:
            if (value := pending.pop()) not in self.into:
                self.into[value] = trace.terms_into(value, backward)
                pending.extend(output for term in self.into[value] for output in term.outputs)
        made = {value: trace.values[value].op for value in self.into}
        self.order = sorted(made, key=lambda v: (-1 if (op := made[v]) is None else op, v), reverse=True)
        self.named = self._named()

    def _named(self) -> frozenset[int]:
        """Choose the values whose gradients get a line of their own: none if one nested line is readable."""
        terms = [term for terms in self.into.values() for term in terms]
        uses = Counter(output for term in terms for output in term.outputs)
        inner = uses.keys() - self.roots
        if not all(self._is_single(term) for term in terms):
            return frozenset(inner)
        paths: dict[int, int] = {}
        for value in self.order:
            paths[value] = (value in self.roots) + sum(paths[term.output] for term in self.into[value])
        named = set()
        if paths[self.target] > PATHS:
            named = {value for value in inner if len(self.into[value]) > 1 or uses[value] > 1}
        factors: dict[int, int] = {}
        for value in self.order:  # a long product goes on in a line of its own
            factors[value] = 1 + max((factors[term.output] for term in self.into[value]), default=0)
            if factors[value] > FACTORS and value in inner:
                named.add(value)
            if value in named:
                factors[value] = 0
        return frozenset(named)

    def lines(self) -> list[Line]:
        """Return the equations, from what was differentiated towards the target."""
        done: dict[int, Expression] = {}
        lines = []
        for value in self.order:
            gradient = done[value] = self._gradient(value, done)
            if value in self.named or value == self.target:
                lines.append(self._line(value, gradient))
        return lines

    def _line(self, value: int, gradient: Expression) -> Line:
        result = self.trace.gradient(value, self.backward)
        if result is not None and result.size > 1 and not any(map(str.isalpha, str(gradient))):
            gradient = figures(gradient)  # a rule such as 1 for a sum says less than its numbers
        return Line(self._d(value), gradient, Numbers(result, whole=True), self._chain(value))

    def _gradient(self, value: int, done: dict[int, Expression]) -> Expression:
        """Add up what comes along each edge into one value."""
        parts: list[Expression] = [Numbers(self.trace.start(value, self.backward))] if value in self.roots else []
        parts += [self._product(term, done) for term in self.into[value]]
        if not parts:  # it flowed through what was made before the recording
            return self._held(value)
        arrived = parts[0] if len(parts) == 1 else Operation("+", tuple(parts))
        if not self._is_changed(value):
            return arrived
        return Recorded(Operation("hook()", (arrived,)), self._held(value))

    def _is_changed(self, value: int) -> bool:
        """Return whether a hook of the user's changed what arrived at a value."""
        result = self.trace.gradient(value, self.backward)
        parts = [term.contribution for term in self.into[value]]
        known = [part.data for part in parts if part is not None and part.data is not None]
        if value in self.changed:
            return True
        if value in self.roots or result is None or result.data is None or len(known) < len(parts):
            return False
        slack = np.nan_to_num(sum(0.02 * np.abs(part) for part in known), posinf=0)  # for the rounding of bfloat16
        return not np.isclose(sum(known), result.data, rtol=0, atol=slack, equal_nan=True).all()

    def _held(self, value: int, whole: bool = False) -> Numbers:
        return Numbers(self.trace.gradient(value, self.backward), whole)

    def _product(self, term: Term, done: dict[int, Expression]) -> Expression:
        """Multiply the gradient of an op's result by the op's local gradient."""
        named = {value: Recorded(self._d(value), self._held(value)) for value in self.named.intersection(term.outputs)}
        before = [named.get(value) or done[value] for value in term.outputs]
        words = recorded_local_gradient(self.trace, term) or self._d(term.value, (term.output,))
        local = Recorded(words, Numbers(term.local, whole=term.kind == "jacobian"))
        if str(before[0]) == "1" and isinstance(before[0], Numbers) and term.local is not None:
            return Recorded(local.words, Numbers(term.local))
        if self._is_single(term):
            return product("chain", before[0], local)
        if factors := carrier(self.trace, term, before[0]):
            return self._carried(term, factors)
        if term.local is None or term.kind is None:
            name = self.trace.ops[term.op].name.strip("_")
            return Recorded(Operation(f"vjp_{name}()", tuple(before)), Numbers(term.contribution))
        if term.kind == "jacobian":  # in front of a matrix, a list of one number stays a list
            return product("jacobian", Recorded(before[0], self._held(term.output, whole=True)), local)
        scaled = Operation(term.kind, (before[0], local))
        summed = term.kind == "elementwise" and term.local.shape != self.trace.values[term.value].shape
        return Operation("sum()", (scaled,)) if summed else scaled

    def _carried(self, term: Term, factors: Sequence[tuple[str, Expression]]) -> Expression:
        """Return one step through a product of matrices as the product that it is again, such as `G @ w.T`."""
        tensors = {"G": self.trace.gradient(term.output, self.backward)}
        for letter, value in self.trace.ops[term.op].operands.items():
            tensors[letter] = self.trace.values[value].tensor
        held, words = [tensors[letter[0]] for letter, _ in factors], tuple(word for _, word in factors)
        data = [one.data for one in held if one is not None and one.data is not None and one.size <= SHOWN]
        if len(data) < 2:  # too many numbers to be shown
            return Recorded(Operation("@", words), Numbers(term.contribution, whole=True))
        if data[0].ndim == data[1].ndim == 1:  # a column and a row make a matrix
            shaped = [data[0][:, None], data[1][None, :]]
        else:
            shaped = [one.T if letter.endswith(".T") else one for one, (letter, _) in zip(data, factors, strict=True)]
        numbered = [Numbers(Snapshot(one.shape, "float64", one), whole=True) for one in shaped]
        return Operation("@", tuple(map(Recorded, words, numbered)))

    def _chain(self, target: int) -> Expression | None:
        """Return the bare chain of derivatives, where there is one path and no line in between."""
        factors: list[Expression] = []
        value = target
        while value not in self.roots:
            if len(self.into[value]) != 1 or value in self.named:
                return None
            (term,) = self.into[value]
            factors.insert(0, self._d(value, (term.output,)))
            value = term.output
        return product("chain", *factors) if len(factors) > 1 else None

    def _d(self, value: int, of: tuple[int, ...] | None = None) -> Derivative:
        """Return the derivative of one value, or of what was differentiated, with respect to another."""
        *above, below = (brief(self.trace.values[i].name, 100) for i in (*(of or self.run.roots)[:8], value))
        return Derivative(tuple(above), below)

    def _is_single(self, term: Term) -> bool:
        """Return whether a term is a product of single numbers."""
        sizes = [self.trace.values[value].tensor.size for value in (*term.outputs, term.value)]
        return len(term.outputs) == 1 and max(sizes) == 1 and term.local is not None and term.local.data is not None

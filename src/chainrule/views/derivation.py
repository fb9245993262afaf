"""A gradient written out: the chain rule with the numbers in.

For single numbers the whole product stands in one line, sums nested where paths meet. For tensors, and where there
are more than `PATHS` paths, it goes value by value, each line using the gradients of the lines before.
"""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from chainrule.calculus.notation import (
    SHOWN,
    brief,
    derivative,
    latex_name,
    latex_number,
    latex_numbers,
    number,
    numbers,
)
from chainrule.calculus.rules import carriers, loose, written
from chainrule.trace import Snapshot, Term, Trace

PATHS = 8
"""Up to so many paths are written as one nested sum."""
FACTORS = 24
"""Up to so many factors stand in one product."""
LINES = 24
"""Of more lines than these, the first and the last are shown."""
LONGEST = 2_000
"""So many characters are shown of one way of writing a line."""


@dataclass(frozen=True)
class Line:
    """Hold one equation: what is derived, then each way of writing it, from factors to the result."""

    left: str
    steps: tuple[str, ...]
    latex_left: str
    latex_steps: tuple[str, ...]


@dataclass(frozen=True)
class Derivation:
    r"""Hold the equations that lead to one gradient.

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
        """Write one equation a line; of very many, the first and the last."""
        first, left_out, last = self._shown()
        gap = [f"... {left_out:,} more lines, which are in `.lines` ..."] if left_out else []
        return "\n".join([*map(_plain, first), *gap, *map(_plain, last)])

    @property
    def latex(self) -> str:
        """Write the equations in LaTeX, aligned at their equals signs; of very many, the first and the last."""
        first, left_out, last = self._shown()
        gap = [rf"&\;\;\vdots \quad \text{{{left_out:,} more lines}}"] if left_out else []
        rows = [*map(_aligned, first), *gap, *map(_aligned, last)]
        return r"\begin{aligned} " + r" \\[1ex] ".join(rows) + r" \end{aligned}"

    def _shown(self) -> tuple[tuple[Line, ...], int, tuple[Line, ...]]:
        if len(self.lines) <= LINES:
            return self.lines, 0, ()
        half = LINES // 4
        return self.lines[:half], len(self.lines) - 2 * half, self.lines[-half:]

    def _repr_html_(self) -> str:
        """Write one equation a line, as text; where maths is rendered, `.latex` has it."""
        lines = "<br>".join(html.escape(line) for line in str(self).splitlines())
        return f'<p class="chainrule-derivation"><code>{lines}</code></p>'

    def _repr_latex_(self) -> str:
        return f"$$ {self.latex} $$"


def _plain(line: Line) -> str:
    return " = ".join(brief(part, LONGEST) for part in dict.fromkeys((line.left, *line.steps)))


def _aligned(line: Line) -> str:
    """Align one equation; a way of writing it that is too long to be read is left out."""
    *steps, result = dict.fromkeys(line.latex_steps)
    return f"{line.latex_left} &= " + r"\\ &= ".join([*(step for step in steps if len(step) <= LONGEST), result])


@dataclass(frozen=True)
class _Written:
    """Hold one gradient as it is written so far: in symbols and in numbers, as text and in LaTeX."""

    words: str
    figures: str
    latex_words: str
    latex_figures: str
    terms: int = 1
    factors: int = 1


def derivation(trace: Trace, value: int, backward: int) -> Derivation:
    """Derive the gradient of one value from what the recorded backward pass did."""
    return Derivation(tuple(_Deriver(trace, value, backward).lines()))


class _Deriver:
    def __init__(self, trace: Trace, target: int, backward: int) -> None:
        self.trace, self.target, self.backward = trace, target, backward
        self.roots = trace.backward(backward).roots
        into: dict[int, list[Term]] = {}
        for term in trace.terms(backward):
            into.setdefault(term.value, []).append(term)
        order: dict[int, None] = {}
        pending = [target]
        while pending:
            value = pending.pop()
            if value in order:
                continue
            order[value] = None
            pending.extend(output for term in into.get(value, ()) for output in term.outputs)
        self.into = {value: into.get(value, []) for value in order}
        made = {value: self.trace.values[value].op for value in order}
        self.order = sorted(order, key=lambda v: (-1 if made[v] is None else made[v] or 0, v), reverse=True)
        self.named = self._named()

    def _named(self) -> frozenset[int]:
        """Choose the values whose gradients get a line of their own: none if one nested line is readable."""
        terms = [term for terms in self.into.values() for term in terms]
        uses = Counter(output for term in terms for output in term.outputs)
        inner = uses.keys() - set(self.roots)
        if not all(self._single(term) for term in terms):
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
        """Write the equations, from what was differentiated towards the target."""
        done: dict[int, _Written] = {}
        lines = []
        for value in self.order:
            gradient = done[value] = self._gradient(value, done)
            if value in self.named or value == self.target:
                lines.append(self._line(value, gradient))
        return lines

    def _line(self, value: int, gradient: _Written) -> Line:
        result = self.trace.gradient(value, self.backward)
        factors = self._factors(value)
        figures = numbers(result) if gradient.figures == _bare(result) else gradient.figures
        steps = [gradient.words, figures, numbers(result)]
        latex = [gradient.latex_words, gradient.latex_figures, _bare(result, latex=True)]
        if result is not None and result.size > 1 and not any(map(str.isalpha, gradient.words)):
            steps[0], latex[0] = steps[1], latex[1]  # a rule such as 1 for a sum says less than its numbers
        return Line(
            left=self._d(value),
            steps=tuple(steps),
            latex_left=self._d(value, latex=True),
            latex_steps=tuple(filter(None, [factors, *latex])),
        )

    def _gradient(self, value: int, done: dict[int, _Written]) -> _Written:
        """Add up what comes along each edge into one value."""
        parts = [self._held(self.trace.start(value, self.backward))] if value in self.roots else []
        parts += [self._product(term, done) for term in self.into[value]]
        if not parts:  # it flowed through what was made before the recording
            return self._held(self.trace.gradient(value, self.backward))
        if len(parts) == 1:
            return self._hooked(value, parts[0])
        summed = _Written(
            words=" + ".join(part.words for part in parts),
            figures=" + ".join(part.figures for part in parts),
            latex_words=" + ".join(part.latex_words for part in parts),
            latex_figures=" + ".join(part.latex_figures for part in parts),
            terms=len(parts),
        )
        return self._hooked(value, summed)

    def _hooked(self, value: int, arrived: _Written) -> _Written:
        """Say so where a hook of the user's changed what arrived at a value."""
        result = self.trace.gradient(value, self.backward)
        parts = [term.contribution for term in self.into[value]]
        known = [part.data for part in parts if part is not None and part.data is not None]
        turns = [hook for hook in self.trace.backward(self.backward).hooks if hook.value == value]
        if not any(numbers(hook.before) != numbers(hook.after) for hook in turns):
            if value in self.roots or result is None or result.data is None or len(known) < len(parts):
                return arrived
            slack = np.nan_to_num(sum(0.02 * np.abs(part) for part in known), posinf=0)  # for the rounding of bfloat16
            if np.isclose(sum(known), result.data, rtol=0, atol=slack, equal_nan=True).all():
                return arrived
        latex = rf"\mathrm{{hook}}\left({arrived.latex_words}\right)"
        return _Written(f"hook({arrived.words})", numbers(result), latex, latex_numbers(result))

    def _held(self, gradient: Snapshot | None) -> _Written:
        """Begin with a gradient that nothing recorded led to."""
        figures, latex = _bare(gradient), _bare(gradient, latex=True)
        return _Written(figures, figures, latex, latex, factors=0)

    def _product(self, term: Term, done: dict[int, _Written]) -> _Written:
        """Multiply the gradient of an op's result by the op's local gradient."""
        before = self._before(term, done)
        figures, latex = _bare(term.local), _bare(term.local, latex=True)
        local = _Written(self._words(term), figures, self._words(term, latex=True), latex)
        if before.factors == 0 and before.figures == "1" and term.local is not None:
            return local
        if not self._single(term):
            return self._tensor_product(term, before, local)
        parts = (before, local)
        return _Written(
            words=" * ".join(_factor(part) for part in parts),
            figures="".join(_figures(part) for part in parts),
            latex_words=r" \cdot ".join(_factor(part, latex=True) for part in parts),
            latex_figures="".join(_figures(part, latex=True) for part in parts),
            factors=before.factors + 1,
        )

    def _tensor_product(self, term: Term, before: _Written, local: _Written) -> _Written:
        """Write one step between tensors: entry by entry, by a matrix, or as the op's own vector-Jacobian product."""
        if factors := carriers(self.trace, term):
            return self._carried(term, before, factors)
        if term.local is None or term.kind is None:
            name = self.trace.ops[term.op].name.strip("_")
            words = f"vjp_{name}({before.words})"
            figures = numbers(term.contribution)
            latex = rf"\mathrm{{vjp}}_{{\mathrm{{{name.replace('_', ' ')}}}}}\left({before.latex_words}\right)"
            return _Written(words, figures, latex, latex_numbers(term.contribution))
        sign, latex_sign = {
            "elementwise": (" * ", r" \odot "),
            "gradient": (" * ", r" \cdot "),
            "jacobian": (" @ ", r"\,"),
        }[term.kind]
        summed = term.kind == "elementwise" and term.local.shape != self.trace.values[term.value].shape
        open_, latex_open, close = ("sum(", r"\textstyle\sum\left(", ")") if summed else ("", "", "")
        latex_close = r"\right)" if summed else ""
        first, latex_first = (
            (f"({before.figures})", f"({before.latex_figures})")
            if before.terms > 1
            else (before.figures, before.latex_figures)
        )
        if term.kind == "jacobian":  # in front of a matrix, a list of one number stays a list
            first = numbers(self.trace.gradient(term.output, self.backward))
            local = replace(local, figures=numbers(term.local))
        return _Written(
            words=f"{open_}{_factor(before)}{sign}{_factor(local)}{close}",
            figures=f"{open_}{first}{sign}{local.figures}{close}",
            latex_words=latex_open
            + latex_sign.join((_factor(before, latex=True), _factor(local, latex=True)))
            + latex_close,
            latex_figures=f"{latex_open}{latex_first}{latex_sign}{local.latex_figures}{latex_close}",
        )

    def _carried(self, term: Term, before: _Written, factors: tuple[tuple[int | None, bool], ...]) -> _Written:
        """Write one step through a product of matrices as the product that it is again, such as `G @ w.T`."""
        words, latex_words = [], []
        for value, turned in factors:
            name = None if value is None else self.trace.values[value].name
            plain, latex = (before.words, before.latex_words) if name is None else (name, latex_name(name))
            words.append((plain if plain.isidentifier() else f"({plain})") + ".T" * turned)
            composed = turned if name is None else not name.isidentifier()
            latex_words.append((rf"\left({latex}\right)" if composed else latex) + r"^{\top}" * turned)
        shown: list[Snapshot | None] = [*self._matrices(term, factors)] or [term.contribution]
        return _Written(
            words=" @ ".join(words),
            figures=" @ ".join(map(numbers, shown)),
            latex_words=r"\,".join(latex_words),
            latex_figures=r"\,".join(map(latex_numbers, shown)),
        )

    def _matrices(self, term: Term, factors: tuple[tuple[int | None, bool], ...]) -> list[Snapshot]:
        """Give the two factors with their numbers; nothing if there are too many of them to be shown."""
        upstream = self.trace.gradient(term.output, self.backward)
        held = [upstream if value is None else self.trace.values[value].tensor for value, _ in factors]
        data = [one.data for one in held if one is not None and one.data is not None and one.size <= SHOWN]
        if len(data) < 2:
            return []
        if data[0].ndim == data[1].ndim == 1:  # a column and a row make a matrix
            shaped = [data[0][:, None], data[1][None, :]]
        else:
            shaped = [one.T if turned else one for one, (_, turned) in zip(data, factors, strict=True)]
        return [Snapshot(one.shape, "float64", one) for one in shaped]

    def _before(self, term: Term, done: dict[int, _Written]) -> _Written:
        """Give the gradients of an op's results; all of them, where it has several."""
        parts = [self._reference(value) if value in self.named else done[value] for value in term.outputs]
        if len(parts) == 1:
            return parts[0]
        words, figures, latex_words, latex_figures = (
            ", ".join(texts) for texts in zip(*map(_texts, parts), strict=True)
        )
        return _Written(words, figures, latex_words, latex_figures)

    def _reference(self, value: int) -> _Written:
        """Use a gradient that has a line of its own."""
        held = self.trace.gradient(value, self.backward)
        return _Written(self._d(value), _bare(held), self._d(value, latex=True), _bare(held, latex=True))

    def _words(self, term: Term, latex: bool = False) -> str:
        """Write a local gradient in words, or by its name alone where no rule is known."""
        return written(self.trace, term, latex) or self._d(term.value, of=(term.output,), latex=latex)

    def _factors(self, target: int) -> str | None:
        """Write the bare chain of derivatives, where there is one path and no line in between."""
        factors: list[str] = []
        value = target
        while value not in self.roots:
            if len(self.into[value]) != 1 or value in self.named:
                return None
            (term,) = self.into[value]
            factors.append(self._d(value, of=(term.output,), latex=True))
            value = term.output
        return r" \cdot ".join(reversed(factors)) if len(factors) > 1 else None

    def _d(self, value: int, of: tuple[int, ...] | None = None, latex: bool = False) -> str:
        """Write the derivative of one value, or of what was differentiated, with respect to another."""
        above = [brief(self.trace.values[i].name, 100) for i in (self.roots if of is None else of)[:8]]
        below = brief(self.trace.values[value].name, 100)
        if latex:
            top, bottom = " + ".join(map(_partial, above)), _partial(below)
            return rf"\frac{{{top}}}{{{bottom}}}"
        return derivative(" + ".join(above), below)

    def _single(self, term: Term) -> bool:
        """Tell whether a term is a product of single numbers."""
        sizes = [self.trace.values[value].tensor.size for value in (*term.outputs, term.value)]
        return len(term.outputs) == 1 and max(sizes) == 1 and term.local is not None and term.local.data is not None


def _bare(tensor: Snapshot | None, latex: bool = False) -> str:
    """Write a tensor's numbers; a single one stands without the brackets of its shape."""
    if tensor is not None and tensor.data is not None and tensor.size == 1:
        return (latex_number if latex else number)(tensor.data.item())
    return (latex_numbers if latex else numbers)(tensor)


def _partial(name: str) -> str:
    r"""Write `\partial w`; a name of several letters stands a little apart from the sign."""
    written_name = latex_name(name)
    if written_name.startswith(r"\texttt"):
        return rf"\partial\left({written_name}\right)"
    return (r"\partial\," if written_name.startswith(r"\mathrm") else r"\partial ") + written_name


def _texts(part: _Written) -> tuple[str, str, str, str]:
    return part.words, part.figures, part.latex_words, part.latex_figures


def _factor(part: _Written, latex: bool = False) -> str:
    """Put words that are a sum, or begin with a minus, into parentheses; a product of several has its own."""
    words = part.latex_words if latex else part.words
    return f"({words})" if part.terms > 1 or (part.factors < 2 and loose(words)) else words


def _figures(part: _Written, latex: bool = False) -> str:
    """Put a number or a sum into parentheses; a product stands in its own."""
    text = part.latex_figures if latex else part.figures
    return text if part.factors > 1 and part.terms == 1 else f"({text})"

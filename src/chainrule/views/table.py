"""A recording as a table: op, expression, value, local gradient, upstream gradient."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from chainrule.calculus.notation import brief, derivative, numbers
from chainrule.calculus.rules import RULES, canonical, written
from chainrule.trace import Hook, Op, Term, Trace
from chainrule.views.folding import Group, Part, fold
from chainrule.views.limits import CHARACTERS, DRAWN, LOCALS

FOLDED = "A row with ... stands for many: `rec.table(fold=False)` has all, `rec.table(module=...)` one module's."

COLUMNS = ("op", "expression", "value", "local gradient", "upstream gradient")


@dataclass(frozen=True)
class Row:
    """Hold one line of the table; an op with several inputs has several local gradients."""

    op: str
    expression: str
    value: str
    local_gradients: tuple[str, ...]
    upstream_gradient: str


@dataclass(frozen=True)
class Table:
    """Hold the rows, in the order in which the forward pass made the values; print it, or show it in a page."""

    rows: tuple[Row, ...]
    differentiated: str | None
    """The name of what the backward pass started from, if there was one."""
    folded: bool = False
    """Whether some rows stand for many."""

    def __str__(self) -> str:
        """Align the columns for a terminal."""
        if not self.rows:
            return "Nothing was recorded."
        lines: list[tuple[str, ...]] = [COLUMNS]
        shown, more = self._shown()
        for row in shown:
            first, *others = row.local_gradients or ("",)
            lines.append((row.op, row.expression, row.value, first, row.upstream_gradient))
            lines.extend(("", "", "", local, "") for local in others)
        used = [i for i in range(len(COLUMNS)) if any(line[i] for line in lines[1:])]
        widths = {i: max(len(line[i]) for line in lines) for i in used}
        written_lines = ["  ".join(line[i].ljust(widths[i]) for i in used).rstrip() for line in lines]
        rule = "  ".join("-" * widths[i] for i in used)
        return "\n".join([written_lines[0], rule, *written_lines[1:], *more])

    def _repr_html_(self) -> str:
        """Write a plain HTML table, which reads well without any style too."""
        used = 5 if self.differentiated else 3
        head = "".join(f'<th scope="col">{column}</th>' for column in COLUMNS[:used])
        shown, more = self._shown()
        body = "".join(_html_row(row, used) for row in shown)
        says = [f"Gradients are those of {_code(self.differentiated)}."] if self.differentiated else []
        says += [_code(text) for text in more]
        caption = f"<caption>{' '.join(says)}</caption>" if says else ""
        return f'<table class="chainrule-table">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'

    def _shown(self) -> tuple[tuple[Row, ...], list[str]]:
        """Choose as many rows as a page has room for, and say what else there is."""
        more = [FOLDED] if self.folded else []
        widths, lines, markup = [0] * len(COLUMNS), 0, 0
        for count, row in enumerate(self.rows):
            cells = (row.op, row.expression, row.value, max(("", *row.local_gradients), key=len), row.upstream_gradient)
            widths = [max(width, len(cell) + 2) for width, cell in zip(widths, cells, strict=True)]
            lines, markup = lines + max(1, len(row.local_gradients)), markup + len(_html_row(row, len(COLUMNS)))
            if max(markup, lines * sum(widths)) > CHARACTERS:
                return self.rows[:count], [*more, f"{len(self.rows) - count:,} more rows are in `.rows`."]
        return self.rows, more


def table(
    trace: Trace, backward: int | None, name: str | None = None, module: str | None = None, unfolded: bool = False
) -> Table:
    """Make the table of one backward pass, or of the whole forward pass with `backward=None`.

    With `name`, of the values called so alone; with `module`, of what ran in it alone. What has more rows than `DRAWN`
    is folded, unless it is to be `unfolded`.
    """
    return _Maker(trace, backward, name, module).table(unfolded)


class _Maker:
    def __init__(self, trace: Trace, backward: int | None, name: str | None, module: str | None) -> None:
        self.trace, self.backward, self.name, self.module = trace, backward, name, module
        self.run = None if backward is None else trace.backward(backward)
        self.terms: dict[int, list[Term]] = {}
        self.hooks: dict[int, list[Hook]] = {}
        for term in trace.terms(backward) if backward is not None else ():
            self.terms.setdefault(term.op, []).append(term)
        for hook in reversed(self.run.hooks) if self.run else ():  # where a gradient passes before it: the last first
            self.hooks.setdefault(hook.value, []).append(hook)
        self.shown: set[int] = set()

    def table(self, unfolded: bool) -> Table:
        """Choose what is shown, and write it."""
        ops = self.trace.ops_of(self.backward)
        drawn = {value for op in ops for value in (*self.trace.ops[op].inputs, *self.trace.ops[op].outputs)}
        whole = unfolded or self.name is not None or self.module is not None or len(drawn) <= DRAWN
        parts: tuple[Part, ...] = (
            tuple(op for op in ops if self._is_wanted(op)) if whole else fold(self.trace, self.backward).parts
        )
        pieces = [piece for part in parts for piece in self._pieces(part)]
        roots = self.run.roots if self.run and self.module is None else ()
        pieces += [(None, root) for root in roots if root not in self.shown]
        pieces = [(part, value) for part, value in pieces if value is None or self._is_called(value)]
        left_out = 0 if unfolded else len(pieces) - DRAWN
        rows = self._rows(pieces)
        if left_out > 0:
            half = DRAWN // 2
            gap = Row("", f"... {left_out:,} more ...", "", (), "")
            rows = [*self._rows(pieces[:half]), gap, *self._rows(pieces[-half:])]
        of = ", ".join(self.trace.values[value].name for value in self.run.roots[:8]) if self.run else None
        return Table(tuple(rows), of, left_out > 0 or not whole)

    def _is_wanted(self, op: int) -> bool:
        path = self.trace.ops[op].module or ""
        return self.module is None or path == self.module or path.startswith(f"{self.module}.")

    def _is_called(self, value: int) -> bool:
        called = self.trace.values[value].name
        return self.name is None or fnmatchcase(called, self.name) or called.partition("#")[0] == self.name

    def _pieces(self, part: Part) -> Iterator[tuple[Part | None, int | None]]:
        """List what has a row: each value with the op that made it, a leaf alone, or a whole group."""
        if isinstance(part, Group):
            self.shown.update(v for op in part.ops for v in (*self.trace.ops[op].inputs, *self.trace.ops[op].outputs))
            yield part, None
            return
        op = self.trace.ops[part]
        for value in op.inputs:
            if value not in self.shown:
                self.shown.add(value)
                yield None, value
        self.shown.update(op.outputs)
        yield from ((part, value) for value in op.outputs)

    def _rows(self, pieces: list[tuple[Part | None, int | None]]) -> list[Row]:
        rows: list[Row] = []
        for part, value in pieces:
            if isinstance(part, Group):
                last = self.trace.ops[part.ops[-1]].outputs[-1]
                of = f"{brief(part.name, 80)}: {len(part.ops):,} ops, to {brief(self.trace.values[last].name, 80)}"
                rows.append(Row("...", of, numbers(self.trace.values[last].tensor), (), self._gradient(last)))
            elif value is not None:
                rows.append(self._row(part, value))
                for hook in self.hooks.get(value, ()):
                    became = f"{numbers(hook.before)} -> {numbers(hook.after)}"
                    rows.append(Row("hook", hook.name, "", (became,), numbers(hook.before)))
        return rows

    def _row(self, number: int | None, value: int) -> Row:
        held = self.trace.values[value]
        if number is None:
            return Row("", brief(held.name), numbers(held.tensor), (), self._gradient(value))
        op = self.trace.ops[number]
        locals_ = [
            _local(self.trace, term, value) for term in self.terms.get(number, ())[:LOCALS] if value in term.outputs
        ]
        expression = held.name if held.name == op.expression else f"{held.name} = {op.expression}"
        return Row(_name(op), brief(expression), numbers(held.tensor), tuple(locals_), self._gradient(value))

    def _gradient(self, value: int) -> str:
        held = None if self.backward is None else self.trace.gradient(value, self.backward)
        return "" if held is None else numbers(held)


def _name(op: Op) -> str:
    return canonical(op.name) if canonical(op.name) in RULES else op.name.strip("_")


def _local(trace: Trace, term: Term, output: int) -> str:
    """Write `derror/dy_hat = 1`, with the rule's own words between where they say more than the number."""
    of = derivative(trace.values[output].name, trace.values[term.value].name)
    words, number = written(trace, term), None if term.local is None else numbers(term.local)
    return brief(" = ".join(dict.fromkeys(filter(None, (of, words, number)))))


def _code(text: str | None) -> str:
    return f"<code>{html.escape(text or '')}</code>"


def _html_row(row: Row, used: int) -> str:
    locals_ = "<br>".join(_code(local) for local in row.local_gradients)
    cells = [
        html.escape(row.op),
        _code(row.expression),
        f'<span class="chainrule-value">{html.escape(row.value)}</span>',
        locals_,
        f'<span class="chainrule-gradient">{html.escape(row.upstream_gradient)}</span>'
        if row.upstream_gradient
        else "",
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells[:used]) + "</tr>"

"""A recording as a table: op, expression, value, local gradient, upstream gradient."""

from __future__ import annotations

import html
from dataclasses import dataclass

from chainrule.rules import RULES, canonical, written
from chainrule.text import derivative, numbers
from chainrule.trace import Op, Term, Trace

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

    def __str__(self) -> str:
        """Align the columns for a terminal."""
        if not self.rows:
            return "Nothing was recorded."
        lines: list[tuple[str, ...]] = [COLUMNS]
        for row in self.rows:
            first, *more = row.local_gradients or ("",)
            lines.append((row.op, row.expression, row.value, first, row.upstream_gradient))
            lines.extend(("", "", "", local, "") for local in more)
        used = [i for i in range(len(COLUMNS)) if any(line[i] for line in lines[1:])]
        widths = {i: max(len(line[i]) for line in lines) for i in used}
        written_lines = ["  ".join(line[i].ljust(widths[i]) for i in used).rstrip() for line in lines]
        rule = "  ".join("-" * widths[i] for i in used)
        return "\n".join([written_lines[0], rule, *written_lines[1:]])

    def _repr_html_(self) -> str:
        """Write a plain HTML table, which reads well without any style too."""
        used = 5 if self.differentiated else 3
        head = "".join(f'<th scope="col">{column}</th>' for column in COLUMNS[:used])
        body = "".join(_html_row(row, used) for row in self.rows)
        caption = (
            f"<caption>Gradients are those of {_code(self.differentiated)}.</caption>" if self.differentiated else ""
        )
        return f'<table class="chainrule-table">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def table(trace: Trace, backward: int | None) -> Table:
    """Make the table of one backward pass, or of the whole forward pass with `backward=None`."""
    terms: dict[int, list[Term]] = {}
    if backward is not None:
        for term in trace.terms(backward):
            terms.setdefault(term.op, []).append(term)
    rows: list[Row] = []
    shown: set[int] = set()

    def gradient(value: int) -> str:
        held = None if backward is None else trace.gradient(value, backward)
        return "" if held is None else numbers(held)

    def leaf(value: int) -> None:
        shown.add(value)
        held = trace.values[value]
        rows.append(Row("", held.name, numbers(held.tensor), (), gradient(value)))
        hooks(value)

    def hooks(value: int) -> None:
        """Put the hooks on a value under it, where a gradient passes before it: the last one first."""
        for hook in reversed(trace.backward(backward).hooks if backward is not None else ()):
            if hook.value == value:
                became = f"{numbers(hook.before)} -> {numbers(hook.after)}"
                rows.append(Row("hook", hook.name, "", (became,), numbers(hook.before)))

    for number in trace.ops_of(backward):
        op = trace.ops[number]
        for value in op.inputs:
            if value not in shown:
                leaf(value)
        for value in op.outputs:
            shown.add(value)
            held = trace.values[value]
            locals_ = tuple(_local(trace, term, value) for term in terms.get(number, ()) if value in term.outputs)
            expression = held.name if held.name == op.expression else f"{held.name} = {op.expression}"
            rows.append(Row(_name(op), expression, numbers(held.tensor), locals_, gradient(value)))
            hooks(value)
    run = None if backward is None else trace.backward(backward)
    for value in run.roots if run else ():
        if value not in shown:
            leaf(value)
    roots = ", ".join(trace.values[value].name for value in run.roots) if run else None
    return Table(tuple(rows), roots)


def _name(op: Op) -> str:
    return canonical(op.name) if canonical(op.name) in RULES else op.name.strip("_")


def _local(trace: Trace, term: Term, output: int) -> str:
    """Write `derror/dy_hat = 1`, with the rule's own words between where they say more than the number."""
    of = derivative(trace.values[output].name, trace.values[term.value].name)
    words, number = written(trace, term), None if term.local is None else numbers(term.local)
    return " = ".join(dict.fromkeys(filter(None, (of, words, number))))


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

"""A recording as a table: op, expression, value, local gradient, gradient."""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import zip_longest

from chainrule.calculus.notation import brief, columns, derivative, described, numbers, wrapped
from chainrule.calculus.rules import RULES, canonical, recorded_local_gradient
from chainrule.trace import Hook, Op, Term, Trace
from chainrule.views.folding import NOTHING, Folded, Group, Part, values_of
from chainrule.views.limits import CHARACTERS, DRAWN, LOCALS, NARROWEST

FOLDED = "A row with ... stands for many: `rec.table(fold=False)` has all, `rec.table(module=...)` one module's."

COLUMNS = ("op", "expression", "value", "local gradient", "gradient")


@dataclass(frozen=True)
class Row:
    """Hold one line of the table; an op with several inputs has several local gradients."""

    op: str
    expression: str
    value: str
    local_gradients: tuple[str, ...]
    gradient: str


@dataclass(frozen=True)
class Table:
    """Hold the rows, in the order in which the forward pass made the values; print it, or show it in a page."""

    rows: tuple[Row, ...]
    differentiated: str | None
    """The name of what the backward pass started from, if there was one."""
    folded: bool = False
    """Whether some rows stand for many."""

    def __str__(self) -> str:
        """Align the columns, as wide as the terminal; what is longer goes on in the next line, indented."""
        if not self.rows:
            return "Nothing was recorded."
        room, (shown, more) = columns(), self._shown()
        text = _aligned(shown, None)
        if max(map(len, text)) > room:  # what says no more than that a gradient flowed makes way first
            text = _aligned(map(_narrow, shown), room)
        return "\n".join([*text, *(line for says in more for line in wrapped(says, room))])

    __repr__ = __str__

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
            cells = (row.op, row.expression, row.value, max(("", *row.local_gradients), key=len), row.gradient)
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
    return _Writer(trace, backward, name, module).table(unfolded)


class _Writer:
    def __init__(self, trace: Trace, backward: int | None, name: str | None, module: str | None) -> None:
        self.folded = Folded(trace, backward)
        self.trace, self.backward, self.name, self.module = self.folded.trace, backward, name, module
        self.run = None if backward is None else trace.backward(backward)
        self.hooks: defaultdict[int, list[Hook]] = defaultdict(list)
        for hook in reversed(self.run.hooks) if self.run else ():  # where a gradient passes before it: the last first
            self.hooks[hook.value].append(hook)

    def table(self, unfolded: bool) -> Table:
        """Choose what is shown, and write it."""
        whole = unfolded or self.name is not None or self.module is not None or not self.folded.is_folded
        wanted = tuple(filter(self._is_wanted, self.folded.ops))
        pieces = self._pieces(wanted if whole else self.folded.root.parts)
        left_out = 0 if unfolded else max(0, len(pieces) - DRAWN)
        rows = self._rows(pieces[: DRAWN // 2] if left_out else pieces)
        if left_out:
            gap = Row("", f"... {left_out:,} more ...", "", (), "")
            rows += [gap, *self._rows(pieces[-(DRAWN // 2) :])]
        if self.run and (failed := self.trace.failed) and self.name is None and self.module is None:
            rows.append(Row(failed.op.name.strip("_"), brief(failed.op.expression), self._raised(), (), ""))
        of = ", ".join(self.trace.values[value].name for value in self.run.roots[:8]) if self.run else None
        return Table(tuple(rows), of, bool(left_out) or not whole)

    def _is_wanted(self, op: int) -> bool:
        path = self.trace.ops[op].module or ""
        return self.module is None or path == self.module or path.startswith(f"{self.module}.")

    def _is_called(self, value: int) -> bool:
        held = self.trace.values[value]
        names = (held.name, held.name.partition("#")[0], *held.aliases)
        return self.name is None or self.name in names or any(fnmatchcase(name, self.name) for name in names)

    def _pieces(self, parts: Sequence[Part]) -> list[tuple[Part | None, int]]:
        """List what has a row: each value with the op that made it, a leaf alone, and a group with its last result."""
        pieces: list[tuple[Part | None, int]] = []
        shown: set[int] = set()
        for part in parts:
            if isinstance(part, Group) and len(part.ops) > 1:
                pieces.append((part, self.trace.ops[part.ops[-1]].outputs[-1]))
                shown |= values_of(self.trace, part.ops)
            else:
                number = part.ops[0] if isinstance(part, Group) else part
                op = self.trace.ops[number]
                pieces += [(None, value) for value in dict.fromkeys(op.inputs) if value not in shown]
                pieces += [(number, value) for value in op.outputs]
                shown |= {*op.inputs, *op.outputs}
        if self.run and self.module is None:
            pieces += [(None, root) for root in self.run.roots if root not in shown]
        return [(part, value) for part, value in pieces if isinstance(part, Group) or self._is_called(value)]

    def _rows(self, pieces: Sequence[tuple[Part | None, int]]) -> list[Row]:
        rows: list[Row] = []
        for part, value in pieces:
            rows.append(self._row(part, value))
            for hook in () if isinstance(part, Group) else self.hooks[value]:
                before = numbers(hook.before)
                rows.append(Row("hook", hook.name, "", (f"{before} -> {numbers(hook.after)}",), before))
        return rows

    def _row(self, part: Part | None, value: int) -> Row:
        held = self.trace.values[value]
        op, expression, locals_ = "", held.name, list[str]()
        if isinstance(part, Group):
            op, expression = "...", f"{brief(part.name, 80)}: {len(part.ops):,} ops, to {brief(held.name, 80)}"
        elif part is not None:
            made = self.trace.ops[part]
            op = canonical(made.name) if canonical(made.name) in RULES else made.name.strip("_")
            words = _which(self.trace, made)
            expression = held.name if held.name == words else f"{held.name} = {words}"
            terms = self.folded.terms.get(part, [])[:LOCALS]
            locals_ = [_local(self.trace, term, value) for term in terms if value in term.outputs]
        gradient = None if self.backward is None else self.trace.gradient(value, self.backward)
        upstream = "" if gradient is None else numbers(gradient)
        number = numbers(held.tensor) if held.tensor is not NOTHING else self._raised()
        return Row(op, brief(expression), number, tuple(locals_), upstream)

    def _raised(self) -> str:
        """Say what the call that ended the block raised."""
        return brief(f"raised {self.trace.failed.error}") if self.trace.failed else ""


def _which(trace: Trace, op: Op) -> str:
    """Write an op's expression with the names that its inputs have in the table, so that it says which `x` it means."""
    found: dict[str, set[str]] = {}
    for held in map(trace.values.__getitem__, op.inputs):
        called = (held.name.partition("#")[0], *held.aliases)
        found[held.name] = {word for word in called if re.search(_as_word(word), op.expression)}
    names: dict[str, str] = {}
    claims = list(found.values())
    for name, words in sorted(found.items(), key=lambda item: len(item[1])):
        free = words - names.keys()
        for word in free:
            if len(free) == 1 or sum(word in others for others in claims) == 1:
                names[word] = word if claims.count(words) > 1 else name  # of two with one name, nothing tells which
    pattern = "|".join(map(_as_word, sorted(names, key=len, reverse=True)))
    return re.sub(pattern, lambda word: names[word[0]], op.expression) if names else op.expression


def _as_word(text: str) -> str:
    """Match a name that is no part of another, no keyword and nothing that is called."""
    return rf"(?<![\w.'\"]){re.escape(text)}(?![\w#('\"]|=[^=])"


def _local(trace: Trace, term: Term, output: int) -> str:
    """Write `derror/dy_hat = 1`, with the rule's own words between where they say more than the number."""
    of = derivative(trace.values[output].name, trace.values[term.value].name)
    words, number = recorded_local_gradient(trace, term), None if term.local is None else numbers(term.local)
    return brief(" = ".join(dict.fromkeys(str(side) for side in (of, words, number) if side is not None)))


def _code(text: str | None) -> str:
    return f"<code>{html.escape(text or '')}</code>"


def _narrow(row: Row) -> Row:
    """Leave out what says no more than that a gradient flowed, and describe arrays."""
    known = tuple(described(local) for local in row.local_gradients if " = " in local)
    return Row(row.op, row.expression, described(row.value), known, described(row.gradient))


def _aligned(rows: Iterable[Row], room: int | None) -> list[str]:
    """Write rows with their local gradients below each other, a cell on several lines where there is no room."""
    lines: list[tuple[str, ...]] = [COLUMNS]
    for row in rows:
        first, *others = row.local_gradients or ("",)
        lines.append((row.op, row.expression, row.value, first, row.gradient))
        lines.extend(("", "", "", local, "") for local in others)
    used = [i for i in range(len(COLUMNS)) if any(line[i] for line in lines[1:])]
    widths = [max(len(line[i]) for line in lines) for i in used]
    text = [at for at, i in enumerate(used) if i]  # the op is one word
    while room is not None and sum(widths) + 2 * len(used) - 2 > room and max(widths[at] for at in text) > NARROWEST:
        widths[max(text, key=lambda at: (widths[at], at))] -= 1
    written = []
    for line in lines:
        cells = zip_longest(*(wrapped(line[i], width) for i, width in zip(used, widths, strict=True)), fillvalue="")
        written += ["  ".join(map(str.ljust, part, widths)).rstrip() for part in cells]
        if line is COLUMNS:
            written.append("  ".join("-" * width for width in widths))
    return written


def _html_row(row: Row, used: int) -> str:
    cells = [
        html.escape(row.op),
        _code(row.expression),
        f'<span class="chainrule-value">{html.escape(row.value)}</span>',
        "<br>".join(map(_code, row.local_gradients)),
        row.gradient and f'<span class="chainrule-gradient">{html.escape(row.gradient)}</span>',
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells[:used]) + "</tr>"

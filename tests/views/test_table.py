"""Tables: a row for each value, with the numbers that were recorded."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule
from chainrule.calculus.notation import described, numbers
from chainrule.views.table import Row
from tests.support.graphs import Plan, plans, record
from tests.support.slips import chain
from tests.support.terminal import printed


def test_the_table_is_the_one_in_the_course() -> None:
    """Leaves stand before their first use, then each op with its expression, value, local gradient and gradient."""
    assert str(chain(1.0, 2.0).table()).splitlines() == [
        "op   expression         value  local gradient               gradient",
        "---  -----------------  -----  ---------------------------  --------",
        "     w                  1                                   -2",
        "     x                  1",
        "mul  y_hat = w * x      1      dy_hat/dw = x = 1            -2",
        "     y                  2",
        "sub  error = y_hat - y  -1     derror/dy_hat = 1            -2",
        "pow  loss = error**2    1      dloss/derror = 2 error = -2  1",
    ]


def test_the_forward_pass_alone_has_no_gradients() -> None:
    """With `backward=None`, or without a backward pass, there are three columns."""
    table = chain(1.0, 2.0).table(backward=None)
    assert str(table).splitlines()[0] == "op   expression         value"
    assert table._repr_html_().count("<th ") == 3
    assert all(row.local_gradients == () and row.gradient == "" for row in table.rows)
    assert table.differentiated is None


@settings(max_examples=50, deadline=None)
@given(plans())
def test_rows_hold_the_recorded_numbers(plan: Plan) -> None:
    """For any graph there is a row for each value, with its own numbers; the HTML is well formed and has the same."""
    rec, _ = record(plan)
    trace, rows, page = rec.trace, rec.table().rows, rec.table()._repr_html_()
    shown = {row.expression.split(" = ")[0]: row for row in rows}
    assert len(shown) == len(rows)
    for number in {value for op in trace.ops_of(-1) for value in (*trace.ops[op].inputs, *trace.ops[op].outputs)}:
        row, gradient = shown[trace.values[number].name], trace.gradient(number)
        assert row.value == numbers(trace.values[number].tensor)
        assert row.gradient == ("" if gradient is None else numbers(gradient))
    _, *lines = ElementTree.fromstring(f"<div>{page.replace('<br>', '<br/>')}</div>").iter("tr")
    for row, cells in zip(rows, lines, strict=True):
        found = ["".join(cell.itertext()) for cell in cells]
        assert found == [row.op, row.expression, row.value, "".join(row.local_gradients), row.gradient]


@settings(max_examples=30, deadline=None)
@given(plans(), st.integers(60, 160))
def test_a_table_fits_the_terminal(plan: Plan, width: int) -> None:
    """However narrow the terminal, no line is longer, and each column has all of what the wide table has in it.

    Where there is no room, arrays are described, and local gradients that are not known by number are left out.
    """
    rec, _ = record(plan)
    table = rec.table()
    lines = printed(table, width).splitlines()
    assert max(map(len, lines)) <= width
    rule = next(line for line in lines if re.fullmatch("[- ]+", line))
    columns = [match.span() for match in re.finditer("-+", rule)]
    held = ["".join("".join(line[start:end].split()) for line in lines) for start, end in columns]
    known = [local for row in table.rows for local in row.local_gradients if " = " in local]
    for cell in (*[text for row in table.rows for text in (row.expression, row.value, row.gradient)], *known):
        written = {"".join(text.split()) for text in (cell, described(cell))}
        assert any(text in column for column in held for text in written)


def test_a_transformer_fits_a_terminal_of_the_usual_width() -> None:
    """Where Python prints to no terminal a line has 80 letters, of a folded table and its notes as well."""
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    with chainrule.record() as rec:
        for _ in range(3):
            x = layer(torch.randn(2, 3, 8)) + 1
        x.sum().backward()
    assert max(map(len, str(rec).splitlines())) <= 80
    assert all(len(line) <= 50 for line in printed(rec.why(), 50).splitlines())


def test_an_op_with_several_results_has_a_row_for_each() -> None:
    """Each result has its own row, with the step from it to the input."""
    w = torch.tensor([2.0, 3.0], requires_grad=True)
    with chainrule.record() as rec:
        a, b = w.unbind()
        loss = a * b
        loss.backward()
    rows = rec.table().rows
    assert rows[1] == Row("unbind", "a = w.unbind()", "2", ("da/dw",), "3")
    assert rows[2] == Row("unbind", "b = w.unbind()", "3", ("db/dw",), "2")


def test_what_was_differentiated_is_shown_even_alone() -> None:
    """A backward pass from what was there before has a row all the same, and says what it belongs to."""
    w = torch.tensor(2.0, requires_grad=True)
    y = w * 3
    with chainrule.record() as rec:
        y.backward()
    assert [(row.expression, row.gradient) for row in rec.table().rows] == [("y", "1")]
    assert rec.table().differentiated == "y"
    assert "Gradients are those of <code>y</code>" in rec.table()._repr_html_()


@pytest.mark.parametrize("backward", [0, 1])
def test_each_pass_has_its_table(backward: int) -> None:
    """A table shows the ops that led to what its own pass started from."""
    w = torch.tensor(2.0, requires_grad=True)
    with chainrule.record() as rec:
        first = w * 3
        second = w**2
        first.backward()
        second.backward()
    (row,) = [row for row in rec.table(backward=backward).rows if row.op]
    assert row.expression.startswith(("first", "second")[backward])

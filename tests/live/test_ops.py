"""The ops that a page fetches: values and gradients against PyTorch, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # as everybody writes it
from playwright.sync_api import Page

from chainrule.live import pytorch_code
from tests.live.test_live import SAID, ask, compare, gradients, number, page, said, show  # noqa: F401  # a fixture
from tests.support.live import off, replay
from tests.support.op_table import OPS, record_op
from tests.support.sweep import share

CALLS = [(name, call) for name, calls in OPS.items() for call in calls]


@pytest.mark.browser
@pytest.mark.sweep
@pytest.mark.parametrize("name", OPS)
def test_an_op_computes_what_pytorch_computes(name: str, page: Page) -> None:  # noqa: F811
    """20 random graphs of each call, edited and trained in the page, hold PyTorch's values and gradients."""
    recordings = [record_op(call, seed) for call in OPS[name] for seed in range(share(20))]
    show(page, *(rec.graph().element for rec in recordings), hidden=True)
    page.wait_for_function("[...document.querySelectorAll('chainrule-graph')].every(graph => graph.values)")
    read = "all => all.map(g => g.shadowRoot.querySelector('.hint').textContent)"
    hints = page.locator("chainrule-graph").evaluate_all(read)
    assert [hint for hint in hints if not hint.startswith("Drag")] == []
    assert compare(page, recordings) > 20 * len(recordings)
    assert not SAID


@pytest.mark.parametrize(("name", "call"), CALLS)
def test_an_op_is_written_as_code(name: str, call: Any) -> None:
    """The lines that stand for a call compute its very numbers."""
    trace = record_op(call, 3).trace
    ops = trace.ops_of(-1)
    called = pytorch_code.names(trace, range(len(trace.values)))
    lines = pytorch_code.lines(trace, ops, called)
    assert lines is not None
    names: dict[str, Any] = {"torch": torch}
    for v, value in enumerate(trace.values):
        if value.leaf or value.op is None:
            names[called[v]] = torch.tensor(value.data)
    exec("\n".join(lines), names)
    for op in ops:
        for v in trace.ops[op].outputs:
            assert names[called[v]].numpy() == pytest.approx(trace.values[v].data, rel=1e-12)


@pytest.mark.browser
def test_a_class_is_chosen(page: Page) -> None:  # noqa: F811
    """A class can be changed like a number, by whole steps; one that is not there is refused, and all stays."""
    rec = record_op(lambda x: F.cross_entropy(x(2, 3), torch.tensor([0, 1])), 0)
    show(page, rec.graph().element)
    first = number(page, "torch.tensor([0, 1])[0]")
    first.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    values = ask(page, "values()")
    torch_values, torch_gradients = replay(rec.trace, values)
    assert values["torch.tensor([0, 1])"] == [2, 1]
    assert not off(values, torch_values, 1e-5) + off(gradients(page), torch_gradients, 1e-5)
    page.keyboard.press("ArrowUp")
    assert "there is no class 3 of 3" in said(page)
    assert ask(page, "values()") == values

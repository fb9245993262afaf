"""Slips: each wrong answer of one table is told alike by `rec.check`, by the graph in a page, and by an exercise."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page

import chainrule
from chainrule.checking.slips import BY_SIZE, WORDS
from tests.live.test_live import show
from tests.site.test_browser import asked
from tests.support.slips import WRONG

PREDICT = """([root, value, answer]) => {
    const graph = document.querySelector('chainrule-graph').shadowRoot;
    const press = text => [...graph.querySelectorAll('button')].find(b => b.textContent === text).click();
    press('Predict');
    const asked = () => graph.querySelector('.ask').textContent.includes(`d${root}/d${value}?`);
    for (let k = 0; k < 90 && !asked(); k++) press('Show it');
    graph.querySelector('input[aria-label="Your guess"]').value = answer;
    press('Check');
    return asked() ? graph.querySelector('.panel .says').textContent : 'never asked';
}"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    """Open a tab."""
    return browser.new_page()


def typed(answer: object) -> str:
    """Write an answer as a reader types it."""
    return str(np.asarray(answer, dtype=float).tolist())


@pytest.mark.parametrize("name", WRONG)
def test_a_slip_is_known_by_what_it_leads_to(name: str) -> None:
    """An answer that was worked out with one slip is wrong, and the report names that slip."""
    wrong = WRONG[name]
    report = wrong.run().check(**{wrong.value: wrong.answer})
    assert not report
    assert re.fullmatch(re.sub(r"\\\{\w+\\\}", ".+", re.escape(WORDS[wrong.kind])), report.answers[0].says)
    assert str(report).startswith(f"{wrong.value} = ")
    assert ": not right. " in " ".join(str(report).split())


def test_a_slip_on_a_short_way_is_known_beside_many_long_ones() -> None:
    """Where a loop takes a weight a hundred times, a factor that is left out after the loop is found."""
    w, h = torch.tensor(1.2, requires_grad=True), torch.tensor(0.5)
    with chainrule.record() as rec:
        for _ in range(100):
            h = torch.sin(h) * w
        last = h * w
        loss = torch.exp(last)
        loss.backward()
    (direct,) = torch.autograd.grad(torch.exp(h.detach() * w), w)
    report = rec.check(w=rec.grad("w").double() - direct.double() + h.detach().double())
    assert report.answers[0].says == WORDS["factor"].format(factor="dloss/dlast")


def test_every_slip_is_tried() -> None:
    """There is a wrong answer for every slip that a report can name."""
    assert {wrong.kind for wrong in WRONG.values()} == set(WORDS)


@pytest.mark.browser
@pytest.mark.parametrize("name", WRONG)
def test_a_graph_says_the_same(name: str, page: Page) -> None:
    """A guess in the graph's panel is told its slip in the words of `rec.check`."""
    wrong = WRONG[name]
    rec = wrong.run()
    root = rec.trace.values[rec.trace.passes[-1].roots[0]].name
    show(page, rec.graph().element)
    said = page.evaluate(PREDICT, [root, wrong.value, typed(wrong.answer)])
    assert said.endswith(f" is not right. {rec.check(**{wrong.value: wrong.answer}).answers[0].says}")


@pytest.mark.browser
@pytest.mark.parametrize("name", [name for name, wrong in WRONG.items() if wrong.kind in (*BY_SIZE, "none")])
def test_an_exercise_says_the_same(name: str, page: Page) -> None:
    """Where the numbers alone show a slip, the field of an exercise tells it in the same words."""
    wrong = WRONG[name]
    page.set_content(asked(str(wrong.run().grad(wrong.value).item())))
    page.get_by_label("Your answer").fill(typed(wrong.answer))
    page.keyboard.press("Enter")
    assert page.get_by_role("status").inner_text() == f"{typed(wrong.answer)} is not right. {WORDS[wrong.kind]}"

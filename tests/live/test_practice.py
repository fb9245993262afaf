"""Practice in a real browser: PyTorch answers its questions, and the page knows right from wrong."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page

from chainrule.live.javascript import script, served
from tests.live.test_live import SAID, page
from tests.support.course import ROOT
from tests.support.pages import read, run
from tests.support.sweep import share

__all__ = ["page"]
pytestmark = pytest.mark.browser


@cache
def element() -> str:
    """Return the element with the graphs that the site's page gives it."""
    scope: dict[str, Any] = {}
    run(read(ROOT / "docs" / "playground" / "practice.md"), lambda _, names: scope.update(names))
    return str(scope["page"])


def show(page: Page, folder: Path, query: str = "") -> None:
    """Show it, at an address, which the browser needs for what it keeps."""
    SAID.clear()
    file = folder / "practice.html"
    scripts = f"<script>{script()}</script><script>{served('practice')}</script>"
    file.write_text(f"<!doctype html><meta charset=utf-8><title>t</title><article>{element()}</article>{scripts}")
    page.goto(f"{file.as_uri()}{query}")


def ask(page: Page, what: str, given: Any = None) -> Any:
    """Evaluate something about the element, `el`."""
    return page.evaluate(f"(given) => {{ const el = document.querySelector('chainrule-practice'); {what} }}", given)


def answered(question: dict[str, Any]) -> str:
    """Have PyTorch answer a question, and write it as a reader would."""
    scope: dict[str, Any] = {}
    exec(question["code"], scope)
    answer = eval(question["ask"], scope)
    if isinstance(answer, torch.Tensor):
        return json.dumps(answer.tolist())
    return str(answer)


@pytest.mark.sweep
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_pytorch_answers_the_questions(page: Page, tmp_path: Path, level: int) -> None:
    """What PyTorch says is taken for right; another number is not, and something is said about it."""
    show(page, tmp_path)
    count = share(200)
    turns = "return Array.from({ length: given[1] }, () => { const q = el.question(); el.next(); return q; });"
    questions = ask(page, f"el.go({{ seed: 5, level: given[0] }}); {turns}", [level, count])
    answers = [answered(question) for question in questions]
    wrong = [answer.replace("]", "").split(",")[0].strip("[(") + "7.5" for answer in answers]
    both = "const r = el.answer(given[0][i]).right, w = el.answer(given[1][i]); el.next(); return [r, w.right, w.says];"
    back = "el.go({ seed: 5, level: given[2] });"
    found = ask(page, f"{back} return given[0].map((_, i) => {{ {both} }});", [answers, wrong, level])
    assert [(q, a) for q, a, (right, *_) in zip(questions, answers, found, strict=True) if not right] == []
    assert not any(right for _, right, _ in found)
    assert all(len(says) > 30 for *_, says in found)
    # one arrow between small whole numbers makes no more than 84 different programs in 200 questions
    assert len({question["code"] for question in questions}) > min(count * 0.6, 80)
    assert {question["level"] for question in questions} == {level}
    assert not SAID


def test_a_slip_is_named_and_the_pass_played(page: Page, tmp_path: Path) -> None:
    """A wrong gradient is told its slip, and the graph plays up to it; there are three hints; what is done is kept."""
    show(page, tmp_path, "?seed=3&level=2")
    page.evaluate("localStorage.clear()")  # the browser keeps what the tests before have done
    page.reload()
    question = ask(page, "while (el.question().kind !== 'gradient') el.next(); return el.question();")
    for number in (1, 2, 3):
        page.get_by_role("button", name="Hint").click()
        assert page.get_by_text(f"Hint {number} of 3.").count() == 1
    answer = float(answered(question))
    page.get_by_label("Your answer").fill(str(-answer))
    page.get_by_role("button", name="Check").click()
    assert "It has the right size and the wrong sign." in page.locator(".says").inner_text()
    shown = "document.querySelector('chainrule-practice chainrule-graph[slot=now]')"
    page.wait_for_function(f"{shown}.moment().step > 3")
    assert page.evaluate(f"{shown}.gradients().w") == pytest.approx(answer)
    page.get_by_label("Your answer").fill(f"{answer:.0f}")
    page.get_by_role("button", name="Check").click()
    assert page.locator(".says.good").count() == 1
    page.reload()
    assert page.get_by_text("gradients on level 2 (1)").count() == 1
    page.get_by_role("button", name="Forget").click()
    page.reload()
    assert page.get_by_text("You have worked out").count() == 0


def test_a_sheet_has_its_key_on_a_page_of_its_own(page: Page, tmp_path: Path) -> None:
    """Twenty questions, the same for one seed, and their twenty answers behind a page break."""
    show(page, tmp_path, "?seed=7&level=3&print=20")
    text = "return el.shadowRoot.querySelector('.live').textContent"
    seen = ask(page, text)
    assert page.locator("li.room").count() == 20
    assert page.locator("h2.key + ol li").count() == 20
    assert page.locator("h2.key").evaluate("one => getComputedStyle(one).breakBefore") == "page"
    page.reload()
    assert ask(page, text) == seen
    show(page, tmp_path, "?seed=8&level=3&print=20")
    assert ask(page, text) != seen

"""The XOR playground in a real browser, held against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from playwright.sync_api import Page

import chainrule
from chainrule.live.javascript import script, served
from tests.live.test_live import SAID, page

__all__ = ["page"]
pytestmark = pytest.mark.browser

SAMPLES = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TARGETS = torch.tensor([0.0, 1.0, 1.0, 0.0])
NOTEBOOK = ([[0.1, 0.3], [0.2, 0.1]], [0.2, -0.2], [[0.1], [-0.4]], [0.0])
Weights = list[torch.Tensor]


def show(page: Page) -> None:
    """Show the element, with the graph of one sample in it."""
    x, y = torch.tensor([0.0, 1.0]), torch.tensor(1.0)
    w1, b1, w2, b2 = (torch.tensor(part, requires_grad=True) for part in NOTEBOOK)
    with chainrule.record() as rec:
        z = x @ w1 + b1
        hidden = torch.relu(z)
        score = hidden @ w2 + b2
        loss = (torch.sigmoid(score) - y) ** 2
        loss.backward()
    SAID.clear()
    page.goto("about:blank")
    inside = f"<chainrule-xor>{rec.graph().element}</chainrule-xor>"
    page.set_content(
        f"<!doctype html><title>t</title>{inside}<script>{script()}</script><script>{served('xor')}</script>"
    )


def ask(page: Page, what: str, given: Any = None) -> Any:
    """Evaluate something about the element, `el`."""
    return page.evaluate(f"async (given) => {{ const el = document.querySelector('chainrule-xor'); {what} }}", given)


def begin(start: int | None, fault: str = "") -> Weights:
    """Return the weights of a start, `None` for the notebook's."""
    if start is None:
        weights = [torch.tensor(part) for part in NOTEBOOK]
    else:
        draw = torch.Generator().manual_seed(0)
        shapes = ((2, 2, 1000), (2, 1000), (2, 1000), (1000,))
        parts = [(2 * torch.rand(shape, generator=draw) - 1)[..., start] for shape in shapes]
        weights = [part.reshape(torch.tensor(like).shape) for part, like in zip(parts, NOTEBOOK, strict=True)]
    if fault == "all weights equal":
        weights = [torch.full_like(part, 0.0 if part.dim() == 1 else 0.5) for part in weights]
    if fault == "dead units":
        weights[1] = torch.full((2,), -3.0)
    return [weight.clone().requires_grad_() for weight in weights]


def loss_of(weights: Weights, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the squared errors."""
    w1, b1, w2, b2 = weights
    return (torch.sigmoid(torch.relu(x @ w1 + b1) @ w2 + b2).squeeze(-1) - y) ** 2


def train(start: int | None, epochs: int, fault: str = "") -> list[float]:
    """Train as the lessons do, and return all nine numbers."""
    weights = begin(start, fault)
    rate = (0.01 if start is None else 1.0) * ((300 if start is None else 30) if fault == "rate too large" else 1)
    optimizer = torch.optim.SGD(weights, lr=rate)

    def step(loss: torch.Tensor) -> None:
        if fault != "not zeroed":
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    if start is None:
        step(loss_of(weights, SAMPLES[0], TARGETS[0]))
    for _ in range(epochs):
        if start is None:
            for x, y in zip(SAMPLES, TARGETS, strict=True):
                step(loss_of(weights, x, y))
        else:
            losses = loss_of(weights, SAMPLES, TARGETS)
            step(losses.sum() if fault == "sum for mean" else losses.mean())
    return [entry for weight in weights for entry in weight.reshape(-1).tolist()]


NINE = "const {w1, b1, w2, b2} = el.weights(); return [w1, b1, w2, b2].flat(3);"


def test_the_notebooks_run_gives_its_losses(page: Page) -> None:
    """The losses after 1, 1,001, ... 4,001 epochs are those that the notebook prints."""
    show(page)
    turns = "const seen = []; for (const n of [1, 1000, 1000, 1000, 1000]) { await el.train(n); seen.push(el.loss()); }"
    printed = [0.24752041697502136, 0.2040688395500183, 0.13945071399211884, 0.05831518396735191, 0.025512760505080223]
    assert ask(page, f"{turns} return seen;") == pytest.approx(printed, rel=1e-6)
    assert ask(page, "await el.train(999); return el.predict([0, 1]);") == pytest.approx(0.9028, abs=1e-4)
    assert not SAID


def test_the_thousand_starts_are_the_lessons(page: Page) -> None:
    """Each of the thousand has the very numbers that PyTorch's generator draws."""
    show(page)
    nine = f"((k) => {{ el.start(k); {NINE} }})"
    got = ask(page, f"return Array.from({{ length: 1000 }}, (_, k) => {nine}(k));")
    wanted = [[entry for part in begin(k) for entry in part.reshape(-1).tolist()] for k in (0, 1, 622, 999)]
    assert [got[k] for k in (0, 1, 622, 999)] == wanted
    drawn = 2 * torch.rand(9000, generator=torch.Generator().manual_seed(0)) - 1
    assert torch.equal(torch.tensor(got).T, drawn.reshape(9, 1000))


@pytest.mark.parametrize("start", [None, 5, 7])
@pytest.mark.parametrize(
    "fault", ["", "not zeroed", "rate too large", "all weights equal", "dead units", "sum for mean"]
)
def test_training_is_pytorchs(page: Page, start: int | None, fault: str) -> None:
    """Whatever is broken, the weights after some epochs are those of PyTorch's own training."""
    show(page)
    epochs = 12 if fault in ("not zeroed", "rate too large") else 60
    if fault:
        ask(page, "el.fault(given, true);", fault)
    got = ask(page, f"el.start(given[0] ?? 'notebook'); await el.train(given[1]); {NINE}", [start, epochs])
    wanted = train(start, epochs, "" if start is None and fault == "sum for mean" else fault)
    assert got == pytest.approx(wanted, rel=1e-4, abs=1e-5)


def test_the_histogram_counts_what_the_lesson_counts(page: Page) -> None:
    """The thousand are trained in the page; as many solve it as in PyTorch, and a column starts one of its own."""
    show(page)
    page.locator(".columns").scroll_into_view_if_needed()
    page.wait_for_function(
        "document.querySelector('chainrule-xor').shadowRoot.textContent.includes('All of the thousand')"
    )
    counts = [int(text.split()[0]) for text in page.locator(".column").evaluate_all("all => all.map(c => c.ariaLabel)")]
    stacked = (torch.stack(parts, -1).detach() for parts in zip(*map(begin, range(1000)), strict=True))
    w1, b1, w2, b2 = (weight.requires_grad_() for weight in stacked)
    for _ in range(1000):
        hidden = torch.relu(torch.einsum("si,iun->sun", SAMPLES, w1) + b1)
        ends = ((torch.sigmoid((hidden * w2[:, 0]).sum(1) + b2) - TARGETS[:, None]) ** 2).mean(0)
        gradients = torch.autograd.grad(ends.sum(), (w1, b1, w2, b2))
        with torch.no_grad():
            for weight, gradient in zip((w1, b1, w2, b2), gradients, strict=True):
                weight -= gradient
    assert sum(counts) == 1000
    assert counts[0] == pytest.approx(int((ends < 0.02).sum()), abs=4)  # a start on a ridge may roll either way
    page.locator(".column").first.click()
    assert ask(page, "await el.train(1000); return el.loss();") < 0.02


def test_a_sample_plays_its_backward_pass(page: Page) -> None:
    """A sample is moved by the keys; pressed, the graph has its numbers, the weights of now, PyTorch's gradients."""
    show(page)
    ask(page, "el.start(5); await el.train(40);")
    sample = page.locator(".mark").nth(1)
    sample.press("ArrowRight")
    assert "answer at (0.05, 1), target 1" in (sample.get_attribute("aria-label") or "")
    sample.press("Enter")
    page.wait_for_function("document.querySelector('chainrule-graph').moment().step > 0")
    x, weights = ask(page, "const g = el.querySelector('chainrule-graph').values(); return [g.x, el.weights()];")
    assert x == pytest.approx([0.05, 1.0])
    leaves = [torch.tensor(part, requires_grad=True) for part in weights.values()]
    loss_of(leaves, torch.tensor(x), torch.tensor(1.0)).sum().backward()
    got = ask(page, "return el.querySelector('chainrule-graph').gradients();")
    for name, leaf in zip(weights, leaves, strict=True):
        assert leaf.grad is not None
        assert torch.allclose(torch.tensor(got[name]), leaf.grad, rtol=1e-4, atol=1e-7)
    assert not SAID


def test_samples_are_added_dragged_and_removed(page: Page) -> None:
    """A sample of one's own is trained on too; it can be dragged with a finger's reach, and deleted."""
    show(page)
    page.get_by_role("button", name="■ target 1").click()
    sample = page.locator(".mark").nth(4)
    before = ask(page, "return el.loss();")
    box = sample.locator(".hit").bounding_box()
    assert box
    assert box["width"] >= 44
    x, y = box["x"] + 22, box["y"] + 22
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y - 40, steps=4)
    page.mouse.up()
    label = sample.get_attribute("aria-label") or ""
    assert "(0.5, 0.5)" not in label
    assert ask(page, "return el.loss();") != before
    sample.press("Delete")
    assert page.locator(".mark").count() == 4

"""Real models in the live graph: read from the outside in, with sizes at a glance."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page

import chainrule
from tests.live.test_live import SAID, page, show, xor
from tests.support.gpt import gpt

pytestmark = pytest.mark.browser
__all__ = ["page"]

BARS = """all => Object.fromEntries(all.filter(box => box.querySelector('.bar, .broken')).map(box => [
    box.querySelector('.n').textContent.replace('▸ ', ''),
    box.querySelector('.size').width.baseVal.value / box.querySelector('.track').width.baseVal.value]))"""


def deep() -> chainrule.Recording:
    """Record a net that is too deep for its sigmoids."""
    torch.manual_seed(0)
    layers = [layer for _ in range(24) for layer in (torch.nn.Linear(12, 12), torch.nn.Sigmoid())]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(12, 1))
    with chainrule.record() as rec:
        model(torch.ones(3, 12)).sum().backward()
    return rec


WEIGHTS = """all => all.map(row => [row.textContent, row.querySelector('.size').width.baseVal.value
    / row.querySelector('.track').width.baseVal.value])"""


def bars(page: Page) -> dict[str, float]:
    """Read how long each box's bar is, as a part of its track."""
    page.wait_for_selector(".box .size", state="attached")
    found: dict[str, float] = page.locator("chainrule-graph .box").evaluate_all(BARS)
    return found


def test_a_gpt_is_read_in_four_clicks(page: Page) -> None:
    """From the outermost boxes, called by their modules, four clicks lead to the numbers of one matrix product."""
    show(page, gpt().graph().element)
    page.locator(".open", has_text="blocks.2 · Block").click()
    page.locator(".open", has_text="attn · Attention").click()
    page.locator(".box", has_text="scores").locator(".open").click()
    product = page.locator(".box", has_text="q @ k.transpose(-2, -1)").first
    product.click()
    assert "(2, 4, 8, 8)" in str(product.text_content())
    assert page.locator("nav button").all_inner_texts() == ["Whole graph", "blocks.2 · Block", "attn · Attention"]
    assert not SAID


def test_bars_show_where_gradients_fade(page: Page) -> None:
    """The bars of a deep net are as long as the logarithms of PyTorch's gradients are large, all on one scale."""
    rec = deep()
    show(page, rec.graph().element)
    low, high = (int(part[2:]) for part in page.locator(".legend").inner_text().split() if part.startswith("1e"))
    seen = bars(page)
    assert len(seen) > 10
    first = page.locator(".box", has_text="0 · Linear").first
    weights = first.locator(".weight").evaluate_all(WEIGHTS)
    for (text, part), name in zip(weights, ("weight", "bias"), strict=True):
        size = rec.grad(f"0.{name}").double().square().mean().sqrt().item()
        assert text.startswith(f"{name} (12,")
        assert part == pytest.approx((math.log10(size) - low) / (high - low), abs=0.02)
    blocks = [part for name, part in seen.items() if "Linear" in name]
    assert blocks == sorted(blocks)
    assert blocks[0] < 0.1
    assert max(seen.values()) > 0.9


LOOK = """graph => {
    const stage = graph.shadowRoot.querySelector('.stage'), svg = stage.querySelector('svg');
    const box = svg.getBoundingClientRect(), scale = box.width / svg.viewBox.baseVal.width;
    return {scale, letters: 12 * scale, hidden: stage.scrollHeight - stage.clientHeight, across: stage.scrollWidth,
        width: stage.clientWidth, left: stage.scrollLeft, top: stage.scrollTop, below: graph.offsetHeight};
}"""


GROUND = """graph => {
    const stage = graph.shadowRoot.querySelector('.stage'), box = stage.getBoundingClientRect();
    const x = box.left + box.width / 2;
    let y = Math.min(box.bottom, innerHeight) - 30;
    while (graph.shadowRoot.elementFromPoint(x, y).closest('.box')) y -= 5;
    return [x, y];
}"""


def look(page: Page) -> dict[str, float]:
    """Measure how a graph is shown."""
    found: dict[str, float] = page.locator("chainrule-graph").evaluate(LOOK)
    return found


def test_a_graph_of_up_to_forty_boxes_is_no_scroller(page: Page) -> None:
    """XOR stands there whole, with text as large as it says, on a wide page and on a phone."""
    for width in (1000, 390):
        page.set_viewport_size({"width": width, "height": 800})
        show(page, xor().graph().element)
        page.wait_for_selector(".zoom")
        seen = look(page)
        assert seen["hidden"] <= 0
        assert seen["across"] <= seen["width"]
        assert seen["letters"] > 11.5
        page.get_by_role("button", name="100 %").click()
        assert look(page)["letters"] == pytest.approx(12, abs=0.01)
    page.set_viewport_size({"width": 1000, "height": 800})


def test_a_large_graph_is_zoomed_and_moved(page: Page) -> None:
    """Buttons, keys and the wheel zoom, about the point that is meant; the ground is dragged; nothing below moves."""
    show(page, deep().graph().element)
    page.wait_for_selector(".zoom")
    stage = page.locator("chainrule-graph .stage")
    stage.focus()
    for key, factor in (("+", 1.25), ("-", 1.0), ("0", 1.0)):
        page.keyboard.press(key)
        assert look(page)["scale"] == pytest.approx(factor, abs=0.01)
    placed = look(page)  # the formula that keys bring has come
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    assert look(page)["scale"] == pytest.approx(1.5625, abs=0.01)
    page.get_by_role("button", name="fit: all").click()
    assert look(page)["scale"] < 0.4
    page.get_by_role("button", name="100 %").click()
    middle = page.locator("chainrule-graph .box", has_text="0 · Linear").first
    box = middle.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 5)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -900)
    page.keyboard.up("Control")
    page.wait_for_function("look => (" + LOOK + ")(document.querySelector('chainrule-graph')).scale > 3.9")
    moved = middle.bounding_box()
    assert moved
    middles = [(one["x"] + one["width"] / 2, one["y"]) for one in (box, moved)]
    assert middles[1] == pytest.approx(middles[0], abs=16)
    before = look(page)
    x, y = page.locator("chainrule-graph").evaluate(GROUND)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 30, y - 20, steps=4)
    page.mouse.up()
    after = look(page)
    assert (after["left"] - before["left"], after["top"] - before["top"]) == pytest.approx((30, 20), abs=2)
    assert after["below"] == placed["below"]
    assert not SAID


def test_two_fingers_zoom(browser: Browser) -> None:
    """On a phone two fingers zoom the graph, and not the page."""
    with browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as phone:
        page = phone.new_page()
        show(page, deep().graph().element)
        page.wait_for_selector(".zoom")
        before, whole = look(page)["scale"], page.evaluate("visualViewport.scale")
        box = page.locator("chainrule-graph .stage").bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + 200
        cdp = page.context.new_cdp_session(page)
        for kind, far in (("touchStart", 40), ("touchMove", 60), ("touchMove", 80), ("touchEnd", 0)):
            points = [{"x": x - far, "y": y, "id": 0}, {"x": x + far, "y": y, "id": 1}] if far else []
            cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        assert look(page)["scale"] == pytest.approx(2 * before, rel=0.05)
        assert page.evaluate("visualViewport.scale") == whole


def wide() -> chainrule.Recording:
    """Record more than forty values that are not folded."""
    w = torch.tensor(1.0, requires_grad=True)
    with chainrule.record() as rec:
        h = w
        for _ in range(50):
            h = h * 1.01
        h.backward()
    return rec


def test_a_saved_page_uses_its_room(page: Page, tmp_path: Path) -> None:
    """A page that was saved has the graph from edge to edge, and a frame that fills the window where there is one."""
    wide().save(tmp_path / "x.html")
    page.set_viewport_size({"width": 1600, "height": 1000})
    page.goto((tmp_path / "x.html").as_uri())
    box = page.locator("chainrule-graph .stage").bounding_box()
    page.set_viewport_size({"width": 1000, "height": 800})
    assert box
    assert box["width"] > 1500
    assert 750 < box["height"] < 850

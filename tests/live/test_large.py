"""Real models in the live graph: read from the outside in, with sizes at a glance."""

from __future__ import annotations

import math

import pytest
import torch
from playwright.sync_api import Page

import chainrule
from tests.live.test_live import SAID, page, show
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
    size = rec.grad("0.weight").double().square().mean().sqrt().item()
    assert seen["0.weight"] == pytest.approx((math.log10(size) - low) / (high - low), abs=0.02)
    blocks = [part for name, part in seen.items() if "Linear" in name]
    assert blocks == sorted(blocks)
    assert blocks[0] < 0.1
    assert max(seen.values()) > 0.9

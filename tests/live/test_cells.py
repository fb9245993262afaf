"""Tensors as colours: cells that everybody can tell apart by sign and size, with numbers, and words for the rest."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from playwright.sync_api import Page

import chainrule
from chainrule.views.colors import DARK, LIGHT, Palette
from tests.live.test_live import SAID, number, page, said, show, xor
from tests.views.test_svg import contrast

__all__ = ["page"]

STRONGEST = 0.5
BLINDNESS = {
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
"""What is left of linear red, green and blue (Machado, Oliveira and Fernandes 2009, severity 1)."""


def mixed(colour: str, over: str, part: float) -> list[float]:
    """Lay a colour over another, as a browser does."""
    pairs = ((int(colour[i : i + 2], 16), int(over[i : i + 2], 16)) for i in (1, 3, 5))
    return [part * a + (1 - part) * b for a, b in pairs]


def seen(colour: str, over: str, part: float, kind: str) -> list[float]:
    """Return a cell's colour as it is seen, in CIELAB, where equal distances look about equally large."""
    parts = [x / 255 for x in mixed(colour, over, part)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    left = [max(0.0, sum(a * b for a, b in zip(row, linear, strict=True))) for row in BLINDNESS[kind]]
    matrix = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    xyz = [sum(a * b for a, b in zip(row, left, strict=True)) for row in matrix]
    white = [v / w for v, w in zip(xyz, (0.9505, 1, 1.089), strict=True)]
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in white)
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]


def far(a: list[float], b: list[float]) -> float:
    """Return how far apart two colours are; 2.3 is just seen."""
    return float(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5)


@pytest.mark.parametrize("kind", BLINDNESS)
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_signs_and_sizes_are_told_apart(palette: Palette, kind: str) -> None:
    """Above and below zero differ clearly but for the palest, and so do the steps from zero to the largest."""
    strengths = [STRONGEST * level / 10 for level in range(1, 11)]
    for part in strengths[2:]:
        assert far(*(seen(one, palette.box, part, kind) for one in (palette.plus, palette.minus))) > 8
    for colour in (palette.plus, palette.minus):
        row = [seen(colour, palette.box, part, kind) for part in (0.0, *strengths)]
        assert all(far(a, b) > 1.9 for a, b in pairwise(row))
        assert far(row[0], row[-1]) > 25


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_numbers_are_read_on_their_cells(palette: Palette) -> None:
    """The strongest colour leaves the text on it a contrast of 4.5."""
    for colour in (palette.plus, palette.minus):
        cell = "#" + "".join(f"{round(part):02x}" for part in mixed(colour, palette.box, STRONGEST))
        assert contrast(palette.text, cell) >= 4.5


@pytest.mark.browser
def test_cells_follow_their_numbers(page: Page) -> None:
    """A cell has its number and the colour of its sign; an edit recolours it, keys read it, Enter opens the table."""
    show(page, xor().graph().element)
    page.wait_for_selector(".cells .cell")
    assert page.locator(".key").inner_text().strip().endswith("to 1.47")
    weights = page.locator(".box[data-v]", has_text="w1").first
    value = weights.locator(".cells").first
    reds = "all => all.map(path => path.getAttribute('d').split('M').length - 1)"
    assert value.locator(".cell.minus").evaluate_all(reds) == [1]
    number(page, "w1[0, 0]").click()
    page.keyboard.type("-0.6")
    page.keyboard.press("Enter")
    assert value.locator(".cell.minus").evaluate_all(reds) == [2]
    gradient = weights.locator(".cells").nth(1)
    gradient.focus()
    page.keyboard.press("ArrowDown")
    assert said(page).startswith(("gradient of w1[1, 0] = ", "gradient of w1[0, 1] = "))
    page.keyboard.press("Enter")
    page.wait_for_selector(".panel table")
    assert not SAID


@pytest.mark.browser
def test_large_tensors_have_cells_without_digits(page: Page) -> None:
    """Of a large tensor the first rows are cells; pointing at one names its number; nan and inf have a word."""
    a = torch.linspace(-3, 3, 600).reshape(20, 30)
    a[0, 1], a[0, 2] = torch.nan, torch.inf
    w = torch.ones(30, requires_grad=True)
    with chainrule.record() as rec:
        (a * w).sum().backward()
    show(page, rec.graph().element)
    cells = page.locator(".box", has_text="a * w").locator(".cells").first
    assert "(20, 30)… 1 nan, 1 inf, -3 to 3" in str(cells.text_content())
    assert (cells.locator(".cell.nan").count(), cells.locator(".cell.inf").count()) == (1, 1)
    assert not cells.locator("g text").count()
    box = cells.locator("g").bounding_box()
    assert box
    page.mouse.move(box["x"] + 6, box["y"] + 18)
    assert str(cells.locator("title").text_content()).endswith(f"[1, 0] = {a[1, 0].item():.4g}")


COVERED = """async graph => {
    await graph.step(graph.moment().of);
    const all = part => [...graph.shadowRoot.querySelectorAll(part)].map(one => [one, one.getBoundingClientRect()]);
    const labels = all('.edge.passed .halo').filter(([label]) => label.textContent);
    const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 5;
    const met = ([one, a]) => [...all('.box > rect'), ...labels].filter(([other, b]) => other !== one && over(a, b));
    return [labels.length, labels.filter(label => met(label).length).map(([label]) => label.textContent)];
}"""


@pytest.mark.parametrize("width", [1280, 390])
def test_a_local_gradient_is_covered_by_nothing(page: Page, width: int) -> None:
    """Between boxes that stand close, a long local gradient gives way to them and to the one beside it."""
    x, target = torch.tensor([1.0, 7.0, 9.0, 15.0], requires_grad=True), torch.tensor([0.0, 0.0, 0.0, 1.0])
    with chainrule.record() as rec:
        centred = x - x.mean()
        squares = centred**2
        error = centred / squares.mean().sqrt() - target
        loss = (error**2).sum()
        loss.backward()
    page.set_viewport_size({"width": width, "height": 900})
    show(page, rec.graph().element)
    count, covered = page.locator("chainrule-graph").evaluate(COVERED)
    assert count > 5
    assert covered == []

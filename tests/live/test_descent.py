"""The race of optimizers in a real browser, held against PyTorch's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from playwright.sync_api import Page

from chainrule.live.javascript import script, served
from tests.live.test_live import SAID, page

__all__ = ["page"]
pytestmark = pytest.mark.browser

X = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
SURFACES: Mapping[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "line": lambda a, b: ((a * X + b - 2 * X) ** 2).mean(),
    "valley": lambda a, b: a**2 / 20 + b**2,
    "saddle": lambda a, b: a**2 / 2 - b**2 / 2 + b**4 / 16,
}
OPTIMIZERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "momentum": lambda leaves, lr: torch.optim.SGD(leaves, lr=lr, momentum=0.9),
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
}
RATES = {"sgd": {"lr": 0.03}, "momentum": {"lr": 0.01}, "rmsprop": {"lr": 0.05}, "adam": {"lr": 0.2}}
RUN = """([surface, start, rates]) => {
    const el = document.querySelector('chainrule-descent');
    el.surface = surface;
    el.start(start);
    el.run(100, rates);
    return Object.keys(rates).map((key) => el.path(key));
}"""


def show(page: Page) -> None:
    """Show the element."""
    SAID.clear()
    page.goto("about:blank")
    scripts = f"<script>{script()}</script><script>{served('descent')}</script>"
    page.set_content(f"<!doctype html><title>t</title><chainrule-descent></chainrule-descent>{scripts}")


@pytest.mark.parametrize("start", [[-0.5, 3.0], [2.0, -0.02], [0.0, 0.5]])
@pytest.mark.parametrize("surface", SURFACES)
def test_a_path_is_that_of_pytorchs_optimizer(page: Page, surface: str, start: list[float]) -> None:
    """A hundred steps of each optimizer lead where PyTorch's own leads."""
    show(page)
    got = page.evaluate(RUN, [surface, start, RATES])
    for (key, settings), path in zip(RATES.items(), got, strict=True):
        leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in start]
        optimizer = OPTIMIZERS[key](leaves, **settings)
        assert len(path) == 101
        for point in path:
            assert point == pytest.approx([leaf.item() for leaf in leaves], abs=1e-5), key
            optimizer.zero_grad()
            SURFACES[surface](*leaves).backward()
            optimizer.step()
    assert not SAID


def test_what_a_reader_does(page: Page) -> None:
    """The point is dragged and moved by keys, a rate is changed, a step is shown in numbers, and noise is the same."""

    def seen(what: str) -> Any:
        return page.evaluate(f"(() => {{ const el = document.querySelector('chainrule-descent'); return {what} }})()")

    show(page)
    before = seen("el.path('adam')")
    box = page.locator(".mark .hit").bounding_box()
    assert box
    page.mouse.move(box["x"] + 22, box["y"] + 22)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 80, steps=3)
    page.mouse.up()
    dragged = seen("el.path('adam')")
    assert dragged[0] != before[0]
    page.locator(".mark").press("ArrowLeft")
    assert seen("el.path('adam')")[0][0] == pytest.approx(dragged[0][0] - 0.2, abs=0.011)
    page.get_by_label("Show Adam").check()
    assert page.locator("tr", has_text="v̂").count() == 2
    page.get_by_label("A Adam", exact=True).press("ArrowRight")
    assert seen("el.path('adam')") != dragged
    page.get_by_label("SGD with noise").check()
    noisy = seen("el.path('sgd')")
    page.get_by_label("SGD with noise").uncheck()
    assert seen("el.path('sgd')") != noisy
    page.get_by_label("SGD with noise").check()
    assert seen("el.path('sgd')") == noisy
    page.get_by_role("button", name="▶ Race").click()
    page.wait_for_function(
        "document.querySelector('chainrule-descent').shadowRoot.textContent.includes('step 20 of 60')"
    )
    assert not SAID

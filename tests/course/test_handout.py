"""Tests of a lesson on paper: a handout, with what can be read and nothing that can only be clicked."""

from __future__ import annotations

import pytest
from playwright.sync_api import sync_playwright

from bench.pages import QUIET
from tests.support import built
from tools.browser import find_browser

pytestmark = [pytest.mark.site, pytest.mark.browser]

GONE = (
    ".sidebar-drawer, .toc-drawer, .related-pages, .sphx-glr-footer, .mobile-header, .chainrule-answer, button.copybtn"
)
KEPT = "article h1, article div.highlight pre, article .chainrule-revealed, article .chainrule-predict"


def test_a_lesson_prints_as_a_handout() -> None:
    """On paper a lesson shows code, answers and questions across the sheet, and no navigation, field or button."""
    name = next(name for name in built.lessons() if built.pages()[name].those_with_class("chainrule-answer"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=QUIET)
        page = browser.new_page(viewport={"width": 794, "height": 1123})
        page.goto((built.SITE / name).as_uri())
        page.emulate_media(media="print")
        shown = {
            selector: page.locator(selector).evaluate_all("all => all.map(one => one.checkVisibility())")
            for selector in (GONE, KEPT)
        }
        width = page.locator("article").bounding_box()
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        browser.close()
    assert shown[GONE]
    assert not any(shown[GONE])
    assert shown[KEPT]
    assert all(shown[KEPT])
    assert width is not None
    assert width["width"] > 700
    assert too_wide <= 0

"""What `make bench` measures, and the page that is made from it."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest
from _ext.pages import measurements as measured

from bench import performance

PAGE = Path(__file__).parents[2] / "docs/_build/html/reference/performance.html"
FOUND: dict[str, Any] = json.loads(performance.RESULTS.read_text("utf-8"))


@pytest.mark.site
def test_the_page_shows_what_was_measured() -> None:
    """The page holds every goal with what was reached, and when it was measured."""
    page = html.unescape(PAGE.read_text("utf-8"))
    assert FOUND["date"] in page
    for name, (work, how, _) in measured.GOALS.items():
        assert name in page
        assert measured.number(FOUND["compare"][work][how]["record"][1]) in page

"""Tests of how light the site is: what a page makes a reader's browser fetch, and that nothing moves while it comes."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bench import pages as bench
from tests.support import built

pytestmark = pytest.mark.site

BARE, WITH_MATHS = 60_000, 85_000
"""Goals, in bytes as a host sends them; the live graph's script comes on top."""
REQUESTS = 14
LARGEST = "lessons/4_batches/95_digits.html"
"""Has the limit of a page with maths: what is above the other one are pictures that the lesson is about."""


@cache
def sent(file: Path) -> int:
    """Return how many bytes a host sends for a file."""
    return len(gzip.compress(file.read_bytes(), 6))


def files(page: built.Page) -> set[Path]:
    """Return what a page has fetched at once: itself, its styles and scripts."""
    named = {(page.path.parent / target.partition("?")[0]).resolve() for tag, target in page.links if tag in TAGS}
    return {page.path.resolve()} | {file for file in named if file.suffix in (".css", ".js")}


TAGS = ("link", "script")


@pytest.mark.parametrize("name", sorted(set(built.names()) - {"search.html"}))
def test_a_page_is_light(name: str) -> None:
    """A page with all that it needs at once weighs at most 60 kB as sent, and 85 with maths, but for the live graph."""
    page = built.pages()[name]
    needed = [file for file in files(page) if not file.name.startswith(Path(bench.GRAPH).name)]
    maths = any(file.name == "maths.css" for file in needed)
    weight = sum(map(sent, needed))
    assert weight <= (WITH_MATHS if maths or name == LARGEST else BARE), {file.name: sent(file) for file in needed}
    assert maths == bool(page.those_with_class("katex")), "the stylesheet of formulas is for pages that have some"


@pytest.mark.browser
def test_a_page_fetches_little_and_stands_still(browser: Browser) -> None:
    """In a browser, a page of each kind asks at most 14 times, no other host, for little, and stands still."""
    with bench.hosted(built.SITE) as home:
        seen = {name: bench.weigh(browser, home, page) for name, page in bench.PAGES.items()}
    for name, one in seen.items():
        assert one.elsewhere == 0, name
        assert one.requests <= REQUESTS, name
        assert one.shift < 0.001, name
        assert one.sent - one.graph <= (WITH_MATHS if one.maths else BARE), name
        assert one.graph < 45_000, name
    assert {one.maths for one in seen.values()} == {True, False}

"""What `make bench` measures, and the page that is made from it."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest
from _ext.pages import measurements as measured

from bench import compare, performance, recording
from bench.contestants import OURS

PAGE = Path(__file__).parents[2] / "docs/_build/html/reference/performance.html"
FOUND: dict[str, Any] = json.loads(performance.RESULTS.read_text("utf-8"))


@pytest.mark.slow
def test_contestants_take_turns(capsys: pytest.CaptureFixture[str]) -> None:
    """A single round of the smallest work, without peers, gives ratios for all that is ours, and says what it does."""
    found = compare.compare(["scalar"], [], rounds=1, budget=0)
    assert list(found["scalar"]) == list(OURS)
    assert found["scalar"]["chainrule"]["record"][1] > 0
    assert found["scalar"]["chainrule"]["bytes"] > 10_000
    assert capsys.readouterr().out.startswith("scalar: 1 rounds\n  floor ")


@pytest.mark.slow
def test_the_parts_of_a_measurement_run() -> None:
    """What grows, what is needed at most and where time goes are measured on small graphs too."""
    assert set(recording.growth("branching", "60")) == {"plain", "record", "trace", "print", "dictionaries", "MB"}
    assert recording.peak_of_step("plain", "scalar") >= 0
    shares = recording.profile("chainrule", "scalar", "0.2")
    assert 0.5 < sum(shares.values()) <= 1.0001


@pytest.mark.site
def test_the_page_shows_what_was_measured() -> None:
    """The page holds every goal with what was reached, and when it was measured."""
    page = html.unescape(PAGE.read_text("utf-8"))
    assert FOUND["date"] in page
    for name, (work, how, _) in measured.GOALS.items():
        assert name in page
        assert measured.number(FOUND["compare"][work][how]["record"][1]) in page

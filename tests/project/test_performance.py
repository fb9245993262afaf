"""What `make bench` measures, and the page that is made from it."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest
from _ext.pages import measurements as measured

from bench import compare, features, performance, recording
from bench.contestants import OURS, PEERS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/_build/html/reference/performance.html"
PINS = dict(
    line.split("==") for line in (ROOT / "bench/peers.txt").read_text("utf-8").splitlines() if line[:1].isalnum()
)


def test_the_results_are_whole() -> None:
    """The file holds each contestant's quartiles in order on each work, what grows at each length, and the setting."""
    found = json.loads(performance.RESULTS.read_text("utf-8"))
    assert list(found["compare"]) == list(performance.COMPARED)
    for work, tools in found["compare"].items():
        assert list(tools) == [*OURS, *PEERS]
        for tool in (*OURS, *PEERS):
            if tool == "plain":
                continue
            if "error" in tools[tool]:
                assert (work, tool) in {("mlp", "micrograd"), ("encoder", "micrograd")}
                continue
            first, median, last = tools[tool]["record"]
            assert 0 < first <= median <= last
    assert {graph: list(grown) for graph, grown in found["recording"]["growth"].items()} == {
        graph: [str(ops) for ops in recording.LENGTHS] for graph in recording.GRAPHS
    }
    assert {peer: found["versions"][peer] for peer in PEERS} == {peer: PINS[peer] for peer in PEERS}
    assert set(found["machine"]) == {"processor", "cores", "system"}


def test_every_feature_was_asked_of_every_tool() -> None:
    """Each cell of the table says yes, no or not tried, and how; only a feature that has no attempt was not tried."""
    cells = performance_cells()
    assert list(cells) == list(features.FEATURES)
    for feature, row in cells.items():
        assert list(row) == list(features.TOOLS)
        for tool, cell in row.items():
            assert cell["can"] in (True, False, None)
            assert cell["how"]
            attempt = getattr(features.TOOLS[tool], feature.replace(" ", "_"), None)
            assert (cell["how"] == "not tried") <= (cell["can"] is None)
            assert attempt or cell["can"] is None, (tool, feature)


def performance_cells() -> dict[str, dict[str, dict[str, object]]]:
    """Read the cells."""
    cells: dict[str, dict[str, dict[str, object]]] = measured.results()["features"]["cells"]
    return cells


@pytest.mark.parametrize("feature", [name for name in features.FEATURES if name not in features.ALONE])
def test_what_is_said_of_chainrule_still_holds(feature: str) -> None:
    """A feature of chainrule's, tried again now, is as the results say."""
    can, how = features.Chainrule().try_(feature)
    assert (can, how) == tuple(performance_cells()[feature]["chainrule"].values())


def test_contestants_take_turns(capsys: pytest.CaptureFixture[str]) -> None:
    """A single round of the smallest work, without peers, gives ratios for all that is ours, and says what it does."""
    found = compare.compare(["scalar"], [], rounds=1, budget=0)
    assert list(found["scalar"]) == list(OURS)
    assert found["scalar"]["chainrule"]["record"][1] > 0
    assert found["scalar"]["chainrule"]["bytes"] > 10_000
    assert capsys.readouterr().out.startswith("scalar: 1 rounds\n  floor ")


def test_the_parts_of_a_measurement_run() -> None:
    """What grows, what stays behind, what is needed at most and where time goes are measured on small graphs too."""
    assert set(recording.growth("branching", "60")) == {"plain", "record", "trace", "print", "dictionaries", "MB"}
    assert recording.peak_of_step("plain", "scalar") >= 0
    shares = recording.profile("chainrule", "scalar", "0.2")
    assert 0.5 < sum(shares.values()) <= 1.0001


@pytest.mark.parametrize("name", [name for name in measured.TABLES if name not in ("setting", "profile")])
def test_tables_have_a_cell_in_each_column(name: str) -> None:
    """Each row of a table on the page has as many cells as its heading."""
    lines = measured.TABLES[name](measured.results()).splitlines()
    assert len(lines) > 3
    assert len({line.count("|") for line in lines}) == 1


@pytest.mark.site
def test_the_page_shows_what_was_measured() -> None:
    """The page holds every goal with what was reached, every feature, and when it was measured."""
    page, found = html.unescape(PAGE.read_text("utf-8")).replace("’", "'"), measured.results()
    assert found["date"] in page
    for name, _, work, how in measured.GOALS:
        assert name in page
        assert measured.number(found["compare"][work][how]["record"][1]) in page
    assert all(words in page for words in features.FEATURES.values())

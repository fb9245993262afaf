"""The page's script: one classic script, joined from files that do not get in each other's way."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from pathlib import Path

import pytest

from chainrule.live.javascript import FOLDER, PARTS, PLAYGROUNDS, joined, minified, script, served, version

DECLARED = re.compile(r"^(?:export )?(?:const|let|function|class) (?:\[|\{)?(\w+)", re.MULTILINE)
EVERY = PARTS | PLAYGROUNDS
FILES = list(dict.fromkeys(name for part in EVERY.values() for name in part))
WHERE = {path.stem: path for path in FOLDER.glob("*/*.js")}
ROOMS = ["engine", "drawing", "panels", "playground"]
"""A file imports from its own room, and from those before it."""
LARGEST = {"graph": 16_000, "panels": 24_000, "ops": 7_000}
LARGEST |= {"code": 33_000, "xor": 10_500, "descent": 6_500, "practice": 8_500}
"""Bytes of each script with gzip. The first is what a page loads, the others what it fetches at rest, or waits for."""


def test_every_file_is_joined_once() -> None:
    """Each JavaScript file of the folder is part of a script."""
    assert sorted(FILES) == sorted(path.stem for path in FOLDER.rglob("*.js"))


def test_no_file_declares_a_name_of_another() -> None:
    """The files share one scope when joined, so each name at their top is declared once."""
    for files in ([file for part in PARTS.values() for file in part], *PLAYGROUNDS.values()):
        names = Counter(name for file in files for name in DECLARED.findall(WHERE[file].read_text("utf-8")))
        assert not [name for name, count in names.items() if count > 1]


def test_files_import_only_what_stands_before_them() -> None:
    """Data goes one way here too: a file imports from files that come before it."""
    for position, file in enumerate(FILES):
        wanted = re.findall(r"^import .*?from '(.+?)\.js'", WHERE[file].read_text("utf-8"), re.MULTILINE | re.DOTALL)
        assert {Path(path).name for path in wanted} <= set(FILES[:position]), file
        rooms = ROOMS[: ROOMS.index(WHERE[file].parent.name) + 1]
        assert {(WHERE[file].parent / path).resolve().parent.name for path in wanted} <= set(rooms), file


@pytest.mark.parametrize("part", EVERY)
def test_a_script_is_classic_and_stays_small(part: str) -> None:
    """It neither imports nor exports, ends no script element, and does not grow."""
    for text in (served(part), joined(part)):
        assert not re.search(r"^(import|export) ", text, re.MULTILINE)
        assert "</script" not in text.lower()
    assert len(gzip.compress(served(part).encode(), 9)) <= LARGEST[part]


@pytest.mark.parametrize("part", EVERY)
def test_a_script_is_minified_from_these_files(part: str) -> None:
    """What is served was made from the files as they are; if not, run `python -m tools.minify_js`."""
    assert version(part) in minified(part).read_text("utf-8")
    assert served(part) == minified(part).read_text("utf-8")
    assert len(served(part)) < 0.75 * len(joined(part))


def test_a_page_that_stands_alone_has_both() -> None:
    """Where nothing can be fetched, one script brings all."""
    assert script() == served("graph") + served("panels") + served("ops")


def test_a_changed_file_is_served_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the minified script was made from other files, the files themselves are served."""
    stale = tmp_path / "graph.min.js"
    stale.write_text(minified("graph").read_text("utf-8").replace(version(), "0" * 8), "utf-8")
    monkeypatch.setattr("chainrule.live.javascript.minified", lambda part: stale)
    assert served("graph") == joined("graph")

"""The page's script: one classic script, joined from files that do not get in each other's way."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from pathlib import Path

import pytest

from chainrule.script import FILES, FOLDER, MINIFIED, joined, script, version

DECLARED = re.compile(r"^(?:export )?(?:const|let|function|class) (?:\[|\{)?(\w+)", re.MULTILINE)
LARGEST = 21_100
"""Bytes of the script with gzip; it may shrink."""


def test_every_file_is_joined_once() -> None:
    """Each JavaScript file of the folder is part of the script."""
    assert sorted(FILES) == sorted(path.stem for path in FOLDER.glob("*.js"))


def test_no_file_declares_a_name_of_another() -> None:
    """The files share one scope when joined, so each name at their top is declared once."""
    names = Counter(name for file in FILES for name in DECLARED.findall((FOLDER / f"{file}.js").read_text("utf-8")))
    assert not [name for name, count in names.items() if count > 1]


def test_files_import_only_what_stands_before_them() -> None:
    """Data goes one way here too: a file imports from files that come before it."""
    for position, file in enumerate(FILES):
        text = (FOLDER / f"{file}.js").read_text("utf-8")
        assert set(re.findall(r"^import .*from '\./(\w+)\.js'", text, re.MULTILINE)) <= set(FILES[:position]), file


def test_the_script_is_classic_and_stays_small() -> None:
    """It neither imports nor exports, ends no script element, and does not grow."""
    for text in (script(), joined()):
        assert not re.search(r"^(import|export) ", text, re.MULTILINE)
        assert "</script" not in text.lower()
    assert len(gzip.compress(script().encode(), 9)) <= LARGEST


def test_the_script_is_minified_from_these_files() -> None:
    """What is served was made from the files as they are; if not, run `python -m tools.minify_js`."""
    assert f'"{version()}"' in MINIFIED.read_text("utf-8")
    assert script() == MINIFIED.read_text("utf-8")
    assert len(script()) < 0.75 * len(joined())


def test_a_changed_file_is_served_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the minified script was made from other files, the files themselves are served."""
    stale = tmp_path / "graph.min.js"
    stale.write_text(MINIFIED.read_text("utf-8").replace(version(), "0" * 8), "utf-8")
    monkeypatch.setattr("chainrule.script.MINIFIED", stale)
    assert script.__wrapped__() == joined()

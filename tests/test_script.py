"""The page's script: one classic script, joined from files that do not get in each other's way."""

from __future__ import annotations

import gzip
import re
from collections import Counter

from chainrule.script import FILES, FOLDER, script

DECLARED = re.compile(r"^(?:export )?(?:const|let|function|class) (?:\[|\{)?(\w+)", re.MULTILINE)
LARGEST = 25_000
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
    assert not re.search(r"^(import|export) ", script(), re.MULTILINE)
    assert "</script" not in script().lower()
    assert len(gzip.compress(script().encode(), 9)) <= LARGEST

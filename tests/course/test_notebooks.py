"""The notebooks that the course grows out of: all that they teach is in it, and none of what they get wrong."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest

from tests.support.course import ROOT
from tests.support.notebooks import CELLS, CODE_CELLS, WRONG, Cell, Wrong, close, misses


@cache
def text(page: str) -> str:
    """Give a page's text in one line, without the marks of its comments."""
    lines = (ROOT / page).read_text("utf-8").splitlines()
    return " ".join(" ".join(line.removeprefix("#").strip() for line in lines).split())


def name(row: Cell | Wrong) -> str:
    """Name a row of the table in a test's id."""
    return f"{row.notebook} {row.label}" if isinstance(row, Cell) else f"{'+'.join(row.notebooks)} {row.said}"


def test_no_cell_is_left_out() -> None:
    """Every cell of code in the five notebooks has a row, and every row says something."""
    found = {(cell.notebook, cell.label.partition(":")[0]) for cell in CELLS}
    coded = Counter(notebook for notebook, label in found if re.match(r"In \[|\d+$", label))
    assert coded == CODE_CELLS
    assert all(cell.words and (ROOT / cell.page).is_file() for cell in CELLS)
    assert all(bool(cell.printed) == (cell.program is not None) for cell in CELLS)


@pytest.mark.parametrize("row", [*CELLS, *WRONG], ids=name)
def test_it_stands_where_the_table_says(row: Cell | Wrong) -> None:
    """The page that a row names has the words that it names: the figure itself, or the line that teaches it."""
    assert row.words in text(row.page)


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.printed], ids=name)
def test_a_printed_figure_is_found_again(cell: Cell) -> None:
    """What a notebook printed comes out of its program today, to 1e-5 and to the decimals that were printed."""
    assert list(misses(cell)) == []


@pytest.mark.parametrize("row", WRONG, ids=name)
def test_a_wrong_figure_has_a_right_one(row: Wrong) -> None:
    """What is not so in a notebook is listed with its reason, and the right figure is computed."""
    assert row.why
    found = row.program()
    decimals = len(f"{row.right:.12f}".rstrip("0").partition(".")[2])
    assert close(row.right, found, decimals)
    assert abs(found - row.said) > 20 * abs(found - row.right)


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.printed], ids=name)
def test_another_figure_is_noticed(cell: Cell) -> None:
    """The comparison sees each figure that differs in its last decimal, or in its fifth digit where it has more."""
    for i, shown in enumerate(cell.printed):
        off = max(2 * 10.0**-cell.decimals, 5e-5 * abs(shown))
        changed = (*cell.printed[:i], shown + off, *cell.printed[i + 1 :])
        again = Cell(cell.notebook, cell.label, cell.page, cell.words, changed, cell.decimals, cell.program)
        assert list(misses(again))

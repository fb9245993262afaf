"""The page of causes: each cause of the table has its section, whose program is told that cause."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from chainrule.diagnosis.conditions import WORDS
from chainrule.diagnosis.report import Reason

PAGE = Path("docs/reference/causes.md").read_text("utf-8")
SECTIONS = re.findall(r"^\(cause-(\S+)\)=\n### `(.*?)`\n(.*?)(?=^\(cause|^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
CELL = re.compile(r"^```{code-cell} ipython3\n(?::tags:.*?\n\n)?(.*?)^```", re.MULTILINE | re.DOTALL)


def test_each_cause_has_a_section_that_its_reasons_lead_to() -> None:
    """The page has the causes of the table, each once, under the name that a reason links to, and with search words."""
    entries = [entry for name in ("zero", "bad", "huge", "odd") for entry in WORDS[name]]
    causes = {entry["cause"] for entry in entries if "cause" in entry} | {
        said[0] for said in WORDS["findings"].values()
    }
    assert sorted(cause for _, cause, _ in SECTIONS) == sorted(causes - {""})
    assert [label for label, *_ in SECTIONS] == [Reason(cause, (), "", "").section for _, cause, _ in SECTIONS]
    assert [cause for _, cause, text in SECTIONS if "*Also met as:*" not in text] == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("cause", "text"), [pytest.param(cause, text, id=cause) for _, cause, text in SECTIONS])
def test_the_program_of_a_section_is_told_its_cause(cause: str, text: str, tmp_path: Path) -> None:
    """What stands below a program, when the page is built, names the cause of the section."""
    (shared, *_), cells = CELL.findall(PAGE), CELL.findall(text)
    if not cells:
        assert cause == "compiled"  # which takes a compiler, and long
        return
    torch.manual_seed(0)
    names: dict[str, Any] = {}
    exec(shared, names)
    file = tmp_path / "cell.py"
    file.write_text(cells[0])
    *lines, last = ast.parse(cells[0]).body
    assert isinstance(last, ast.Expr)
    exec(compile(ast.Module(lines, []), file, "exec"), names)
    found = eval(compile(ast.Expression(last.value), file, "eval"), names)
    assert cause in [reason.cause for reason in (*found.reasons, *found.hints)]

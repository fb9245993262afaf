"""Growth: whatever is asked of a recording takes work in proportion to what was recorded, of every shape."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import chainrule
from tests.support.shapes import SHAPES

HERE = str(Path(chainrule.__file__).parent)
WAYS: dict[str, Callable[[chainrule.Recording], object]] = {
    "print": str,
    "table": lambda rec: str(rec.table(fold=False)),
    "why": lambda rec: str(rec.why()),
    "why w": lambda rec: str(rec.why("w")),
    "check": lambda rec: str(rec.check(w=rec.grad("w") * 3.3 + 1)),
    "derivation": lambda rec: str(rec.derivation("w")),
    "graph": lambda rec: rec.graph().page,
    "figure": lambda rec: rec.figure(),
    "save": lambda rec: rec.trace.to_dict(),
}


def work(ask: Callable[[chainrule.Recording], object], rec: chainrule.Recording) -> int:
    """Count the lines of the library's that run for an answer, once for each turn of a loop or a comprehension."""
    counted = 0

    def count(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal counted
        counted += event == "line"
        return count if frame.f_code.co_filename.startswith(HERE) else None

    rec.trace  # noqa: B018  # made when it is first asked for
    before = sys.gettrace()
    sys.settrace(count)
    try:
        ask(rec)
    finally:
        sys.settrace(before)
    return counted


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_work_grows_with_the_recording_and_no_faster(shape: str) -> None:
    """Asking anything of a recording four times as long takes some four times the work; its square would be sixteen."""
    growth = {name: work(ask, SHAPES[shape](1000)) / work(ask, SHAPES[shape](250)) for name, ask in WAYS.items()}
    assert {name: times for name, times in growth.items() if times > 5.5} == {}

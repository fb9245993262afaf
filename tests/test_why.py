"""Questions put to a recording: each broken program is told its cause and its line, and healthy ones are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import chainrule
from tests.broken import BROKEN, Broken


def record(broken: Broken, **how: object) -> chainrule.Recording:
    """Run a broken program under a recording."""
    torch.manual_seed(0)
    with chainrule.record(**how) as rec:  # type: ignore[arg-type]
        broken.run()
    return rec


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.run.__name__)
def test_each_cause_is_found_at_its_line(broken: Broken) -> None:
    """For each broken program the right cause is named, and the line that did it."""
    reason = record(broken).why(broken.leaf).reasons[0]
    assert (reason.cause, reason.line) == (broken.cause, broken.line), reason
    if reason.line is not None:
        assert reason.file == "tests/broken.py" or Path(reason.file or "").name == "broken.py"
        assert f"broken.py:{reason.line}" in reason.says

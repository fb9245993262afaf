"""The lessons and the chapters, each run once for all the tests that ask about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import chainrule
from tests.support.pages import Namespace, is_chapter, read
from tests.support.prose import Report, check
from tests.support.witness import Gradient, witnessed

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "examples").glob("*/[0-9]*.py"))
CHAPTERS = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in page.parts and is_chapter(page)]


@dataclass(frozen=True)
class Walk:
    """Hold what came of running a page once."""

    report: Report
    gradients: tuple[Gradient, ...]
    """What each recording says that a leaf got, beside what PyTorch added to its `.grad`."""
    recordings: tuple[chainrule.Recording, ...]


@cache
def walk(path: Path) -> Walk:
    """Run a page, check its numbers, and watch its gradients."""
    with witnessed() as seen:
        report = check(read(path), latex_of=_derivations)
    return Walk(report, tuple(seen.gradients), tuple(seen.recordings))


def name(path: Path) -> str:
    """Name a page in a test's id: its path from the root."""
    return path.relative_to(ROOT).as_posix()


def _derivations(namespace: Namespace) -> Iterator[str]:
    """Give the LaTeX of every derivation that the recordings in a namespace have to show."""
    for rec in list(namespace.values()):
        if not isinstance(rec, chainrule.Recording):
            continue
        for value in rec.trace.values:
            try:
                yield rec.derivation(value.name).latex
            except chainrule.ChainruleError:  # no gradient reached this value, so there is nothing to derive
                continue

"""Stop the build at a lesson or chapter that fails, and say where: no page is written with its numbers missing."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from textwrap import indent
from typing import Any, NoReturn

from myst_nb.core.execute.base import ExecutionError
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def stop(place: str, error: str, traceback: str, advice: str) -> NoReturn:
    """Say what failed and what to do, and end the build."""
    print(
        f"{place}: ERROR: {error}\n\n{indent(traceback.strip(), '    ')}\n\n"
        f"No page was written, since some would lack their numbers. {advice}",
        file=sys.__stderr__,
        flush=True,
    )
    sys.exit(2)


def stop_at_lesson(script: Path, root: Path, traceback: str) -> NoReturn:
    """Stop at a lesson; its line is the last one of the traceback that is in the script."""
    lines = re.findall(rf'File "{re.escape(str(script))}", line (\d+)', traceback)
    path = script.resolve().relative_to(root.resolve()).as_posix()
    stop(
        f"{path}:{lines[-1] if lines else 1}",
        traceback.strip().splitlines()[-1],
        traceback,
        f"Mend the lesson and run the same command again; `.venv/bin/python {path}` runs this one alone.",
    )


def line_in_chapter(text: str, cell: int, line: int) -> int:
    """Return where a line of the n-th code cell stands in a chapter."""
    lines = text.splitlines()
    fences = [number for number, content in enumerate(lines, 1) if re.match(r"(`{3,}|:{3,})\{code-cell\}", content)]
    start = fences[cell - 1]
    while start < len(lines) and lines[start].startswith(":"):  # the cell's options
        start += 1
    return start + line


def stop_at_chapter(app: Sphinx, exception: Exception | None) -> None:
    """Stop at a chapter, rather than with the report of a crash that Sphinx would make of it."""
    if not isinstance(exception, ExecutionError):
        return
    chapter, cause = Path(str(exception)), exception.__cause__
    traceback = COLOURS.sub("", str(getattr(cause, "traceback", cause)))
    place = chapter.resolve().relative_to(Path(app.confdir).resolve()).as_posix()
    if where := re.search(r"Cell In\s?\[(\d+)\], line (\d+)", traceback):
        place += f":{line_in_chapter(chapter.read_text('utf-8'), int(where[1]), int(where[2]))}"
    error = f"{getattr(cause, 'ename', type(cause).__name__)}: {getattr(cause, 'evalue', cause)}"
    stop(place, error, traceback, "Mend the chapter and run the same command again.")


def ask_for_words(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Warn of a page with a figure that nobody describes."""
    if 'role="img" aria-label=""' in context.get("body", ""):
        advice = 'add a title, or `figure.set_label("...")`'
        logger.warning("a figure says nothing to those who cannot see it; %s", advice, location=page)


def setup(app: Sphinx) -> dict[str, bool]:
    """Look at how the build ended before anybody else does."""
    app.connect("html-page-context", ask_for_words)
    app.connect("build-finished", stop_at_chapter, priority=1)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

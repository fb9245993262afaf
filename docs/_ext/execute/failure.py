"""Stop the build at a lesson or chapter that fails, and say where: no page is written with its numbers missing."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from textwrap import indent
from typing import Any, NoReturn, cast

from myst_nb.core.execute.base import ExecutionError
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from sphinx._cli.util import errors
from sphinx.application import Sphinx
from sphinx.util import logging

from tools.faults import in_our_words

logger = logging.getLogger(__name__)
TELL = errors.handle_exception
LONGEST = 500
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def stop(place: str, error: str, traceback: str, advice: str) -> NoReturn:
    """Say what failed and what to do, and end the build."""
    said = [error, *traceback.strip().splitlines()[-50:]]
    error, *lines = (line if len(line) <= LONGEST else f"{line[:LONGEST]} …" for line in said)
    shown = "\n".join(lines)
    print(
        f"{place}: ERROR: {error}\n\n{indent(shown, '    ')}\n\n"
        f"No page was written, since some would lack their numbers. {advice}",
        file=sys.__stderr__,
        flush=True,
    )
    sys.exit(2)


def stop_at_lesson(script: Path, root: Path, traceback: str) -> NoReturn:
    """Stop at a lesson; its line is the last one of the traceback that is in the script."""
    calls = list(re.finditer(rf'  File "[^"]*{re.escape(script.name)}", line (\d+)', traceback))
    path, error = script.resolve().relative_to(root.resolve()).as_posix(), traceback.strip().splitlines()[-1]
    stop(
        f"{path}:{calls[-1][1]}" if calls else path,
        error,
        f"Traceback (most recent call last):\n{traceback[calls[0].start() :]}" if calls else traceback,
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


def stop_at_chapter(root: Path, failed: ExecutionError) -> NoReturn:
    """Stop at a chapter; its line is where the cell that failed was, or where that cell begins."""
    chapter, cause = Path(str(failed)), failed.__cause__
    text, traceback = chapter.read_text("utf-8"), COLOURS.sub("", str(getattr(cause, "traceback", cause)))
    place = chapter.resolve().relative_to(root.resolve()).as_posix()
    if where := re.search(r"Cell In\s?\[(\d+)\], line (\d+)", traceback):
        place += f":{line_in_chapter(text, int(where[1]), int(where[2]))}"
    elif (cell := re.search(r"^-{5,}\n(.+?)\n(?:\.\.\.|-{5,})$", traceback, re.DOTALL | re.MULTILINE)) and cell[
        1
    ] in text:
        place += f":{text.count(chr(10), 0, text.index(cell[1])) + 1}"
    error = f"{getattr(cause, 'ename', type(cause).__name__)}: {getattr(cause, 'evalue', cause)}".splitlines()[0]
    advice = "Mend the chapter and run the same command again."
    if isinstance(cause, CellTimeoutError):
        advice += " If a cell has to take so long, raise `nb_execution_timeout` in conf.py."
    stop(place, error, traceback, advice)


def tell(app: Sphinx, exception: BaseException, /, **crash: Any) -> None:
    """Say what ended the build: Sphinx takes a chapter that fails, and a disk that is full, for faults of its own."""
    if isinstance(exception, DeadKernelError):  # which names no chapter
        dead, exception = exception, ExecutionError(app.env.doc2path(app.env.docname))
        exception.__cause__ = dead
    if isinstance(exception, ExecutionError):
        stop_at_chapter(Path(app.confdir), exception)
    said, reason = "", cast("BaseException | None", exception)
    while reason is not None:  # what the machine would not do may be at the bottom of it
        said = str(reason) if in_our_words(str(reason)) else said
        reason = getattr(reason, "orig_exc", None) or reason.__cause__ or reason.__context__
    if said:
        print(f"ERROR: {said}", file=sys.__stderr__, flush=True)
    else:
        TELL(exception, **crash)


def leave_mark(app: Sphinx, exception: Exception | None) -> None:
    """Leave what tells tools.build that all is over and went well; nothing else does, when a process just ends."""
    if exception is None and not app._warncount:
        Path(app.outdir, ".done").touch()


def ask_for_words(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Warn of a page with a figure that nobody describes."""
    if 'role="img" aria-label=""' in context.get("body", ""):
        advice = 'add a title, or `figure.set_label("...")`'
        logger.warning("a figure says nothing to those who cannot see it; %s", advice, location=page)

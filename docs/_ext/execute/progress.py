"""Say on stdout what takes long while building; Sphinx itself is asked to be quiet."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def say(text: str) -> None:
    """Print one line at once, also while the output of a lesson is being recorded."""
    print(text, file=sys.__stdout__, flush=True)


def counted(number: int, noun: str) -> str:
    """Return such as "1 page" or "4 pages"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


class ChapterListener(logging.Handler):
    """Hear from myst-nb when a chapter is executed, rather than taken from the cache."""

    def emit(self, record: logging.LogRecord) -> None:
        """Announce the chapter."""
        maker, _, path = record.name.partition("-")
        if maker == "sphinx.mystnb" and "Executing notebook using" in str(record.msg):
            say(f"executing chapter {Path(path).name}")


class Written:
    """Count the pages that a build writes."""

    def __init__(self) -> None:
        self.pages = 0

    def count(
        self, app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
    ) -> None:
        """Count a page that comes from a document."""
        if doctree is None:
            return
        if not self.pages:
            say("writing pages")
        self.pages += 1

    def tell(self, app: Sphinx, exception: Exception | None) -> None:
        """Say how many pages were written."""
        if exception is None:
            say(f"wrote {counted(self.pages, 'page')}" if self.pages else "nothing has changed: no page to write")


def reading(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Say how many pages are read."""
    if docnames:
        say(f"reading {counted(len(docnames), 'page')}")


def setup(app: Sphinx) -> dict[str, bool]:
    """Listen to the build."""
    logging.getLogger("sphinx").addHandler(ChapterListener())
    written = Written()
    app.connect("env-before-read-docs", reading)
    app.connect("html-page-context", written.count)
    app.connect("build-finished", written.tell)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

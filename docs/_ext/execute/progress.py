"""Say on stdout what takes long while building; Sphinx itself is asked to be quiet."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.environment import BuildEnvironment


def say(text: str) -> None:
    """Print one line at once, also while the output of a lesson is being recorded."""
    print(text, file=sys.__stdout__, flush=True)


class ChapterListener(logging.Handler):
    """Hear from myst-nb when a chapter is executed, rather than taken from the cache."""

    def emit(self, record: logging.LogRecord) -> None:
        """Announce the chapter."""
        maker, _, path = record.name.partition("-")
        if maker == "sphinx.mystnb" and "Executing notebook using" in str(record.msg):
            say(f"executing chapter {Path(path).name}")


def reading(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Say how many pages are read."""
    say(f"pages to read: {len(docnames)}")


def writing(app: Sphinx, builder: Builder) -> None:
    """Say that pages are written."""
    say("writing pages")

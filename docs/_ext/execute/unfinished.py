"""Read and write every page again after a build that failed or was interrupted.

Sphinx saves what it has read before it writes, and says each warning only when it reads: without this, the build
after a failed one would find nothing to do and call itself a success. Nothing is executed again because of it.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.config import Config
from sphinx.environment import BuildEnvironment


def mark_of(app: Sphinx) -> Path:
    """Return the file that exists while pages are read and written."""
    return Path(app.doctreedir) / "unfinished"


def forget(app: Sphinx, config: Config) -> None:
    """Forget what an unfinished build has read."""
    if mark_of(app).exists():
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)


def begin_reading(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Mark the build as under way once it reads a page."""
    if docnames:
        mark_of(app).touch()


def begin_writing(app: Sphinx, builder: Builder) -> None:
    """Mark it as well when it writes without reading."""
    mark_of(app).touch()


def end(app: Sphinx, exception: Exception | None) -> None:
    """Take the mark away when all went well, warnings included."""
    if exception is None and not app._warncount:
        mark_of(app).unlink(missing_ok=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Mark the build from its first page to its very end."""
    app.connect("config-inited", forget, priority=1)
    app.connect("env-before-read-docs", begin_reading)
    app.connect("write-started", begin_writing)
    app.connect("build-finished", end, priority=999)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

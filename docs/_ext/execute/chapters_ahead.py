"""Execute the chapters in a process of their own while the lessons run, when all have to be executed.

The lessons need one core; meanwhile the chapters use another. What they give goes into myst-nb's cache, where it is
found once they are read. One that fails leaves nothing there: it is executed again as it is read, and stops the build
with its line.
"""

from __future__ import annotations

import atexit
import logging
import pickle
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

PROGRAM = (
    "import sys; sys.path[0] = sys.argv[1]; from _ext.execute.chapters_ahead import execute; execute(sys.stdin.buffer)"
)
"""What the other process runs; nothing is to be imported from where the build was started, which is first in line."""


def chapters(app: Any) -> list[str]:
    """Return the files of all chapters, in order."""
    from myst_nb.core.read import is_myst_markdown_notebook
    from sphinx.util.matching import get_matching_files

    found = get_matching_files(app.srcdir, ["**.md"], app.config.exclude_patterns)
    paths = [str(Path(app.srcdir, name)) for name in sorted(found)]
    return [path for path in paths if is_myst_markdown_notebook(Path(path).read_text("utf-8"))]


class Ahead:
    """Hold the other process while there is one."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, app: Any) -> None:
        """Start it if nothing was executed yet with what the chapters rest on."""
        if app.builder.format != "html" or Path(app.config.nb_execution_cache_path).exists():
            return
        if not (paths := chapters(app)):
            return
        command = [sys.executable, "-c", PROGRAM, str(Path(__file__).parents[2])]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(self.process.terminate)  # should a lesson fail
        assert self.process.stdin is not None
        with self.process.stdin as pipe:
            pickle.dump((app.env.myst_config, app.env.mystnb_config, paths), pipe)

    def join(self, app: Any, env: Any, docnames: list[str]) -> None:
        """Wait for it before the chapters are read, and tell what it executes."""
        from _ext.execute.progress import say

        if self.process is not None:
            assert self.process.stdout is not None
            for line in self.process.stdout:
                say(line.decode().rstrip())
            self.process.wait()
            atexit.unregister(self.process.terminate)
            self.process = None


class Silent(logging.LoggerAdapter[logging.Logger]):
    """Take myst-nb's messages, which come with words of their own, and say nothing."""

    def log(self, level: int, msg: object, *args: object, **more: object) -> None:
        """Say nothing."""


def execute(job: IO[bytes]) -> None:
    """Execute chapters, one after another, and keep what they give."""
    from myst_nb.core.execute import ExecutionError, create_client
    from myst_nb.core.read import create_nb_reader

    from _ext.execute import forked_kernels

    myst_config, nb_config, paths = pickle.load(job)
    texts = [Path(path).read_text("utf-8") for path in paths]
    forked_kernels.start(texts)
    for path, text in zip(paths, texts, strict=True):
        reader = create_nb_reader(path, myst_config, nb_config, text)
        assert reader is not None
        print(f"executing chapter {Path(path).stem}", flush=True)
        # Sphinx will say what is wrong, when it comes to it.
        with (
            suppress(ExecutionError),
            create_client(reader.read(text), path, nb_config, Silent(logging.getLogger("ahead")), reader.read_fmt),
        ):
            pass


def setup(app: Any) -> dict[str, bool]:
    """Start between MyST, which makes its configuration, and sphinx-gallery, which runs the lessons: see conf.py."""
    ahead = Ahead()
    app.connect("builder-inited", ahead.start)
    app.connect("env-before-read-docs", ahead.join)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

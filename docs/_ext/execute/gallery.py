"""Run each lesson in a process of its own, so that nothing it does reaches the build or the next lesson.

The process is forked from the build's, which has imported PyTorch by then; it is killed, with all that it has started,
once it has answered. One that ends or crashes before it has, or takes too long, leaves the line where it was.
"""

from __future__ import annotations

import faulthandler
import functools
import gc
import importlib
import multiprocessing
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any, TypeAlias

from sphinx.application import Sphinx
from sphinx.util.logging import LogCollector, convert_serializable, getLogger
from sphinx_gallery import gen_rst

from _ext.execute import limits
from _ext.execute.failure import stop_at_lesson
from _ext.execute.progress import say
from _ext.pages import live_scripts

GENERATE = gen_rst.generate_file_rst
FORK = multiprocessing.get_context("fork")
Place: TypeAlias = tuple[str, str, str, dict[str, Any]]
"""How sphinx-gallery names a lesson: its file, the folder of its page, its own folder, and the gallery's settings."""

# sphinx-gallery looks up each attribute that a lesson mentions, and PyTorch remarks on `.grad` of what is no leaf.
warnings.filterwarnings("ignore", "The .grad attribute", UserWarning, "sphinx_gallery")


class LessonError(BaseException):
    """Carries the traceback of a lesson past everything that catches errors."""


def after_block(block: tuple[str, str, int], variables: dict[str, Any], conf: dict[str, Any]) -> str:
    """Stop if a block failed; sphinx-gallery calls this after each, for pictures, and gets none."""
    if os.getpid() != conf["process"]:  # the lesson has forked, and this is the copy
        os.kill(os.getpid(), signal.SIGKILL)
    if "formatted_exception" in variables:
        raise LessonError(variables["formatted_exception"])
    return ""


def short_output(write: Callable[..., str]) -> Callable[..., str]:
    """Return sphinx-gallery's way to write what a block shows, which stops when that is too long for a page."""

    def written(is_last: bool, names: dict[str, Any], *rest: Any) -> str:
        shown = write(is_last, names, *rest)
        if len(shown) > limits.SHOWN:
            error = f"RuntimeError: a block shows {len(shown):,} characters, and a page takes {limits.SHOWN:,}"
            raise LessonError(f"{error}; show less of it, or in a smaller way")
        return shown

    return written


@functools.cache
def preload() -> None:
    """Import what lessons need, once and not in each; on other systems than Linux, PyTorch may not be forked."""
    if sys.platform == "linux":
        os.environ["MPLBACKEND"] = "agg"  # matplotlib looks once, when it is imported
        torch = importlib.import_module("torch")
        importlib.import_module("matplotlib.pyplot")
        torch.optim.SGD([torch.zeros(1)])  # the first optimizer takes a second
        live_scripts.leave_script_out()
    gc.collect()
    gc.freeze()  # all that is there by now is no garbage, and forks share it as long as nobody touches it


def run_apart(app: Sphinx, *place: Any) -> Any:
    """Return what sphinx-gallery makes of a lesson, in a process of its own if it has to be executed."""
    name, target, folder, conf = place
    script, kept = Path(folder, name), Path(target, f"{name}.md5")
    if kept.is_file() and kept.read_text() == gen_rst.get_md5sum(script, mode="t"):
        return GENERATE(*place)
    folders = [Path(app.srcdir, part).resolve() for part in conf["examples_dirs"]]
    every = [path for part in folders for path in sorted(part.glob("*.py"))]
    say(f"executing lesson {every.index(script.resolve()) + 1} of {len(every)}: {name}")
    preload()
    ours, theirs = FORK.Pipe(duplex=False)
    with tempfile.TemporaryFile("w+") as where:
        process = FORK.Process(target=answer, args=(theirs, where, app.config.nb_execution_timeout, place))
        process.start()
        theirs.close()
        try:
            made, fault, logs = ours.recv()
        except EOFError:
            process.join()
            made, logs, fault = None, (), last_words(where, process.exitcode, app.config.nb_execution_timeout)
        finally:
            with suppress(ProcessLookupError):  # it leads a group: nothing that it started is left
                os.killpg(process.pid or 0, signal.SIGKILL)
            process.join()
    for record in logs:
        getLogger(__name__).handle(record)
    if fault:  # sphinx-gallery marks a lesson as done before its page is written
        kept.unlink(missing_ok=True)
    if isinstance(fault, Exception):
        raise fault
    if fault:
        stop_at_lesson(script, Path(app.confdir), fault)
    return made


def answer(parent: Connection, where: IO[str], limit: int, place: Place) -> None:
    """Make the page of a lesson in this process, and send it or what went wrong."""
    os.setsid()
    place[3]["process"], null = os.getpid(), os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # what a lesson starts and leaves behind may not hold the build's own
        os.dup2(null, stream)
    leave = limits.forbid_exit()
    gen_rst._LoggingTee.write = limits.limited(gen_rst._LoggingTee.write, f"{Path.cwd()}/")
    gen_rst._get_code_output = short_output(gen_rst._get_code_output)
    faulthandler.enable(where)
    faulthandler.dump_traceback_later(limit, exit=True, file=where)
    live_scripts.leave_script_out()
    made: Any = None
    fault: Exception | str = ""
    with (logs := LogCollector()).collect():
        try:
            made = GENERATE(*place)
        except Exception as error:
            fault = error
        except LessonError as error:
            fault = str(error)
        except BaseException:
            fault = traceback.format_exc()
    os._exit = leave
    convert_serializable(logs.logs)
    parent.send((made, fault, logs.logs))


def last_words(where: IO[str], code: int | None, limit: int) -> str:
    """Return the traceback that a process left which did not answer, the last call last, and why it ended."""
    where.seek(0)
    first, *calls = where.read().splitlines() or [""]
    why = first or f"the process of the lesson ended by itself, with exit code {code}"
    if first.startswith("Timeout"):
        why = (
            f"TimeoutError: the lesson ran longer than {limit} seconds. "
            "If it has to, raise `nb_execution_timeout` in conf.py"
        )
    return "\n".join([*reversed([line for line in calls if "File" in line]), why])

"""Execute the chapters while the lessons run, when all of both have to be: on two cores that is half the time.

Each chapter gets a fresh kernel, forked from a process that has imported PyTorch: a kernel that is started takes four
seconds, and most chapters compute for less than one. What they give goes into myst-nb's cache, where it is found once
they are read. A chapter that fails leaves nothing there: it is executed again as it is read, and stops the build.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import forkserver
from pathlib import Path
from types import ModuleType
from typing import Any

FORKS = multiprocessing.get_context("forkserver")
PRELOADED = ["ipykernel.ipkernel", "ipykernel.kernelapp", "matplotlib.pyplot", "torch"]
OURS = [str(folder) for folder in Path(__file__).parents[2:4]]
"""What conf.py puts into the path, and a kernel's profile where a kernel needs it."""
LAUNCHER = "ipykernel_launcher"


class Kernel(FORKS.Process):  # type: ignore[name-defined,misc]
    """A forked kernel, which jupyter_client takes for a Popen."""

    stdin = stdout = stderr = None

    def __init__(self, arguments: list[str], environment: Mapping[str, str], folder: str | None) -> None:
        super().__init__()
        self.arguments, self.environment, self.folder = arguments, dict(environment), folder

    def run(self) -> None:
        """Run the kernel, in a process group of its own, until the process that it came from is gone."""
        from ipykernel import kernelapp

        os.setsid()
        # or the server that it was forked from would live as long as it does, and it as long as that
        os.close(forkserver._forkserver._forkserver_alive_fd)  # type: ignore[attr-defined]
        sys.path[:] = [folder for folder in sys.path if folder not in OURS]
        sys.argv[:] = [str(Path(kernelapp.__file__).parents[1] / f"{LAUNCHER}.py"), *self.arguments]
        os.environ.clear()
        os.environ.update(self.environment)
        os.chdir(self.folder or ".")
        kernelapp.launch_new_instance(argv=[*self.arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])

    def poll(self) -> int | None:
        """Return the exit code, once there is one."""
        code: int | None = self.exitcode
        return code

    def wait(self) -> int | None:
        """Wait for the exit code."""
        self.join()
        return self.poll()

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)


def fork_kernels() -> None:
    """Fork the kernels that this process starts from now on."""
    from jupyter_client.provisioning import local_provisioner

    def launch(command: list[str], env: Mapping[str, str] | None = None, cwd: Any = None, **_: Any) -> Kernel:
        kernel = Kernel(command[command.index(LAUNCHER) + 1 :], env or os.environ, cwd and str(cwd))
        kernel.start()
        while os.getpgid(kernel.pid) != kernel.pid:  # until then a signal to its group would be one to ours
            time.sleep(0.01)
        return kernel

    sys.modules["__main__"] = ModuleType("__main__")  # or each kernel would import Sphinx's, which builds a site
    os.environ["MPLBACKEND"] = "agg"  # matplotlib looks once, when it is imported
    FORKS.set_forkserver_preload(PRELOADED)
    local_provisioner.launch_kernel = launch  # type: ignore[assignment,attr-defined]


def execute(app: Any, chapters: list[Path]) -> None:
    """Execute chapters, one after another, and keep what they give."""
    from myst_nb.core.execute import create_client
    from myst_nb.core.read import create_nb_reader
    from sphinx.util.logging import getLogger

    fork_kernels()
    for chapter in chapters:
        text, logger = chapter.read_text("utf-8"), getLogger(f"mystnb-{chapter.stem}")
        reader = create_nb_reader(str(chapter), app.env.myst_config, app.env.mystnb_config, text)
        assert reader is not None
        notebook = reader.read(text)
        with suppress(Exception):  # Sphinx will say what is wrong, when it comes to it
            create_client(notebook, str(chapter), app.env.mystnb_config, logger, reader.read_fmt).__enter__()


def start(app: Any) -> None:
    """Execute all chapters in a process of their own if none is in the cache; wait for it before pages are read."""
    from myst_nb.core.read import is_myst_markdown_notebook
    from sphinx.util.matching import get_matching_files

    if app.builder.format != "html" or sys.platform != "linux" or Path(app.config.nb_execution_cache_path).exists():
        return  # on other systems PyTorch may not be forked
    pages = [
        Path(app.srcdir, name)
        for name in sorted(get_matching_files(app.srcdir, ["**.md"], app.config.exclude_patterns))
    ]
    chapters = [page for page in pages if is_myst_markdown_notebook(page.read_text("utf-8"))]
    process = multiprocessing.get_context("fork").Process(target=execute, args=(app, chapters))
    process.start()
    atexit.register(process.kill)  # should a lesson fail; its kernels end with it
    app.connect("env-before-read-docs", lambda *_: process.join())

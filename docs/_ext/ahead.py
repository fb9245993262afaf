"""Execute the chapters in a process of their own while the lessons run, when all have to be executed.

A kernel imports PyTorch, which takes longer than a chapter's cells do. So each chapter's is forked, on Linux, from a
process that has imported it and has done nothing else. What chapters give goes into myst-nb's cache, where it is found
once they are read. One that fails leaves nothing there: it is executed again as it is read, and stops the build with
its line.

Run as a program, this file is that other process.
"""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import os
import pickle
import runpy
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import IO, Any, cast

from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

IMPORTED = ["chainrule.plots", "ipykernel.kernelapp", "matplotlib.pyplot", "torch._dynamo"]
"""What a kernel that is forked need not import; an optimizer of PyTorch's asks for the last."""


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
        self.process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(self.process.terminate)  # should a lesson fail
        assert self.process.stdin is not None
        with self.process.stdin as pipe:
            pickle.dump((app.env.myst_config, app.env.mystnb_config, paths), pipe)

    def join(self, app: Any, env: Any, docnames: list[str]) -> None:
        """Wait for it before the chapters are read, and tell what it executes."""
        from .progress import say

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


def run_kernel(command: list[str], cwd: str, env: dict[str, str]) -> None:
    """Be the kernel that `command` starts, which is `python -m` with a module and what it is told."""
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    module = command[2]
    sys.argv = [*command[2:], f"--IPKernelApp.parent_handle={os.getppid()}"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


class Fork:
    """Start a process by forking, and give it the face of `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, *arguments: Any) -> None:
        self.process = multiprocessing.get_context("forkserver").Process(target=run_kernel, args=arguments)
        self.process.start()
        self.pid = self.process.pid
        self.kill, self.terminate = self.process.kill, self.process.terminate

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self.process.exitcode

    def wait(self) -> int | None:
        """Wait for the exit code."""
        self.process.join()
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        assert self.pid
        os.kill(self.pid, number)


class Forking(LocalProvisioner):
    """Start kernels as forks."""

    async def launch_kernel(self, cmd: list[str], **given: Any) -> Any:
        """Start one, and return how it is reached."""
        fork = Fork(cmd, given["cwd"], given["env"])
        self.process, self.pid = cast("Any", fork), fork.pid
        return self.connection_info


def execute(job: IO[bytes]) -> None:
    """Execute chapters, one after another, and keep what they give."""
    from myst_nb.core.execute import ExecutionError, create_client
    from myst_nb.core.read import create_nb_reader

    if sys.platform == "linux":
        multiprocessing.set_forkserver_preload(IMPORTED)
        local = "local-provisioner"
        factory = KernelProvisionerFactory.instance()
        factory.provisioners[local] = EntryPoint(local, "__main__:Forking", factory.GROUP_NAME)
    myst_config, nb_config, paths = pickle.load(job)
    for path in paths:
        text = Path(path).read_text("utf-8")
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


if __name__ == "__main__":
    del sys.path[0]  # the folder of this file: what is imported is what is installed
    execute(sys.stdin.buffer)

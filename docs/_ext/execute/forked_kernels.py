"""Fork each kernel from one process that has imported PyTorch, where a kernel of its own would import it anew.

A kernel takes four seconds to start, and most chapters compute for less than one. A fork is as fresh: much was
imported, and nothing was run.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Sequence
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

KERNEL = ["ipykernel.ipkernel", "ipykernel.kernelapp"]
HEAVY = {"matplotlib": "matplotlib.pyplot", "numpy": "numpy", "torch": "torch"}
"""What takes long to import, by the word that is found where it is used."""
HERE = str(Path(__file__).parents[2])
LAUNCHER = "ipykernel_launcher"


class Forked:
    """Be to jupyter_client what a Popen is."""

    stdin = stdout = stderr = None

    def __init__(self, process: BaseProcess) -> None:
        """Hold a process."""
        self.process, self.pid = process, process.pid or 0

    def poll(self) -> int | None:
        """Give the exit code, once there is one."""
        return self.process.exitcode

    def wait(self) -> int | None:
        """Wait for the exit code."""
        self.process.join()
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Stop it at once."""
        self.process.kill()

    def terminate(self) -> None:
        """Ask it to stop."""
        self.process.terminate()


def kernel(ready: Connection, arguments: list[str], environment: dict[str, str], folder: str | None) -> None:
    """Be a kernel, in a process group of its own, until the process that it came from is gone."""
    from ipykernel import kernelapp

    os.setsid()
    ready.close()
    sys.path.remove(HERE)  # a kernel's profile adds it
    sys.argv[:] = [str(Path(kernelapp.__file__).parents[1] / f"{LAUNCHER}.py"), *arguments]
    os.environ.clear()
    os.environ.update(environment)
    if folder:
        os.chdir(folder)
    kernelapp.launch_new_instance(argv=[*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])


def launch(ordinary: Any, command: list[str], env: dict[str, str] | None = None, cwd: Any = None, **rest: Any) -> Any:
    """Fork a kernel; a command that is no IPython kernel's is run as it ordinarily is."""
    if LAUNCHER not in command:
        return ordinary(command, env=env, cwd=cwd, **rest)
    forks = multiprocessing.get_context("forkserver")
    waits, ready = forks.Pipe(duplex=False)
    arguments = command[command.index(LAUNCHER) + 1 :]
    folder = None if cwd is None else str(cwd)
    process = forks.Process(target=kernel, args=(ready, arguments, dict(env or os.environ), folder))
    process.start()
    ready.close()
    waits.poll(60)  # until then a signal to its group would be one to ours
    waits.close()
    return Forked(process)


def start(texts: Sequence[str]) -> None:
    """Fork the kernels of some chapters from now on, where that is safe: PyTorch may not be forked on every system."""
    from jupyter_client import launcher
    from jupyter_client.provisioning import local_provisioner

    if sys.platform == "linux":
        used = [module for word, module in HEAVY.items() if any(word in text for text in texts)]
        os.environ["MPLBACKEND"] = "agg"  # matplotlib looks once, when it is imported
        multiprocessing.get_context("forkserver").set_forkserver_preload([*KERNEL, *used])
        local_provisioner.launch_kernel = partial(launch, launcher.launch_kernel)  # type: ignore[attr-defined]

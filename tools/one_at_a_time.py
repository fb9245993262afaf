"""Lets one run after the other through what two cannot do at once."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def one_at_a_time(doing: str) -> Iterator[None]:
    """Hold the project's lock; when another run holds it, say so and wait.

    The system lets the lock go with the process, however that ends, so nobody has to clean up. A child
    started with `close_fds=False` holds it too, and keeps others out should it outlive this process.
    """
    with Path(".make.lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another make is at work in this folder; waiting for it before {doing}", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield

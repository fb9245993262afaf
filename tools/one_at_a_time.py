"""Lets one run after the other through what two cannot do at once."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no make, so nobody gets here by the front door
    fcntl = None  # type: ignore[assignment]

LOCK = Path(".make.lock")


@contextlib.contextmanager
def one_at_a_time(doing: str) -> Iterator[None]:
    """Hold the project's lock; when another run holds it, say so and wait.

    The system lets the lock go with the process, however that ends, so nobody has to clean up. A child
    started with `close_fds=False` holds it too, and keeps others out should it outlive this process.
    """
    with LOCK.open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        if fcntl:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"another make is at work in this folder; waiting for it before {doing}", flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield

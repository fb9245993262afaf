"""Keep code on its page: it may neither end Python nor print without end. Both are errors, at the line that does it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

SHOWN = 1_000_000
"""How many characters of HTML and text one block of a lesson may show; the longest of ours shows a fifth."""
LONGEST = 100_000
"""How many characters one lesson or chapter may print; fifty times what the longest of ours prints."""


def limited(write: Callable[..., Any], folder: str = "") -> Callable[..., Any]:
    """Return a stream's way to write that stops when too much has been written, and leaves a folder's name out."""
    printed = 0

    def counted(*arguments: Any) -> Any:
        nonlocal printed
        *before, text = arguments
        printed += len(text)
        if printed > LONGEST:
            raise RuntimeError(f"this page prints more than {LONGEST:,} characters, and nobody reads so many")
        return write(*before, text.replace(folder, "") if folder else text)

    return counted


def forbidden(leave: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a way to end Python that is an error in this process; its threads, and those it forks, may end."""
    own = os.getpid()

    def refused(*status: Any) -> None:
        if os.getpid() != own or threading.current_thread() is not threading.main_thread():
            leave(*status)
        raise RuntimeError(f"{name} would end Python, which has other pages to make; let this code run to its end")

    return refused


def forbid_exit() -> Any:
    """Keep code in this process from ending it; return what does end it."""
    leave = os._exit
    os._exit, sys.exit = forbidden(os._exit, "os._exit"), forbidden(sys.exit, "sys.exit")
    return leave

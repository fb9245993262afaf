"""A terminal of any width, as Python sees one."""

from __future__ import annotations

import io
from unittest import mock


class Terminal(io.StringIO):
    """Take what is printed, and say that somebody sits there."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


def printed(thing: object, width: int = 100_000) -> str:
    """Write a thing as it is printed in a terminal with so many columns."""
    with mock.patch("sys.stdout", Terminal()), mock.patch.dict("os.environ", COLUMNS=str(width)):
        return str(thing)

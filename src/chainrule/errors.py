"""The errors that chainrule raises itself; PyTorch's own keep their type and text."""

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager


class ChainruleError(Exception):
    """Say what chainrule saw, why that stops it, and the smallest fix."""


class MissingError(ChainruleError, ImportError):
    """Raised when matplotlib is missing, which only figures and plots need."""


@contextmanager
def needs_matplotlib() -> Iterator[None]:
    """Name the extra that brings matplotlib, if an import inside the block fails for want of it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        fix = 'Install it with `pip install "chainrule[lessons]"`.'
        raise MissingError(f"matplotlib is not installed, and figures and plots need it. {fix}") from error


class TraceError(ChainruleError):
    """Raised when a recording is asked for something that it does not hold."""


class FileError(ChainruleError):
    """Raised when a file cannot be read as a recording, or written as one."""


class AnswerError(ChainruleError):
    """Raised when an answer or a function to be checked cannot be compared with a gradient."""


def one_of(argument: str, given: object, *choices: object) -> None:
    """Raise `ChainruleError` unless what was given for an argument is something that it can be."""
    if not isinstance(given, (str, int)) or given not in choices:
        there = " or ".join(map(repr, choices))
        raise ChainruleError(f"{argument}={reprlib.repr(given)} means nothing here. It can be {there}.")


def is_name(argument: str, given: object, example: str) -> None:
    """Raise `TraceError` unless what was given for an argument can be a name."""
    if not isinstance(given, str):
        raise TraceError(
            f"{argument}={reprlib.repr(given)} is no name. Give one as text, such as {argument}={example!r}."
        )

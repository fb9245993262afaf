"""Files read and written whole, or not at all, with what to do when that fails."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from chainrule.errors import FileError


def path_of(file: str | os.PathLike[str]) -> Path:
    """Return a file's path; raise `FileError` for what is none."""
    try:
        return Path(file)
    except TypeError as error:
        raise FileError(f'{file!r} is no path of a file. Give one as text, such as "rec.json".') from error


def write_whole(path: Path, text: str) -> None:
    """Write a file by way of a new one beside it, which then takes its place."""
    try:
        target = Path(os.path.realpath(path))  # a link stays one
        part = target.with_name(f".{secrets.token_hex(8)}.part")
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        fix = "Give a name in a folder that exists, that you may write to, and that has room."
        raise FileError(f"`{path}` could not be written ({_says(error)}), and nothing was left. {fix}") from error


def read_whole(path: Path) -> bytes:
    """Return what a file holds; raise `FileError` if it cannot be read."""
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        fix = "Give a file that `rec.save(...)` wrote."
        raise FileError(f"`{path}` could not be read ({_says(error)}). {fix}") from error


def _says(error: Exception) -> object:
    return error.strerror if isinstance(error, OSError) else error

"""Files read and written whole, or not at all, with what to do when that fails."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path

from chainrule.errors import FileError

FIXES = {
    errno.ENOENT: "Give a folder that exists.",
    **dict.fromkeys((errno.EACCES, errno.EPERM), "Give a file and a folder that you may write to."),
    errno.EROFS: "Give a folder that you may write to.",
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "Make room, or give a folder on another disk."),
    errno.ENAMETOOLONG: "Give a shorter name.",
}
"""What to do about an error of the operating system while a file is written."""


def path_of(file: str | os.PathLike[str]) -> Path:
    """Return a file's path; raise `FileError` for what is none."""
    path = os.fspath(file) if isinstance(file, os.PathLike) else file
    if not isinstance(path, str):
        raise FileError(f'{file!r} is no path of a file. Give one as text, such as "rec.json".')
    return Path(path)


def write_whole(path: Path, text: str) -> None:
    """Write a file by way of a new one beside it that nobody else knows, which then takes its place."""
    try:
        target = Path(os.path.realpath(path))
        mode = target.stat().st_mode if os.path.lexists(target) else None
        if mode is not None and not stat.S_ISREG(mode):
            raise FileError(f"`{path}` is a folder or a device, so nothing was written. Give another name.")
        if mode is not None and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        part = target.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with part.open("x", encoding="utf-8") as out:  # with the permissions that new files have
                out.write(text)
            if mode is not None:
                part.chmod(stat.S_IMODE(mode))
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        number, says = (error.errno or 0, error.strerror) if isinstance(error, OSError) else (0, error)
        fix = FIXES.get(number, "Give another name or folder.")
        raise FileError(f"`{path}` could not be written ({says}), and nothing was left behind. {fix}") from error


def read_whole(path: Path) -> bytes:
    """Return what a file holds; raise `FileError` if it cannot be read, or never ends."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise FileError(f"`{path}` is a folder or a device. Give a file that `rec.save(...)` wrote.")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        says = error.strerror if isinstance(error, OSError) else error
        raise FileError(f"`{path}` could not be read ({says}). Give a file that `rec.save(...)` wrote.") from error

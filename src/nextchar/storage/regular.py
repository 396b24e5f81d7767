"""The policy for files that may come from a stranger: regular files only, and no links for writing.

A run directory may hold a link to a file elsewhere, a pipe that blocks for ever, or a device
without end. Every file of a run is therefore opened here.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path

from nextchar.errors import RunError

_PERMISSIONS = 0o666  # of a new file, before the umask


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading; a pipe or a device is refused without waiting for it.

    Raises
    ------
    OSError
        The file cannot be opened, or it is not a regular file.
    """
    return open(open_descriptor(path, os.O_RDONLY), "rb")


def read_regular(path: Path, limit: int | None = None) -> bytes:
    """Return the content of a regular file.

    Parameters
    ----------
    path
        The file.
    limit
        The maximum size in bytes, verified before reading.

    Raises
    ------
    OSError
        The file cannot be read, is not a regular file, or is larger than the limit.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if limit is not None and size > limit:
            reason = f"it has {size:,} bytes, and at most {limit:,} are allowed"
            raise OSError(errno.EFBIG, reason, str(path))
        return file.read(size)  # no more, if the file grows meanwhile


def refuse_links(folder: Path, entries: Iterable[Path]) -> None:
    """Raise ``RunError`` if an entry of a folder, or a folder on the way to it, is a link.

    Parameters
    ----------
    folder
        The folder, which may itself be reached through a link.
    entries
        Paths of files and folders, relative to ``folder``; they may be missing.
    """
    for entry in entries:
        for place in reversed([entry, *entry.parents][:-1]):
            if (folder / place).is_symlink():
                raise RunError(
                    f"{folder / place} is a link, and nothing is written through links: put a "
                    "regular file or folder in its place"
                )


def open_descriptor(path: Path, flags: int) -> int:
    """Open a regular file, and return its descriptor; errors are those of ``open_regular``."""
    # Without O_NONBLOCK, opening a pipe would wait for the other end.
    descriptor = os.open(path, flags | os.O_NONBLOCK, _PERMISSIONS)
    try:
        _require_regular(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require_regular(descriptor: int, path: Path) -> None:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))

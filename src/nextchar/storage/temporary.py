"""Temporary files and folders of this program: names, locks, and removal of dead ones.

A process locks each of its temporary entries, and the kernel releases the lock when the process
ends. A temporary entry without a lock is therefore a leftover, which the next writer removes. Only
names with the mark of this program are considered.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import stat
from pathlib import Path

_MARK = ".nextchar.tmp"
_LONGEST_NAME = 255  # bytes, as in Linux
_RANDOM_BYTES = 4


def file_beside(path: Path) -> Path:
    """Return an unused hidden name for a temporary file next to ``path``."""
    return path.with_name(f".{_short(path.name)}.{secrets.token_hex(_RANDOM_BYTES)}{_MARK}")


def folder_beside(path: Path) -> Path:
    """Return the hidden name for the temporary folder of ``path``, which reserves ``path``."""
    return path.with_name(f".{_short(path.name)}{_MARK}")


def lock(path: Path) -> int | None:
    """Lock a temporary entry that this process has just created.

    Returns
    -------
    int or None
        The descriptor that holds the lock until it is closed; ``None`` if another process took the
        entry for a leftover and removed it.

    Raises
    ------
    OSError
        The entry cannot be opened, or its file system has no locks.
    """
    return _locked(path, fcntl.LOCK_EX)


def _locked(path: Path, operation: int) -> int | None:
    """Lock an entry and return the descriptor; ``None`` if it is locked, or no longer there."""
    descriptor = -1
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        fcntl.flock(descriptor, operation)
        if os.path.samestat(os.fstat(descriptor), path.lstat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        if descriptor >= 0:
            os.close(descriptor)
        raise
    if descriptor >= 0:
        os.close(descriptor)
    return None


def remove_dead(folder: Path) -> None:
    """Remove the temporary entries of ended processes from a folder; other entries are kept.

    A folder that cannot be read, or an entry that cannot be removed, is left as it is.
    """
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            if entry.name.startswith(".") and entry.name.endswith(_MARK):
                with contextlib.suppress(OSError):
                    _remove_if_dead(entry)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary entries of ended processes from a folder and its subfolders.

    Links are not followed.
    """
    for place, _folders, _files in os.walk(folder):
        remove_dead(Path(place))


def _remove_if_dead(path: Path) -> None:
    kind = path.lstat().st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        return
    descriptor = _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if descriptor is None:
        return
    try:
        if stat.S_ISDIR(kind):
            shutil.rmtree(path)
        else:
            path.unlink()
    finally:
        os.close(descriptor)


def _short(name: str) -> str:
    """Return a name, or a digest of it, that leaves room for the rest of a temporary name."""
    room = _LONGEST_NAME - len(_MARK) - 2 * _RANDOM_BYTES - 2
    data = os.fsencode(name)
    return name if len(data) <= room else hashlib.sha256(data).hexdigest()

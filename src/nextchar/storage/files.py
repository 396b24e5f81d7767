"""Atomic files: write a temporary file, flush it, verify it, rename it, flush the folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from nextchar.errors import StorageError
from nextchar.storage.regular import open_descriptor, open_regular
from nextchar.storage.temporary import file_beside, remove_dead


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Convert an ``OSError`` in the block to a ``StorageError`` that names the path."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"cannot write {path}: {reason}") from error


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing; it replaces ``path`` only if the block succeeds.

    Temporary files of killed processes in the same folder are removed.

    Raises
    ------
    StorageError
        The file cannot be written; an existing file at ``path`` is unchanged.
    """
    remove_dead(path.parent)
    with storage_errors(path):
        file, temporary = _new_file(path)
    try:
        with storage_errors(path):
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                # While the file is open, its lock tells other processes that it is in use.
                temporary.replace(path)
            flush_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically, and verify it before it replaces an existing one."""
    with atomic_file(path) as file:
        file.write(data)
        file.flush()
        if Path(file.name).read_bytes() != data:
            raise StorageError(f"cannot write {path}: it reads back differently")


@contextlib.contextmanager
def appending(path: Path) -> Iterator[IO[bytes]]:
    """Open a regular file for appending, and create it if it is missing.

    A file that shares its content with another name (a hard link) is copied first, so that the
    other name keeps its content.

    Raises
    ------
    StorageError
        The file cannot be written, or it is a link or not a regular file.
    """
    with storage_errors(path):
        file = _opened_for_appending(path)
        if os.fstat(file.fileno()).st_nlink > 1:
            file.close()
            with open_regular(path) as shared, atomic_file(path) as own:
                shutil.copyfileobj(shared, own)
            file = _opened_for_appending(path)
        with file:
            yield file


def flush_folder(folder: Path) -> None:
    """Flush the entries of a folder to disk; a rename then survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new_file(path: Path) -> tuple[IO[bytes], Path]:
    """Return a new, locked temporary file next to ``path``, and its path."""
    while True:
        temporary = file_beside(path)
        file = temporary.open("xb")
        with contextlib.suppress(OSError):  # A file system without locks keeps leftovers.
            fcntl.flock(file, fcntl.LOCK_EX)
        if temporary.exists():
            return file, temporary
        file.close()  # Another process took it for a leftover before it was locked.


def _opened_for_appending(path: Path) -> IO[bytes]:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    return open(open_descriptor(path, flags), "ab")  # noqa: PTH123  (a descriptor)

"""Atomic writes: write to a temporary file, flush it to disk, verify, rename, flush the folder.

All files are written this way, except ``metrics.jsonl``, which is appended to. This module imports
only the errors of nextchar.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from nextchar.errors import InputError, StorageError


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

    Raises
    ------
    StorageError
        The file cannot be written; an existing file at ``path`` is unchanged.
    """
    temporary = _beside(path)
    try:
        with storage_errors(path):
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            flush_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Create a folder that appears at ``path`` only if the block succeeds.

    The block receives the path of a temporary folder next to ``path``, which must not exist or be
    an empty folder.
    """
    with storage_errors(path):
        made = [parent for parent in path.parents if not parent.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _beside(path)
        temporary.mkdir()
    try:
        yield temporary
        with storage_errors(path):
            flush_folder(temporary)
            temporary.replace(path)
            flush_folder(path.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        with contextlib.suppress(OSError):
            for parent in made:
                parent.rmdir()
        raise


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder during the block; the kernel releases it if the process dies.

    The lock is not reentrant: a nested block waits forever.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files of killed processes from a folder and its subfolders.

    No other process may write to the folder.
    """
    for leftover in folder.rglob(".*.tmp"):
        leftover.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """Return an unused hidden name next to ``path``; ``remove_leftovers`` recognises it."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def flush_folder(folder: Path) -> None:
    """Flush the entries of a folder to disk; a rename then survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically, and verify it before it replaces an existing one."""
    with atomic_file(path) as file:
        file.write(data)
        file.flush()
        if Path(file.name).read_bytes() != data:
            raise StorageError(f"cannot write {path}: it reads back differently")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write an object as indented JSON, atomically."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())


def read_json(path: Path, error: type[InputError]) -> dict[str, Any]:
    """Return the object in a JSON file; raise ``error`` if the file is invalid."""
    try:
        value = json.loads(path.read_bytes().decode("utf-8"))
    except OSError as problem:
        raise error(f"cannot read {path}: {problem.strerror}") from problem
    except (ValueError, RecursionError) as problem:
        raise error(f"{path} is damaged: it is not JSON ({problem})") from problem
    if not isinstance(value, dict):
        raise error(f"{path} is damaged: it must be a JSON object, got {type(value).__name__}")
    return value

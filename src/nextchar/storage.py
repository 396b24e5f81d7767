"""Files that are whole or not there: write beside, flush to disk, verify, rename, flush the folder.

Every file that nextchar keeps is written so, but for ``metrics.jsonl``, which grows.
This file imports nothing of nextchar but its errors.
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
    """Turn an ``OSError`` of the block into a ``StorageError`` that names the path."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"cannot write {path}: {reason}") from error


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that appears at ``path`` only when the block ends well.

    Raises
    ------
    StorageError
        The file cannot be written; what stood at ``path`` before still stands.
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
    """Make a folder that appears at ``path`` only when the block ends well.

    The block gets the folder's temporary place, beside ``path``; ``path`` must not exist yet, or
    be an empty folder.
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
    """Hold a folder's lock for the block, waiting for it; the kernel frees that of a dead process.

    Entering it again in the block waits forever.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left unfinished in a folder and those below it.

    Only for a folder into which nobody else writes.
    """
    for leftover in folder.rglob(".*.tmp"):
        leftover.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """Give a free name beside ``path``, hidden, that ``remove_leftovers`` knows."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def flush_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole, reading it back before it takes its place."""
    with atomic_file(path) as file:
        file.write(data)
        file.flush()
        if Path(file.name).read_bytes() != data:
            raise StorageError(f"cannot write {path}: it reads back differently")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write an object as indented JSON, whole."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())


def read_json(path: Path, error: type[InputError]) -> dict[str, Any]:
    """Read an object from a JSON file; anything else there raises ``error``."""
    try:
        value = json.loads(path.read_bytes().decode("utf-8"))
    except OSError as problem:
        raise error(f"cannot read {path}: {problem.strerror}") from problem
    except (ValueError, RecursionError) as problem:
        raise error(f"{path} is damaged: it is not JSON ({problem})") from problem
    if not isinstance(value, dict):
        raise error(f"{path} is damaged: it must hold an object, got {type(value).__name__}")
    return value

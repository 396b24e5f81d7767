"""Atomic folders: fill a temporary folder, flush it, rename it, flush the parents.

The name of the temporary folder depends only on that of the final one, so that creating it reserves
the place: of two processes that create the same folder, the second one is refused before its work.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from nextchar.errors import RunError, as_option, in_terms
from nextchar.storage.files import flush_folder, storage_errors
from nextchar.storage.temporary import folder_beside, lock, remove_dead

_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


def is_in_the_way(folder: Path) -> bool:
    """Return whether the place for a new folder is taken: by a file, or by a folder with content.

    Raises
    ------
    RunError
        It is the current folder, or a link that leads nowhere.
    StorageError
        It cannot be read.
    """
    with storage_errors(folder):
        exists = folder.exists()
        in_the_way = exists and (not folder.is_dir() or any(folder.iterdir()))
        is_current = exists and folder.samefile(Path.cwd())
    if is_current:
        raise RunError(
            f"{as_option('out', str(folder))} is the current folder: name a folder to make in it"
        )
    if folder.is_symlink() and not exists:
        raise RunError(
            f"{folder} is a link to {folder.readlink()}, which does not exist: make that folder, "
            f"or choose another {as_option('out')}"
        )
    return in_the_way


def in_the_way_error(folder: Path) -> RunError:
    """Return the error for an existing folder, which is never overwritten."""
    return RunError(
        f"{folder} exists already and is not overwritten: choose another {as_option('out')}, or "
        f"{in_terms('resume it', f'continue with --resume {folder}')}"
    )


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Create a folder that appears at ``path`` only if the block succeeds.

    The block receives the path of a temporary folder next to ``path``. Temporary folders of killed
    processes next to it are removed.

    Parameters
    ----------
    path
        The folder: missing, empty, or a link to an empty folder.

    Raises
    ------
    RunError
        The place is taken, or another process is creating a folder there.
    StorageError
        The folder cannot be written; nothing is left of it.
    """
    if is_in_the_way(path):
        raise in_the_way_error(path)
    with storage_errors(path):
        place = path.resolve() if path.is_symlink() else path
        made = make_folder(place.parent)
    try:
        with storage_errors(path):
            temporary, descriptor = _reserved(place, path)
        try:
            yield temporary
            with storage_errors(path):
                _flush_tree(temporary)
                _move(temporary, place, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        finally:
            if descriptor is not None:
                os.close(descriptor)
        with storage_errors(path):
            flush_folder(place.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            for parent in made:
                parent.rmdir()
        raise


def make_folder(folder: Path) -> list[Path]:
    """Create a folder and its missing parents, and flush them to disk.

    Returns
    -------
    list
        The folders that were created, the innermost first.
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in made:
        flush_folder(each.parent)
    return made


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


def _reserved(place: Path, path: Path) -> tuple[Path, int | None]:
    """Create the temporary folder of ``place``; return it, and the descriptor of its lock."""
    remove_dead(place.parent)
    temporary = folder_beside(place)
    while True:
        try:
            temporary.mkdir()
        except FileExistsError as error:
            raise RunError(
                f"another process is creating {path}: wait for it, or choose another "
                f"{as_option('out')} (its work is in {temporary})"
            ) from error
        try:
            descriptor = lock(temporary)
        except OSError:  # The file system has no locks.
            return temporary, None
        if descriptor is not None:
            break
    if is_in_the_way(place):  # Another process has just finished it.
        shutil.rmtree(temporary, ignore_errors=True)
        os.close(descriptor)
        raise in_the_way_error(path)
    return temporary, descriptor


def _flush_tree(folder: Path) -> None:
    for place, _folders, _files in os.walk(folder):
        flush_folder(Path(place))


def _move(temporary: Path, place: Path, path: Path) -> None:
    """Rename the finished folder to its place."""
    try:
        temporary.replace(place)
    except OSError as error:
        if error.errno in _TAKEN:
            raise in_the_way_error(path) from error
        raise

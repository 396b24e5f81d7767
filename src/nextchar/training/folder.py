"""Protection of run directories: never overwritten, and never trained by two processes at once."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from nextchar.errors import RunError, as_option, in_terms
from nextchar.storage import remove_leftovers, storage_errors


def is_in_the_way(folder: Path) -> bool:
    """Return whether the place for a new run is taken: by a file, or by a folder with content.

    Raises
    ------
    RunError
        It is the current folder.
    """
    with storage_errors(folder):
        in_the_way = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
        is_current = folder.exists() and folder.samefile(Path.cwd())
    if is_current:
        raise RunError(
            f"{as_option('out', str(folder))} is the current folder: name a folder to make in it"
        )
    return in_the_way


def in_the_way_error(folder: Path) -> RunError:
    """Return the error for an existing folder, which is never overwritten."""
    return RunError(
        f"{folder} exists already and is not overwritten: choose another {as_option('out')}, or "
        f"{in_terms('resume it', f'continue with --resume {folder}')}"
    )


@contextlib.contextmanager
def only_trainer(folder: Path) -> Iterator[None]:
    """Hold the run's lock, so that no other process trains in it, and remove leftover files.

    Raises
    ------
    RunError
        Another process is training in it.
    """
    with (folder / "config.json").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(f"another process is training in {folder}") from error
        remove_leftovers(folder)
        yield

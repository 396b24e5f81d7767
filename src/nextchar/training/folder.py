"""A run directory before and during training: it is never overwritten, and has one trainer."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from nextchar.errors import RunError, as_option, in_terms
from nextchar.storage import remove_leftovers, storage_errors


def is_in_the_way(folder: Path) -> bool:
    """Say whether something stands where a run is to be made.

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
    """Say that nothing is overwritten."""
    return RunError(
        f"{folder} exists already and is not overwritten: choose another {as_option('out')}, or "
        f"{in_terms('resume it', f'continue with --resume {folder}')}"
    )


@contextlib.contextmanager
def only_trainer(folder: Path) -> Iterator[None]:
    """Hold the run's lock, so that two trainings never write into one run, and tidy up.

    Raises
    ------
    RunError
        Another process trains in it.
    """
    with (folder / "config.json").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(f"{folder} is in training by another process") from error
        remove_leftovers(folder)
        yield

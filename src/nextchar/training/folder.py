"""Protection of run directories: no two processes train in one, and nothing leads out of it."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from nextchar.errors import RunError
from nextchar.storage import open_regular, refuse_links, remove_leftovers
from nextchar.training.checkpoint import (
    EXPERTS_FILE,
    KEPT_FOLDER,
    LAST_FILE,
    METRICS_FILE,
    MODEL_FILE,
    PREVIOUS_FILE,
    kept_file,
    kept_steps,
)

_LOCKED_FILE = Path("config.json")
_WRITTEN = (
    METRICS_FILE,
    LAST_FILE,
    PREVIOUS_FILE,
    MODEL_FILE,
    Path("extension.json"),
    EXPERTS_FILE,
    Path("README.md"),
)


@contextlib.contextmanager
def only_trainer(folder: Path) -> Iterator[None]:
    """Hold the run's lock, so that no other process trains in it, and remove leftover files.

    Raises
    ------
    RunError
        Another process is training in it, it is no run, a link leads out of it, or a folder is in
        the place of a file.
    """
    kept = map(kept_file, kept_steps(folder))
    refuse_links(folder, [*_WRITTEN, KEPT_FOLDER, *kept])
    _require_files(folder)
    path = folder / _LOCKED_FILE
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(open_regular(path))
        except OSError as error:
            raise RunError(f"cannot read {path}: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(f"another process is training in {folder}") from error
        remove_leftovers(folder)
        yield


def _require_files(folder: Path) -> None:
    for path in (folder / name for name in _WRITTEN):
        if path.exists() and not path.is_file():
            raise RunError(f"{path} is not a regular file, and would be replaced: move it away")

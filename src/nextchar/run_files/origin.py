"""``origin.json``: the pretrained model that initialised a run."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from nextchar.config.records import bounded, record_of, versioned
from nextchar.errors import RunError
from nextchar.run_files.seals import sealed_json
from nextchar.storage import write_json
from nextchar.training.checkpoint import LAST_FILE

FORMAT_VERSION = 1
ORIGIN_FILE = "origin.json"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The pretrained model of a run.

    Attributes
    ----------
    run
        The name of the pretrained run's folder, without the folders above it.
    sha256
        SHA-256 of the weights file, hexadecimal.
    first_known, symbols_known
        The first id of the old symbols in the new vocabulary, and their number.
    """

    run: str
    sha256: str
    first_known: int = bounded(at_least=0, at_most=1)
    symbols_known: int = bounded(at_least=1)

    @property
    def known(self) -> range:
        """The ids of the old symbols in the new vocabulary."""
        return range(self.first_known, self.first_known + self.symbols_known)

    @property
    def description(self) -> str:
        """A short description of the run and its weights."""
        return f"{self.run} (weights {self.sha256[:12]}, {self.symbols_known} symbols)"

    def save(self, folder: Path) -> None:
        """Write ``origin.json``."""
        values = dataclasses.asdict(self)
        write_json(folder / ORIGIN_FILE, {"format_version": FORMAT_VERSION, **values})


def name_of(folder: str | os.PathLike[str]) -> str:
    """Return the name of a folder, without those above it, which may contain a user's name."""
    return os.path.basename(os.path.abspath(folder))  # noqa: PTH100, PTH119  (keeps links)


def require_own_start(folder: Path) -> None:
    """Raise ``RunError`` if the initial weights of a run without a save cannot be drawn again."""
    if any((folder / name).exists() for name in (ORIGIN_FILE, "embedding.json")):
        raise RunError(
            f"{folder} cannot be resumed: {LAST_FILE}, which holds the weights that it was "
            "initialised with, is missing"
        )


def load_origin(folder: Path) -> Origin | None:
    """Read ``origin.json``; return ``None`` for a run without a pretrained model.

    Raises
    ------
    RunError
        The file is damaged, or was written by a newer version of nextchar.
    """
    path = folder / ORIGIN_FILE
    if not path.exists():
        return None
    with sealed_json(folder, ORIGIN_FILE) as values:
        known = versioned(values, FORMAT_VERSION, path, RunError)
        return record_of(Origin, known, path, RunError)

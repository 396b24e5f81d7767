"""``origin.json``: the pretrained model that initialised a run."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from nextchar.errors import RunError
from nextchar.run_files.seals import sealed_json
from nextchar.storage import write_json

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
    first_known: int
    symbols_known: int

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
        version = values.pop("format_version", None)
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise RunError(
                f"{path} has format {version}, but this version of nextchar supports up to "
                f"{FORMAT_VERSION}: update nextchar"
            )
        kinds = {"run": str, "sha256": str, "first_known": int, "symbols_known": int}
        if version != FORMAT_VERSION or {k: type(v) for k, v in values.items()} != kinds:
            expected = ", ".join(["format_version", *kinds])
            raise RunError(f"{path} is damaged: it must have {expected}; got {values!r:.200}")
        return Origin(**values)

"""The text of an experiment: its files by name and content, without the folders that hold them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nextchar.text.files import cannot_read, find_files


def described_text(paths: Sequence[str | os.PathLike[str]]) -> list[dict[str, str]]:
    """Return the name and the SHA-256 of each file of a text, for a specification.

    Raises
    ------
    TextError
        A file is missing or cannot be read.
    """
    return [{"name": file.name, "sha256": _digest(file)} for file in find_files(paths)]


def differing_names(
    known: Mapping[str, Any], asked: Mapping[str, Any], paths: Sequence[str | os.PathLike[str]]
) -> list[str]:
    """Return the names of the values that differ between two specifications.

    Parameters
    ----------
    known
        The stored specification. In older ones the text is a list of paths.
    asked
        The requested specification, with the description of the text.
    paths
        The requested files.
    """
    return [
        name
        for name, value in asked.items()
        if known.get(name) != value
        and not (name == "text" and _names(known.get(name)) == [Path(path).name for path in paths])
    ]


def _names(text: object) -> list[str] | None:
    """Return the names in a list of paths; ``None`` for any other value."""
    if not isinstance(text, list) or not all(isinstance(path, str) for path in text):
        return None
    return [Path(path).name for path in text]


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise cannot_read(file, error) from error

"""Data in memory, told from files: the same checks for every task on items."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from nextchar.errors import ConfigError, as_option
from nextchar.text.files import Input

ItemT = TypeVar("ItemT")


def files_or_items(data: object, kind: type[ItemT], name: str) -> tuple[list[Input], list[ItemT]]:
    """Return the files in some data, or the items.

    Parameters
    ----------
    data
        A file, or an iterable of files or of items.
    kind, name
        The type of the items, and their name in messages.

    Raises
    ------
    ConfigError
        The data are neither files nor items, or a mixture.
    """
    given = elements_of(data, f"files or {name}")
    items = [each for each in given if isinstance(each, kind)]
    files = [each for each in given if isinstance(each, str | os.PathLike)]
    other = next((each for each in given if not isinstance(each, kind | str | os.PathLike)), None)
    if len(items) + len(files) < len(given):
        raise ConfigError(f"data must be files or {name}; got {other!r:.60}")
    if items and files:
        raise ConfigError(f"data must be either files or {name}; got both, such as {files[0]}")
    return files, items


def texts_in(data: object) -> list[str]:
    """Return the texts in memory; ``ConfigError`` if an element is no text."""
    given = elements_of(data, "texts")
    for number, each in enumerate(given, 1):
        if not isinstance(each, str):
            raise ConfigError(f"text {number} must be text; got {each!r:.60}")
    return [str(each) for each in given]


def labels_in(labels: Sequence[object]) -> list[str]:
    """Return labels as text; ``ConfigError`` if one is missing (``None`` or NaN)."""
    for number, each in enumerate(labels, 1):
        if each is None or each != each:
            raise ConfigError(f"label {number} is missing; got {each!r}")
    return [str(each) for each in labels]


def refuse_file_options(options: Mapping[str, object], defaults: Mapping[str, object]) -> None:
    """Raise ``ConfigError`` if an option about files is set for data in memory."""
    for name, default in defaults.items():
        if options[name] != default:
            raise ConfigError(f"{as_option(name)} is for files; the data are in memory")


def elements_of(data: object, name: str) -> list[object]:
    """Return the elements of some data; a single file is one."""
    if isinstance(data, str | os.PathLike):
        return [data]
    if not isinstance(data, Iterable):
        raise ConfigError(f"data must be {name}; got {data!r:.60}")
    return list(data)

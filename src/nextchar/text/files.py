"""Expansion of inputs to files: files, folders and patterns.

A folder stands for all files in it and its subfolders, and a pattern for all matching files, both
sorted. Hidden files and folders (names with a leading dot) are ignored unless named explicitly.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from nextchar.errors import TextError
from nextchar.storage import open_regular

Input = str | os.PathLike[str]

_LONGEST_PATH = 4096  # characters, as in Linux


def find_files(inputs: Sequence[Input]) -> list[Path]:
    """Return the files of the inputs, in the order of the inputs.

    Parameters
    ----------
    inputs
        Files, folders, or strings with a pattern (``*``, ``?``, ``[a-z]``, ``**``).

    Returns
    -------
    list[Path]
        Readable regular files, at least one for each input.

    Raises
    ------
    TextError
        An input is missing, unreadable, not a regular file, or has no files.
    """
    if not inputs:
        raise TextError("no input: name files, folders, patterns, or - for standard input")
    files = [file for given in inputs for file in _files_of(given)]
    for file in files:
        _require_readable(file)
    return files


def at_home(given: Input) -> Input:
    """Return an input with its ``~`` expanded, which shells leave in quotes."""
    return os.path.expanduser(given) if isinstance(given, str) else given  # noqa: PTH111


def cannot_read(name: str | Path, error: OSError) -> TextError:
    """Return the error for an unreadable file, with the reason."""
    return TextError(f"cannot read {name}: {error.strerror or error}")


def _files_of(given: Input) -> list[Path]:
    if given == "":
        raise TextError("an input is empty: name a file, a folder, a pattern, or -")
    if isinstance(given, str) and ("\n" in given or len(given) > _LONGEST_PATH):
        raise TextError(f"{given[:40]!r}… is no path: write the text to a file, and name the file")
    given = at_home(given)
    path = Path(given)
    try:
        if path.is_dir():
            return _in_folder(path)
        if path.exists():
            return [path]
    except OSError as error:
        raise cannot_read(path, error) from error
    if isinstance(given, str) and glob.has_magic(given):
        return _matching(given)
    if path.is_symlink():
        raise TextError(f"{path} is a link that leads to no file or folder")
    raise TextError(f"no such file or folder: {path}")


def _in_folder(folder: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise cannot_read(error.filename, error) from error

    found = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if not name.startswith(".")]
    if not found:
        raise TextError(f"folder {folder} has no files (hidden files are ignored)")
    return sorted(found, key=Path.as_posix)


def _matching(pattern: str) -> list[Path]:
    matches = map(Path, glob.glob(pattern, recursive=True))  # noqa: PTH207  (takes absolute patterns)
    files = [path for path in matches if path.is_file()]
    if not files:
        raise TextError(f"no file matches {pattern}")
    return sorted(files, key=Path.as_posix)


def _require_readable(file: Path) -> None:
    if file.exists() and not file.is_file():
        raise TextError(f"{file} is not a regular file; pipe it to standard input, and read -")
    try:
        open_regular(file).close()
    except OSError as error:
        raise cannot_read(file, error) from error

"""Labelled texts from files.

    columns   CSV, TSV and JSON lines: a column of texts and one of labels
    files     one file a class: its stem is the label, each line a text
    lines     each line a label, a space, and a text

``auto`` takes columns for a file whose name ends like a table's, files for all others in a folder,
and lines for other files. White space around texts and labels is not theirs, and a line of nothing
else is no item.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nextchar.config import TextConfig
from nextchar.errors import TextError
from nextchar.text.files import find_files
from nextchar.text.reading import STANDARD_INPUT
from nextchar.text.tables import kind_of, read_rows, whole_text

Layout = Literal["auto", "columns", "files", "lines"]
Input = str | os.PathLike[str]


@dataclass(frozen=True)
class Item:
    """A text, and where it stands, as in ``"data.csv, line 17"``; its label, where it has one."""

    place: str
    text: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Source:
    """How items are found in files.

    Attributes
    ----------
    text_column, label_column
        The names of the columns of tables.
    layout
        How other files are read.
    """

    text_column: str = "text"
    label_column: str = "label"
    layout: Layout = "auto"

    def items(self, inputs: Sequence[Input], config: TextConfig) -> list[Item]:
        """Read all items of files, folders and patterns, in their order.

        Parameters
        ----------
        config
            Encoding, what to do about decoding errors, normalisation.

        Raises
        ------
        TextError
            A file that cannot be read or decoded, a column that is missing, a line without a
            label or a text, or no item at all.
        """
        items = [
            item
            for given in inputs
            for path in _paths(given)
            for item in self._items_of(path, config, in_folder=_is_folder(given))
        ]
        if not items:
            raise TextError(f"there is no item in {', '.join(map(str, inputs))}")
        return items

    def _items_of(self, path: Path | str, config: TextConfig, *, in_folder: bool) -> Iterator[Item]:
        layout, kind = self.layout, kind_of(path)
        if layout == "auto":
            layout = "columns" if kind else "files" if in_folder else "lines"
        if layout == "columns":
            columns = (self.text_column, self.label_column)
            for row in _rows(path, columns, config):
                text, label = (field.strip() for field in row[1])
                yield Item(row[0], text, label)
        elif layout == "files":
            label = Path(path).name.removesuffix(".gz").rpartition(".")[0] or Path(path).name
            for number, line in _written(path, config):
                yield Item(f"{path}, line {number}", line, label)
        else:
            for number, line in _written(path, config):
                label, text = (*line.split(maxsplit=1), "")[:2]
                if not text:
                    raise TextError(
                        f"{path}, line {number} has no text behind its label {label[:40]!r}: a "
                        "line is a label, a space and a text (--layout files: one file a class)"
                    )
                yield Item(f"{path}, line {number}", text, label)


def read_texts(path: str | Path, column: str, config: TextConfig) -> list[Item]:
    """Read texts without labels: a column of a table, or each line of another file, or of ``-``.

    Raises
    ------
    TextError
        As ``Source.items``.
    """
    if str(path) != STANDARD_INPUT and kind_of(path) is not None:
        rows = _rows(path, (column,), config)
        return [Item(place, fields[0].strip(), "") for place, fields in rows]
    name = "standard input" if str(path) == STANDARD_INPUT else path
    return [Item(f"{name}, line {n}", line, "") for n, line in _lines(path, config)]


def _rows(
    path: str | Path, columns: Sequence[str], config: TextConfig
) -> list[tuple[str, tuple[str, ...]]]:
    kind = kind_of(path)
    if kind is None:
        raise TextError(
            f"{path} is no table: its name must end in .csv, .tsv, .tab, .jsonl or .ndjson, "
            "or these with .gz"
        )
    return [(row.place, row.fields) for row in read_rows(path, columns, config, kind=kind)]


def _lines(path: str | Path, config: TextConfig) -> Iterator[tuple[int, str]]:
    """Give each line with its number from 1; what stands behind the last line end is a line too."""
    lines = whole_text(path, config).removesuffix("\n").split("\n")
    yield from ((number, line.strip()) for number, line in enumerate(lines, 1))


def _written(path: str | Path, config: TextConfig) -> Iterator[tuple[int, str]]:
    """Give the lines on which something stands, with their numbers: a blank line is no item."""
    return ((number, line) for number, line in _lines(path, config) if line)


def _paths(given: Input) -> Sequence[Path | str]:
    return [STANDARD_INPUT] if str(given) == STANDARD_INPUT else find_files([given])


def _is_folder(given: Input) -> bool:
    return str(given) != STANDARD_INPUT and Path(given).is_dir()

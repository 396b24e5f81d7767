"""Items with a label for each character, from plain text, from labelled files and from tables."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nextchar.config import TextConfig
from nextchar.errors import ConfigError, TextError, as_option
from nextchar.tasks.tagging.restoration import Restoration
from nextchar.text.files import Input
from nextchar.text.lines import lines_of
from nextchar.text.notes import Note, counted, no_note
from nextchar.text.reading import STANDARD_INPUT, open_text
from nextchar.text.tables import KINDS, Row, kind_of, read_rows

_COLUMNS = 2


@dataclass(frozen=True)
class Item:
    """A text with a label for each character.

    Attributes
    ----------
    characters
        One each; of plain text, ``restoration.START`` may stand before them.
    labels
        As many.
    """

    characters: tuple[str, ...]
    labels: tuple[str, ...]


TaggingData = Input | Sequence[Input] | Sequence["Item"]


def tagging_items(
    data: TaggingData,
    reading: TextConfig,
    restoration: Restoration | None,
    *,
    columns: Sequence[str] = (),
    note: Note = no_note,
) -> list[Item]:
    """Return items: those already read, or those of files (``read_items``)."""
    given = [data] if isinstance(data, str | os.PathLike) else list(data)
    items = [each for each in given if isinstance(each, Item)]
    if items:
        return items
    paths = [Path(each) if isinstance(each, os.PathLike) else str(each) for each in given]
    return read_items(paths, reading, restoration, columns=columns, note=note)


def read_items(
    data: Sequence[str | Path],
    reading: TextConfig,
    restoration: Restoration | None,
    *,
    columns: Sequence[str] = (),
    note: Note = no_note,
) -> list[Item]:
    """Read items.

    Parameters
    ----------
    data
        Files, folders, patterns, or ``-`` alone for standard input.
    reading
        How bytes become text.
    restoration
        Takes plain text apart: each line, or each line of a table's columns, is an item, but for
        empty ones. ``None`` where the data have labels: a line is a character, a tab and its
        label, and an empty line stands between items; or a table has a column of texts and one of
        labels.
    columns
        Columns of tables (``text.tables``) to read: names, or numbers from 1.
    note
        Called with a line for each irregularity of a file, and for omitted items.

    Raises
    ------
    ConfigError
        Columns of what is no table, a table without columns, or labels that are not in two columns.
    TextError
        A file that cannot be read, is empty, or does not have what it must have.
    """
    if columns and restoration is None and len(columns) != _COLUMNS:
        raise ConfigError(
            f"{as_option('columns')} names two columns, of texts and of labels; got "
            f"{','.join(columns)}"
        )
    items = [item for path in _files(data, reading) for item in
             _items_of(path, reading, restoration, columns, note)]  # fmt: skip
    if not items:
        names = ", ".join(str(path) for path in data)
        raise TextError(f"there is no item in {names}: no line has a character")
    if restoration is None:
        _note_many_labels(items, note)
    return items


def _note_many_labels(items: Sequence[Item], note: Note) -> None:
    characters = {character for item in items for character in item.characters}
    labels = {label for item in items for label in item.labels}
    if len(labels) > len(characters):
        note(
            f"there are more labels ({len(labels):,}) than different characters "
            f"({len(characters):,}): characters and labels may be swapped"
        )


def _files(data: Sequence[str | Path], reading: TextConfig) -> list[str | Path]:
    """List the files; standard input is read where it is opened."""
    if [str(each) for each in data] == [STANDARD_INPUT]:
        return [STANDARD_INPUT]
    with open_text(data, reading, takes_bytes=False) as source:
        return [file.path for file in source.files]


def _items_of(
    path: str | Path,
    reading: TextConfig,
    restoration: Restoration | None,
    columns: Sequence[str],
    note: Note,
) -> Iterator[Item]:
    kind = kind_of(path)
    if columns and kind is None:
        raise ConfigError(f"{as_option('columns')} is for tables ({', '.join(KINDS)}), got {path}")
    if columns and kind is not None:
        rows = read_rows(path, columns, reading, kind=kind, note=note)
        if restoration is None:
            yield from _labelled_rows(rows, note)
        else:
            fields = (f"{field}\n" for row in rows for field in row.fields)
            yield from _taken_apart(fields, restoration)
        return
    if kind in ("csv", "jsonl") or (kind is not None and restoration is not None):
        raise ConfigError(
            f"{path} is a table: name the columns that are read with {as_option('columns')}"
        )
    with open_text([path], reading, takes_bytes=False) as source:
        if restoration is not None:
            yield from _taken_apart(source.chunks(), restoration)
        else:
            yield from _labelled(lines_of(source.chunks()), source.names[0])


def _taken_apart(chunks: Iterable[str], restoration: Restoration) -> Iterator[Item]:
    for line in lines_of(chunks):
        if line:
            characters, labels = restoration.apart(line)
            yield Item(tuple(characters), tuple(labels))


def _labelled(lines: Iterable[str], path: str | Path) -> Iterator[Item]:
    """Read a character, a tab and a label from each line; an empty one ends an item."""
    characters: list[str] = []
    labels: list[str] = []
    for number, line in enumerate(lines, 1):
        if line:
            character, label = _pair(line, f"{path}, line {number}")
            characters.append(character)
            labels.append(label)
        elif characters:
            yield Item(tuple(characters), tuple(labels))
            characters, labels = [], []
    if characters:
        yield Item(tuple(characters), tuple(labels))


def _pair(line: str, place: str) -> tuple[str, str]:
    character, tab, label = line.rpartition("\t")
    shown = repr(line if len(line) <= 40 else line[:40] + "…")
    if not tab:
        raise TextError(
            f"{place} has no second column: a line is a character, a tab and its label (for plain "
            f"text give {as_option('restore')}), got {shown}"
        )
    if not label:
        raise TextError(f"{place} has no label behind the tab, got {shown}")
    if len(character) != 1:
        raise TextError(
            f"{place} must be one character, a tab and its label; there stand {len(character)} "
            f"characters before the last tab, got {shown}"
        )
    return character, label


def _labelled_rows(rows: Iterable[Row], note: Note) -> Iterator[Item]:
    empty, first = 0, ""
    for row in rows:
        if row.fields[0]:
            yield _labelled_row(row)
        else:
            empty, first = empty + 1, first or row.place
    if empty:
        are = counted(empty, "row without a text is", "rows without a text are")
        note(f"{are} left out (the first: {first})")


def _labelled_row(row: Row) -> Item:
    """Take a field of texts and one of labels: one a character, with spaces between or without."""
    text, field = row.fields
    spaced = field.split()
    labels = spaced if len(spaced) == len(text) else list(field)
    if len(labels) != len(text):
        raise TextError(
            f"{row.place}: a text of {len(text)} characters needs as many labels, with spaces "
            f"between or a character each; got {len(spaced)} with spaces, {len(field)} without"
        )
    return Item(tuple(text), tuple(labels))

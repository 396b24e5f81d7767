"""Items with a label for each character, read from plain text, labelled files or tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nextchar.config import TextConfig
from nextchar.errors import ConfigError, TextError, as_option
from nextchar.tasks.in_memory import files_or_items, refuse_file_options
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
        The characters, possibly after ``restoration.START``.
    labels
        A label for each of ``characters``.

    Raises
    ------
    ConfigError
        There are not as many labels as characters.
    """

    characters: tuple[str, ...]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.characters) != len(self.labels):
            raise ConfigError(
                f"an item needs a label for each character; got {len(self.characters)} characters "
                f"and {len(self.labels)} labels"
            )


TaggingData = Input | Sequence[Input] | Sequence["Item"]


def tagging_items(
    data: TaggingData,
    reading: TextConfig,
    restoration: Restoration | None,
    *,
    columns: Sequence[str] = (),
    note: Note = no_note,
) -> list[Item]:
    """Return items: existing ones unchanged, or those read from files (``read_items``)."""
    files, items = files_or_items(data, Item, "items")
    if not items:
        paths = [each if isinstance(each, str) else Path(each) for each in files]
        return read_items(paths, reading, restoration, columns=columns, note=note)
    refuse_file_options({"columns": tuple(columns)}, {"columns": ()})
    return items


def read_items(
    data: Sequence[str | Path],
    reading: TextConfig,
    restoration: Restoration | None,
    *,
    columns: Sequence[str] = (),
    note: Note = no_note,
) -> list[Item]:
    """Read items from files.

    Parameters
    ----------
    data
        Files, folders, glob patterns, or ``-`` alone for standard input.
    reading
        How to decode bytes.
    restoration
        The restoration of marks, for plain text. Each non-empty line, or each non-empty line in the
        columns of a table, is an item. ``None`` for labelled data: lines of a character, a tab and
        its label, with an empty line between items; or a table with a column of texts and a column
        of labels.
    columns
        Table columns to read (``text.tables``): names, or numbers from 1.
    note
        Called with a line for each irregularity of a file, and for omitted items.

    Raises
    ------
    ConfigError
        Columns are given for a file that is not a table or missing for a table, or the number of
        columns of labelled data is not two.
    TextError
        A file cannot be read, is empty or malformed.
    """
    if columns and restoration is None and len(columns) != _COLUMNS:
        raise ConfigError(
            f"{as_option('columns')} must name two columns, of texts and of labels; got "
            f"{','.join(columns)}"
        )
    items = [item for path in _files(data, reading) for item in
             _items_of(path, reading, restoration, columns, note)]  # fmt: skip
    if not items:
        names = ", ".join(str(path) for path in data)
        raise TextError(f"there are no items in {names}: all lines are empty")
    if restoration is None:
        _note_many_labels(items, note)
    return items


def _note_many_labels(items: Sequence[Item], note: Note) -> None:
    characters = {character for item in items for character in item.characters}
    labels = {label for item in items for label in item.labels}
    if len(labels) > len(characters):
        note(
            f"there are more labels ({len(labels):,}) than distinct characters "
            f"({len(characters):,}): characters and labels may be swapped"
        )


def _files(data: Sequence[str | Path], reading: TextConfig) -> list[str | Path]:
    """Return the paths of all files, or ``-`` unchanged."""
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
            yield from _unlabelled(fields, str(path), restoration)
        return
    if kind in ("csv", "jsonl") or (kind is not None and restoration is not None):
        raise ConfigError(
            f"{path} is a table: name the columns to read with {as_option('columns')}"
        )
    with open_text([path], reading, takes_bytes=False) as source:
        if restoration is not None:
            yield from _unlabelled(source.chunks(), source.names[0], restoration)
        else:
            yield from _labelled(lines_of(source.chunks(), source.names[0]), source.names[0])


def _unlabelled(chunks: Iterable[str], name: str, restoration: Restoration) -> Iterator[Item]:
    for line in lines_of(chunks, name):
        if line:
            characters, labels = restoration.split(line)
            yield Item(tuple(characters), tuple(labels))


def _labelled(lines: Iterable[str], path: str | Path) -> Iterator[Item]:
    """Yield items from lines with a character, a tab and a label. Empty lines separate items."""
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
            f"text set {as_option('restore')}), got {shown}"
        )
    if not label:
        raise TextError(f"{place} has no label after the tab, got {shown}")
    if len(character) != 1:
        raise TextError(
            f"{place} must be one character, a tab and its label; there are {len(character)} "
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
    """Return the item for a table row with a text and its labels.

    Labels are separated by spaces, or are single characters without separators.
    """
    text, field = row.fields
    spaced = field.split()
    labels = spaced if len(spaced) == len(text) else list(field)
    if len(labels) != len(text):
        raise TextError(
            f"{row.place}: a text of {len(text)} characters needs as many labels, separated by "
            f"spaces or one character each; got {len(spaced)} with spaces, {len(field)} without"
        )
    return Item(tuple(text), tuple(labels))

"""Tables: selected columns of CSV, TSV and JSON lines files, read row by row.

The extension of a file, before ``.gz``, ``.bz2`` or ``.xz``, determines its kind. The first row of
a CSV or TSV file is a header with the names of the columns. In a file without a header, columns are
selected by number, from 1. Each line of a JSON lines file is an object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal, NamedTuple

from nextchar.config import TextConfig
from nextchar.errors import TextError
from nextchar.text.compressed import plain_name
from nextchar.text.fields import Fits, Layout, Record, Separated, is_quoted, layout_of, looks_quoted
from nextchar.text.notes import SHOWN, Irregularities, Note, listed, no_note
from nextchar.text.objects import read_objects
from nextchar.text.reading import open_text

TableKind = Literal["csv", "tsv", "jsonl"]
KINDS: Mapping[str, TableKind] = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".json": "jsonl",
}  # fmt: skip


class Row(NamedTuple):
    """The selected fields of one row.

    Attributes
    ----------
    place
        The start of the row, for messages: ``"data.csv, line 17"``.
    fields
        The fields as text, in the order of the selected columns.
    """

    place: str
    fields: tuple[str, ...]


def kind_of(path: str | Path) -> TableKind | None:
    """Return the kind of a table by its name; ``None`` if the file is not a table."""
    return KINDS.get(PurePath(plain_name(path)).suffix)


def read_rows(
    path: str | Path,
    columns: Sequence[str],
    config: TextConfig,
    *,
    kind: TableKind,
    note: Note = no_note,
) -> Iterator[Row]:
    """Yield the selected columns, row by row.

    Other columns are not checked: they may have no name or the same name, and rows may have more
    or fewer of them.

    Parameters
    ----------
    path
        The file, or ``-``.
    columns
        Names of columns. Integers from 1 are positions in a CSV or TSV file without a header, that
        is, if they are not names in the first row.
    config
        Encoding, treatment of decoding errors, normalisation.
    kind
        The kind of table; other separators are detected.
    note
        Called with a line for each kind of irregularity, with its count.

    Raises
    ------
    TextError
        The file cannot be read, a column is missing (the message lists the existing ones) or
        occurs twice, a row lacks a selected field, a quote is not closed, or a JSON value is
        nested. A JSON value that is missing, ``null``, ``NaN``, ``true`` or ``false`` is read as
        an empty field.
    """
    with open_text([path], config, takes_bytes=False) as source:
        name = source.names[0]
        if kind == "jsonl":
            for line, fields in read_objects(source, columns, name, note):
                yield Row(f"{name}, line {line}", fields)
            return
        layout = layout_of(source, kind, _tests(columns))
        _note_separator(layout, kind, name, note)
        records = layout.records(source, name)
        first = next((record for record in records if any(record[1])), None)
        if first is None:
            return
        selection = _Selection.of(columns, first, name, note)
        yield from _Fields(name, selection, layout).rows(records, note)


def read_table(
    path: str | Path, config: TextConfig, *, kind: Separated, note: Note = no_note
) -> tuple[tuple[str, ...], list[Row]]:
    """Read all columns of a table of numbers.

    Parameters and errors are those of ``read_rows``.

    Returns
    -------
    tuple[str, ...]
        The names of the columns. If all fields of the first row are numbers, that row is data,
        and the names are the numbers of the columns, from 1.
    list[Row]
        The rows.
    """
    with open_text([path], config, takes_bytes=False) as source:
        name = source.names[0]
        layout = layout_of(source, kind, [_has_names, _has_two_fields])
        _note_separator(layout, kind, name, note)
        records = layout.records(source, name)
        first = next((record for record in records if any(record[1])), None)
        if first is None:
            raise TextError(f"{name} has no columns")
        fields = first[1]
        places = range(len(fields))
        if all(map(_is_number, fields)):
            names = tuple(str(place + 1) for place in places)
            selection = _Selection(names, tuple(places), len(fields), first)
        else:
            selection = _Selection.of([each.strip() for each in fields], first, name, note)
        return selection.names, list(_Fields(name, selection, layout).rows(records, note))


def read_records(
    path: str | Path, config: TextConfig, *, kind: Separated, note: Note = no_note
) -> Iterator[Row]:
    """Yield rows of a table without a header, with any number of fields.

    Parameters and errors are those of ``read_rows``.
    """
    with open_text([path], config, takes_bytes=False) as source:
        name = source.names[0]
        layout = layout_of(source, kind, [_has_two_fields])
        _note_separator(layout, kind, name, note)
        for line, fields in layout.records(source, name):
            if any(fields):
                yield Row(f"{name}, line {line}", tuple(fields))


def _tests(columns: Sequence[str]) -> list[Fits]:
    """Return the predicates for the first records of the right layout, strictest first."""

    def has_names(records: Sequence[Sequence[str]]) -> bool:
        return bool(records) and set(columns) <= {name.strip() for name in records[0]}

    def has_a_name(records: Sequence[Sequence[str]]) -> bool:
        return bool(records) and not set(columns).isdisjoint(name.strip() for name in records[0])

    numbers = _numbers(columns)
    if numbers is None:  # The last two select a layout whose names appear in an error message.
        return [has_names, has_a_name, _has_two_fields]
    most = max(numbers)

    def is_even(records: Sequence[Sequence[str]]) -> bool:
        widths = {len(fields) for fields in records}
        return len(widths) == 1 and min(widths) >= max(2, most)

    def reaches(records: Sequence[Sequence[str]]) -> bool:
        return bool(records) and len(records[0]) >= most

    return [has_names, is_even, reaches]


def _has_names(records: Sequence[Sequence[str]]) -> bool:
    return _has_two_fields(records) and not is_quoted(records[0])


def _has_two_fields(records: Sequence[Sequence[str]]) -> bool:
    return any(len(fields) > 1 for fields in records)


def _note_separator(layout: Layout, kind: Separated, path: str, note: Note) -> None:
    if not layout.is_of(kind):
        note(f"{path}: fields are separated by {layout.separators}")


def _numbers(columns: Sequence[str]) -> list[int] | None:
    """Return columns as positions from 1; ``None`` if any column is a name."""
    if columns and all(name.isascii() and name.isdigit() for name in columns):
        return [int(name) for name in columns]
    return None


def _is_name(column: str) -> bool:
    return _numbers([column]) is None


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class _Selection:
    """The positions of the selected columns, from 0.

    Attributes
    ----------
    width
        Number of fields in the first row.
    first
        The first row, if it is data.
    """

    names: tuple[str, ...]
    places: tuple[int, ...]
    width: int
    first: Record | None

    @classmethod
    def of(cls, columns: Sequence[str], record: Record, path: str, note: Note) -> _Selection:
        """Find the columns in the first row."""
        line, fields = record
        header = [name.strip() for name in fields]
        numbers, names = _numbers(columns), tuple(columns)
        if set(columns) <= set(header):
            twice = next((name for name in columns if header.count(name) > 1), None)
            if twice is not None:
                raise TextError(f"{path}, line {line} has the column {twice!r} twice: rename one")
            if numbers is not None:
                named = ", ".join(columns)
                note(f"{path}: line {line} names columns {named}: read as names, not positions")
            return cls(names, tuple(map(header.index, columns)), len(header), None)
        if numbers is None:
            # Report a name first: a number may have been meant as a position.
            missing = max((name for name in columns if name not in header), key=_is_name)
            raise TextError(
                f"{path}, line {line} has no column {missing!r}: it has {listed(header)}"
                " (in a file without a header, columns are numbers from 1)"
            )
        beyond = next((each for each in numbers if not 1 <= each <= len(header)), None)
        if beyond is not None:
            raise TextError(
                f"{path}, line {line} has no column {beyond}: it has {len(header)}, counted from 1"
            )
        begins = (f"column {each} begins with {fields[each - 1][:SHOWN]!r}" for each in numbers)
        note(f"{path} is read as a file without a header: {', '.join(begins)}")
        return cls(names, tuple(each - 1 for each in numbers), len(header), record)


class _Fields:
    """Selects fields of records, and counts irregularities."""

    def __init__(self, path: str, selection: _Selection, layout: Layout) -> None:
        self._path, self._selection, self._layout = path, selection, layout
        self._last = max(selection.places, default=-1)
        self._irregularities = Irregularities(path)

    def rows(self, records: Iterator[Record], note: Note) -> Iterator[Row]:
        selection, keeps_quotes = self._selection, not self._layout.quoted
        start, width, places = f"{self._path}, line ", selection.width, selection.places
        if selection.first is not None:
            line, fields = selection.first
            yield Row(f"{start}{line}", tuple(fields[n] for n in places))
        for line, fields in records:
            if len(fields) != width:
                if not any(fields):  # A blank line is not a row.
                    continue
                self._check_width(line, fields)
            found = tuple([fields[n] for n in places])
            if keeps_quotes and any(field[:1] == '"' and looks_quoted(field) for field in found):
                self._irregularities.count("quoted fields (quotes are text in a .tsv file)", line)
            yield Row(f"{start}{line}", found)
        self._irregularities.report(note)

    def _check_width(self, line: int, fields: Sequence[str]) -> None:
        """Accept a longer or shorter row only if every selected field is unaffected."""
        width = self._selection.width
        # A non-empty surplus may come from a separator in any field, even a selected one.
        if len(fields) > width and not any(fields[width:]):
            self._irregularities.count("rows with more fields than the first line", line)
        elif self._last < len(fields) < width:
            self._irregularities.count("rows with fewer fields than the first line", line)
        else:
            raise TextError(
                f"{self._path}, line {line} has {len(fields)} fields; the first line has "
                f"{width}, separated by {self._layout.separators}{self._hint(fields)}"
            )

    def _hint(self, fields: Sequence[str]) -> str:
        if self._layout.quoted:
            return ": a field that contains a separator or a line break must be quoted"
        if any(field.startswith('"') for field in fields):
            return (
                ": quotes are text in a .tsv file, unless all names in its header are quoted "
                "(a .csv file may have tabs)"
            )
        return ""

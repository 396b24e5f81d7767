"""Tables with named columns: CSV, TSV and JSON lines, whole in memory.

The kind of a file follows from the end of its name, before ``.gz``. A CSV or TSV file has its
columns' names in its first row; a line of a JSON lines file is an object.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nextchar.config import TextConfig
from nextchar.errors import TextError
from nextchar.text.reading import open_text

TableKind = Literal["csv", "tsv", "jsonl"]
KINDS: Mapping[str, TableKind] = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl",
}  # fmt: skip
_DELIMITERS = {"csv": ",", "tsv": "\t"}
_limit = threading.Lock()  # csv keeps its longest field for the whole process


@dataclass(frozen=True)
class Row:
    """The wanted fields of one row.

    Attributes
    ----------
    place
        Where it stands, for messages: ``"data.csv, line 17"``.
    fields
        As text, in the order of the columns that were asked for.
    """

    place: str
    fields: tuple[str, ...]


def kind_of(path: str | Path) -> TableKind | None:
    """Tell the kind of a table from its name; ``None`` if it is none."""
    name = Path(str(path).lower().removesuffix(".gz"))
    return KINDS.get(name.suffix)


def whole_text(path: str | Path, config: TextConfig) -> str:
    """Read a file (``-`` is standard input) with the line ends that it has.

    Raises
    ------
    TextError
        It cannot be read or decoded, or is empty.
    """
    with open_text([path], config, takes_bytes=False) as source:
        return "".join(source.chunks())


def read_rows(
    path: str | Path, columns: Sequence[str], config: TextConfig, *, kind: TableKind
) -> list[Row]:
    """Read the columns that are asked for.

    Parameters
    ----------
    path
        The file, or ``-``.
    columns
        Their names.
    config
        Encoding, what to do about decoding errors, normalisation.
    kind
        What kind of table it is.

    Raises
    ------
    TextError
        A file that cannot be read, a column that is missing (the ones that are there are named),
        a row that is cut short, or a value that is neither text nor a number.
    """
    text = whole_text(path, config)
    found: Iterable[tuple[str, dict[str, Any]]] = (
        _objects(text, path) if kind == "jsonl" else _records(text, path, _DELIMITERS[kind])
    )
    return [Row(place, _fields(record, columns, place)) for place, record in found]


def _records(text: str, path: str | Path, delimiter: str) -> list[tuple[str, dict[str, Any]]]:
    """Read all at once: a generator that is left halfway would hold the lock of ``csv``."""
    records: list[tuple[str, dict[str, Any]]] = []
    with _long_fields():
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            twice = next((name for name in header if header.count(name) > 1), None)
            if twice is not None:
                raise TextError(f"{path} has the column {twice!r} twice")
            for fields in reader:
                place = f"{path}, line {reader.line_num}"
                if len(fields) == len(header):
                    records.append((place, dict(zip(header, fields, strict=True))))
                elif fields:  # A line without anything is no row.
                    raise TextError(
                        f"{place} has {len(fields)} fields; the first line names {len(header)}"
                    )
        except csv.Error as error:
            raise TextError(f"{path}, line {reader.line_num}: {error}") from error
    return records


def _objects(text: str, path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise TextError(f"{place} is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise TextError(f"{place} must be an object, got {line.strip():.40}")
        yield place, value


def _fields(record: Mapping[str, Any], columns: Sequence[str], place: str) -> tuple[str, ...]:
    return tuple(_field(record, column, place) for column in columns)


def _field(record: Mapping[str, Any], column: str, place: str) -> str:
    if column not in record:
        raise TextError(f"{place} has no column {column!r}: it has {', '.join(map(repr, record))}")
    value = record[column]
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TextError(f"{place}: {column!r} must be text or a number, got {json.dumps(value)}")
    return json.dumps(value)


@contextlib.contextmanager
def _long_fields() -> Iterator[None]:
    """Let fields be as long as they are: csv would stop at 128 KiB."""
    with _limit:
        before = csv.field_size_limit(sys.maxsize)
        try:
            yield
        finally:
            csv.field_size_limit(before)

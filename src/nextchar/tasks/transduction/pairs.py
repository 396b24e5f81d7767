"""Reading pairs of texts from files.

There are three kinds of formats. Tables (``.csv``, ``.tsv``, ``.jsonl``) have columns. A line of
``pairs`` is a source, a separator and a target; the separator is a tab, or a space if the line has
no tab. A line of ``cmudict`` is a word, spaces and phonemes; lines that begin with ``;;;`` and text
after ``#`` are comments, and alternative pronunciations, ``word(2)``, are omitted and counted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from nextchar.config import TextConfig
from nextchar.errors import ConfigError, TextError, as_option
from nextchar.tasks.in_memory import elements_of, files_or_items, refuse_file_options
from nextchar.text.compressed import plain_name
from nextchar.text.files import Input
from nextchar.text.lines import TwoColumns, read_lines
from nextchar.text.notes import Note, counted, no_note
from nextchar.text.reading import STANDARD_INPUT
from nextchar.text.tables import TableKind, kind_of, read_rows

PairFormat = Literal["auto", "csv", "tsv", "jsonl", "pairs", "cmudict"]

CMUDICT_SUFFIX, CMUDICT_NAME = ".dict", "cmudict"
_OTHER = re.compile(r"\(\d+\)$")
_COMMENT, _COMMENT_BEHIND = ";;;", re.compile(r"\s#.*")


class Pair(NamedTuple):
    """A source and its target."""

    source: str
    target: str


@dataclass(frozen=True)
class Columns:
    """The table columns of sources and targets: names, or numbers from 1."""

    source: str = "source"
    target: str = "target"


def format_of(path: str | Path) -> PairFormat:
    """Return the format of a file, derived from its name.

    The format is that of a table, ``cmudict`` (``*.dict``, ``cmudict*``), or ``pairs``.
    """
    name = Path(plain_name(path)).name
    is_dictionary = name.endswith(CMUDICT_SUFFIX) or name.startswith(CMUDICT_NAME)
    return kind_of(path) or ("cmudict" if is_dictionary else "pairs")


PairData = Input | Sequence[Input] | Sequence[Sequence[str]]


def pairs_of(
    data: PairData,
    config: TextConfig,
    *,
    columns: Columns | Sequence[str] | None = None,
    file_format: PairFormat = "auto",
    note: Note = no_note,
) -> list[Pair]:
    """Return pairs: existing ones unchanged, or those read from files (``read_pairs``)."""
    paths, pairs = _files_or_pairs(data)
    columns = columns if columns is None or isinstance(columns, Columns) else _columns(columns)
    if paths:
        return read_pairs(paths, config, columns=columns, file_format=file_format, note=note)
    options = {"columns": columns, "file_format": file_format}
    refuse_file_options(options, {"columns": None, "file_format": "auto"})
    return pairs


def _columns(names: Sequence[str]) -> Columns:
    if isinstance(names, str) or len(names) != len(Pair._fields):
        raise ConfigError(f"columns must be two names, of sources and targets; got {names!r}")
    return Columns(*names)


def formats_of(data: PairData, file_format: PairFormat) -> set[PairFormat]:
    """Return the formats of the files; the empty set for pairs in memory."""
    paths, _ = _files_or_pairs(data)
    return {format_of(path) if file_format == "auto" else file_format for path in paths}


def _files_or_pairs(data: PairData) -> tuple[list[str | Path], list[Pair]]:
    """Return the files, or the pairs in memory."""
    given = elements_of(data, "files or pairs of texts")
    pairs = [each if isinstance(each, str | os.PathLike) else _pair(n, each)
             for n, each in enumerate(given, 1)]  # fmt: skip
    files, in_memory = files_or_items(pairs, Pair, "pairs of texts")
    return [each if isinstance(each, str) else Path(each) for each in files], in_memory


def _pair(number: int, value: object) -> Pair:
    """Return a pair in memory; ``ConfigError`` if it is no pair of texts."""
    parts = list(value) if isinstance(value, Iterable) else []
    if len(parts) != len(Pair._fields) or not all(isinstance(part, str) for part in parts):
        raise ConfigError(f"pair {number} must be two texts; got {value!r:.60}")
    return _checked(f"pair {number}", Pair(*parts))


def read_pairs(
    paths: Sequence[str | Path],
    config: TextConfig,
    *,
    columns: Columns | None = None,
    file_format: PairFormat = "auto",
    note: Note = no_note,
) -> list[Pair]:
    """Read the pairs of files (``-`` is standard input), in order.

    Parameters
    ----------
    paths
        The files, at least one.
    config
        Encoding, treatment of decoding errors, normalisation.
    columns
        The table columns; by default ``source`` and ``target``.
    file_format
        The format of all files. ``auto`` derives it from each name.
    note
        Called with a line for each irregularity of a file, and for omitted pairs.

    Raises
    ------
    TextError
        There is no file, a file cannot be read, a column is missing, a line does not have exactly
        two columns, or a source or target is empty. The message names the location.
    """
    if not paths:
        raise TextError("no pairs were given: name a file, or -")
    pairs: list[Pair] = []
    for path in paths:
        kind = format_of(path) if file_format == "auto" else file_format
        if kind == "csv" or kind == "tsv" or kind == "jsonl":
            rows = _table(path, config, columns or Columns(), kind, note)
        elif columns is not None:
            raise TextError(
                f"{path} has no named columns: it is read as {kind} (see "
                f"{as_option('file_format', flag='format')})"
            )
        else:
            rows = (_dictionary if kind == "cmudict" else _plain)(path, config, note)
        before = len(pairs)
        pairs += [_checked(place, pair) for place, pair in rows]
        if len(pairs) == before:
            raise TextError(
                f"{path} has no pairs: it is read as {kind} (see "
                f"{as_option('file_format', flag='format')})"
            )
    return pairs


def _table(
    path: str | Path, config: TextConfig, columns: Columns, kind: TableKind, note: Note
) -> Iterator[tuple[str, Pair]]:
    for row in read_rows(path, (columns.source, columns.target), config, kind=kind, note=note):
        yield row.place, Pair(row.fields[0], row.fields[1])


def _plain(path: str | Path, config: TextConfig, _note: Note) -> Iterator[tuple[str, Pair]]:
    parting = TwoColumns(
        ("source", "target"), f"{as_option('file_format', flag='format')} selects another format"
    )
    for place, line in _numbered(path, config):
        if line.startswith(_COMMENT):
            raise TextError(
                f"{place} begins with {_COMMENT}: "
                f"{as_option('file_format', 'cmudict', flag='format')} reads such files"
            )
        yield place, Pair(*parting.split(line, place))


def _dictionary(path: str | Path, config: TextConfig, note: Note) -> Iterator[tuple[str, Pair]]:
    known: set[str] = set()
    others, first = 0, ""
    for place, line in _numbered(path, config):
        if line.startswith(_COMMENT):
            continue
        word, *rest = _COMMENT_BEHIND.sub("", line).split(maxsplit=1)
        if not rest:
            raise TextError(
                f"{place} has no phonemes after the word {word[:40]!r}: a line is a word, spaces "
                "and phonemes"
            )
        if _OTHER.search(word) or word in known:
            others, first = others + 1, first or place
            continue
        known.add(word)
        yield place, Pair(word, " ".join(rest[0].split()))
    if others:
        one, several = "alternative pronunciation is", "alternative pronunciations are"
        note(f"{counted(others, one, several)} left out (the first: {first})")


def _numbered(path: str | Path, config: TextConfig) -> Iterator[tuple[str, str]]:
    """Yield the non-blank lines, each after its location."""
    name = "standard input" if str(path) == STANDARD_INPUT else path
    for number, line in enumerate(read_lines(path, config), 1):
        if line.strip():
            yield f"{name}, line {number}", line


def _checked(place: str, pair: Pair) -> Pair:
    for name, text in zip(pair._fields, pair, strict=True):
        if not text.strip():
            raise TextError(f"{place}: the {name} is empty")
    return pair

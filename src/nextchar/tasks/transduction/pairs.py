"""Pairs of texts from files.

A table (``.csv``, ``.tsv``, ``.jsonl``) has columns. Of plain ``pairs``, each line is a source, a
tab (or, where there is none, a blank), and the target. Lines of ``cmudict`` are a word, blanks, and
phonemes; lines that begin with ``;;;`` and text after ``#`` are comments; other
pronunciations, ``word(2)``, are left out and counted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from nextchar.config import TextConfig
from nextchar.errors import TextError, as_option
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
    """The columns of a table that hold the pairs: names, or numbers from 1."""

    source: str = "source"
    target: str = "target"


def format_of(path: str | Path) -> PairFormat:
    """Return the format of a file, from its name.

    It is a table, ``cmudict`` (``*.dict``, ``cmudict*``), or ``pairs``.
    """
    name = Path(plain_name(path)).name
    is_dictionary = name.endswith(CMUDICT_SUFFIX) or name.startswith(CMUDICT_NAME)
    return kind_of(path) or ("cmudict" if is_dictionary else "pairs")


PairData = Input | Sequence[Input] | Sequence[tuple[str, str]]


def pairs_of(
    data: PairData,
    config: TextConfig,
    *,
    columns: Columns | None = None,
    file_format: PairFormat = "auto",
    note: Note = no_note,
) -> list[Pair]:
    """Return pairs: those in memory, or those of files (``read_pairs``)."""
    paths, pairs = _parted(data)
    if pairs or not paths:
        return pairs
    return read_pairs(paths, config, columns=columns, file_format=file_format, note=note)


def formats_of(data: PairData, file_format: PairFormat) -> set[PairFormat]:
    """Return the formats of the files; none for pairs in memory."""
    paths, _ = _parted(data)
    return {format_of(path) if file_format == "auto" else file_format for path in paths}


def _parted(data: PairData) -> tuple[list[str | Path], list[Pair]]:
    """Tell files from pairs in memory."""
    given = [data] if isinstance(data, str | os.PathLike) else list(data)
    pairs = [Pair(*each) for each in given if isinstance(each, tuple)]
    paths = [Path(each) for each in given if isinstance(each, os.PathLike)]
    return [*paths, *(each for each in given if isinstance(each, str))], pairs


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
        At least one.
    config
        Encoding, what to do about decoding errors, normalisation.
    columns
        Of tables; ``source`` and ``target`` if not given.
    file_format
        Format of all files; ``auto`` decides by each name.
    note
        Called with a line for each irregularity of a file, and for omitted pairs.

    Raises
    ------
    TextError
        No file, one that cannot be read, a missing column, a line of fewer or more than two
        columns, or an empty source or target. The message names the place.
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
                f"{place} has no phonemes after the word {word[:40]!r}: a line is a word, blanks "
                "and phonemes"
            )
        if _OTHER.search(word) or word in known:
            others, first = others + 1, first or place
            continue
        known.add(word)
        yield place, Pair(word, " ".join(rest[0].split()))
    if others:
        one, several = "other pronunciation of a word is", "other pronunciations of words are"
        note(f"{counted(others, one, several)} left out (the first: {first})")


def _numbered(path: str | Path, config: TextConfig) -> Iterator[tuple[str, str]]:
    """Yield the lines that are not blank, each with its place."""
    name = "standard input" if str(path) == STANDARD_INPUT else path
    for number, line in enumerate(read_lines(path, config), 1):
        if line.strip():
            yield f"{name}, line {number}", line


def _checked(place: str, pair: Pair) -> Pair:
    for name, text in zip(pair._fields, pair, strict=True):
        if not text.strip():
            raise TextError(f"{place}: the {name} is empty")
    return pair

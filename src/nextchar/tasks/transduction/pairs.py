"""Pairs of texts from files.

A table (``.csv``, ``.tsv``, ``.jsonl``) has named columns. Of plain ``pairs``, each line is a
source, a tab (or, where there is none, a blank), and the target. Lines of ``cmudict`` are the same
of words and phonemes, with a comment behind ``#``; other pronunciations, ``word(2)``, are left
out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from nextchar.config import TextConfig
from nextchar.errors import TextError, as_option
from nextchar.text.tables import TableKind, kind_of, read_rows, whole_text

PairFormat = Literal["auto", "csv", "tsv", "jsonl", "pairs", "cmudict"]

CMUDICT_SUFFIX = ".dict"
_OTHER = re.compile(r"\(\d+\)$")


class Pair(NamedTuple):
    """A source and its target."""

    source: str
    target: str


@dataclass(frozen=True)
class Columns:
    """The columns of a table that hold the pairs."""

    source: str = "source"
    target: str = "target"


def format_of(path: str | Path) -> PairFormat:
    """Tell the format of a file from its name: a table, ``cmudict`` (.dict), or ``pairs``."""
    plain = str(path).lower().removesuffix(".gz")
    return kind_of(path) or ("cmudict" if plain.endswith(CMUDICT_SUFFIX) else "pairs")


def read_pairs(
    paths: Sequence[str | Path],
    config: TextConfig,
    *,
    columns: Columns | None = None,
    file_format: PairFormat = "auto",
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
        Of all files; ``auto`` goes by the end of each name.

    Raises
    ------
    TextError
        No file, one that cannot be read, a missing column, a line without a target, or an empty
        source or target. What stands in a place is told with it.
    """
    if not paths:
        raise TextError("no pairs were given: name a file, or -")
    pairs: list[Pair] = []
    for path in paths:
        kind = format_of(path) if file_format == "auto" else file_format
        if kind == "csv" or kind == "tsv" or kind == "jsonl":
            rows = _table(path, config, columns or Columns(), kind)
        elif columns is not None:
            raise TextError(
                f"{path} has no named columns: it is read as {kind} (see "
                f"{as_option('file_format', flag='format')})"
            )
        else:
            rows = _lines(path, config, is_dictionary=kind == "cmudict")
        before = len(pairs)
        pairs += [_checked(place, pair) for place, pair in rows]
        if len(pairs) == before:
            raise TextError(
                f"{path} has no pairs: it is read as {kind} (see "
                f"{as_option('file_format', flag='format')})"
            )
    return pairs


def _table(
    path: str | Path, config: TextConfig, columns: Columns, kind: TableKind
) -> Iterator[tuple[str, Pair]]:
    for row in read_rows(path, (columns.source, columns.target), config, kind=kind):
        yield row.place, Pair(row.fields[0], row.fields[1])


def _lines(
    path: str | Path, config: TextConfig, *, is_dictionary: bool
) -> Iterator[tuple[str, Pair]]:
    known: set[str] = set()
    for number, written in enumerate(whole_text(path, config).split("\n"), 1):
        line = written.removesuffix("\r")
        if is_dictionary:
            line = line.partition("#")[0].rstrip()
        if not line.strip():
            continue
        separator = "\t" if "\t" in line else " "
        source, found, target = line.partition(separator)
        place = f"{path}, line {number}"
        if not found:
            raise TextError(f"{place} has no tab and no blank between a source and a target")
        if is_dictionary:
            if _OTHER.search(source) or source in known:
                continue
            known.add(source)
        yield place, Pair(source, target.strip() if is_dictionary else target)


def _checked(place: str, pair: Pair) -> Pair:
    for name, text in zip(pair._fields, pair, strict=True):
        if not text.strip():
            raise TextError(f"{place}: the {name} is empty")
    return pair

"""Tables of words and what may replace them: TSV, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from nextchar.errors import TextError
from nextchar.text.files import cannot_read

_SUFFIXES = (".tsv", ".csv", ".json")


def read_synonyms(path: Path) -> Mapping[str, Sequence[str]]:
    """Read a table.

    Parameters
    ----------
    path
        UTF-8. In ``.tsv`` and ``.csv`` each line holds a word and one alternative or more; in
        ``.json`` an object holds a list of alternatives for each word.

    Returns
    -------
    Mapping
        The alternatives of each word, never the word itself.

    Raises
    ------
    TextError
        A file that cannot be read, of another kind, or without a word that has an alternative.
    """
    if path.suffix not in _SUFFIXES:
        raise TextError(f"synonyms must be a file that ends in {', '.join(_SUFFIXES)}; got {path}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise cannot_read(str(path), error) from error
    except UnicodeError as error:
        raise TextError(f"{path} is not utf-8: {error}") from error
    rows = _objects(path, text) if path.suffix == ".json" else _rows(path, text)
    table: dict[str, list[str]] = {}
    for word, *alternatives in rows:
        known = table.setdefault(word, [])
        known += [each for each in alternatives if each and each not in (word, *known)]
    table = {word: alternatives for word, alternatives in table.items() if word and alternatives}
    if not table:
        raise TextError(f"{path} has no word with an alternative")
    return table


def _rows(path: Path, text: str) -> list[list[str]]:
    delimiter = "\t" if path.suffix == ".tsv" else ","
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise TextError(f"{path} is not {path.suffix[1:].upper()}: {error}") from error
    return [[" ".join(cell.split()) for cell in row] for row in rows if row]


def _objects(path: Path, text: str) -> list[list[str]]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TextError(f"{path} is not JSON: {error}") from error
    lists = values.values() if isinstance(values, dict) else [None]
    if not all(isinstance(each, list) and all(isinstance(s, str) for s in each) for each in lists):
        raise TextError(f"{path} must hold an object of words, each with a list of texts")
    return [[word, *(" ".join(s.split()) for s in each)] for word, each in values.items()]

"""Tables of words and what may replace them: TSV, CSV or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from nextchar.config import TextConfig
from nextchar.errors import TextError
from nextchar.text.compressed import plain_name
from nextchar.text.reading import open_text
from nextchar.text.tables import read_records

_SUFFIXES = (".tsv", ".csv", ".json")
_READING = TextConfig()


def read_synonyms(path: Path) -> Mapping[str, Sequence[str]]:
    """Read a table.

    Parameters
    ----------
    path
        UTF-8. In ``.tsv`` and ``.csv`` each line holds a word and one alternative or more; in
        ``.json`` an object holds a list of alternatives for each word. Each may be compressed.

    Returns
    -------
    Mapping
        The alternatives of each word, never the word itself.

    Raises
    ------
    TextError
        A file that cannot be read, of another kind, or without a word that has an alternative.
    """
    kind = Path(plain_name(path)).suffix
    if kind not in _SUFFIXES:
        raise TextError(f"synonyms must be a file that ends in {', '.join(_SUFFIXES)}; got {path}")
    rows = _objects(path) if kind == ".json" else _rows(path, kind)
    table: dict[str, list[str]] = {}
    for word, *alternatives in rows:
        known = table.setdefault(word, [])
        known += [each for each in alternatives if each and each not in (word, *known)]
    table = {word: alternatives for word, alternatives in table.items() if word and alternatives}
    if not table:
        raise TextError(f"{path} has no word with an alternative")
    return table


def _rows(path: Path, kind: str) -> list[list[str]]:
    records = read_records(path, _READING, kind="tsv" if kind == ".tsv" else "csv")
    return [[" ".join(field.split()) for field in record.fields] for record in records]


def _objects(path: Path) -> list[list[str]]:
    with open_text([path], _READING, takes_bytes=False) as source:
        text = "".join(source.chunks())
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TextError(f"{path} is not JSON: {error}") from error
    lists = values.values() if isinstance(values, dict) else [None]
    if not all(isinstance(each, list) and all(isinstance(s, str) for s in each) for each in lists):
        raise TextError(f"{path} must hold an object of words, each with a list of texts")
    return [[word, *(" ".join(s.split()) for s in each)] for word, each in values.items()]

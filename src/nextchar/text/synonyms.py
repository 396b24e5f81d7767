"""Tables of synonyms: TSV, CSV or JSON."""

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
    """Return the synonyms in a table.

    Parameters
    ----------
    path
        A UTF-8 file, which may be compressed. Each line of a ``.tsv`` or ``.csv`` file has a word
        and one or more synonyms; a ``.json`` file is an object with a list of synonyms for each
        word.

    Returns
    -------
    Mapping
        The synonyms of each word, without the word itself.

    Raises
    ------
    TextError
        The file cannot be read, has another extension, or has no synonyms.
    """
    kind = Path(plain_name(path)).suffix
    if kind not in _SUFFIXES:
        raise TextError(f"synonyms must be a {', '.join(_SUFFIXES)} file; got {path}")
    rows = _objects(path) if kind == ".json" else _rows(path, kind)
    table: dict[str, list[str]] = {}
    for word, *synonyms in rows:
        known = table.setdefault(word, [])
        known += [each for each in synonyms if each and each not in (word, *known)]
    table = {word: synonyms for word, synonyms in table.items() if word and synonyms}
    if not table:
        raise TextError(f"{path} has no word with a synonym")
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
        raise TextError(f"{path} must be a JSON object with a list of strings for each word")
    return [[word, *(" ".join(s.split()) for s in each)] for word, each in values.items()]

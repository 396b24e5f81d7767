"""JSON lines: one object per line, with selected values read as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from nextchar.errors import TextError
from nextchar.text.lines import lines_of
from nextchar.text.notes import SHOWN, Irregularities, Note, listed
from nextchar.text.reading import TextSource

_EMPTY = "that are missing, null, true or false, read as empty"


def read_objects(
    source: TextSource, keys: Sequence[str], path: str, note: Note
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the values of the selected keys, line by line.

    Yields
    ------
    int, tuple[str, ...]
        Line number, from 1, and values. A number is kept as written; a value that is neither a
        string nor a number is empty.

    Raises
    ------
    TextError
        A line is not an object, a value is nested or contains a lone surrogate, or a key is
        missing from all lines.
    """
    decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_constant)
    irregularities, names = Irregularities(path), dict[str, None]()
    unseen = set(keys)
    for number, line in enumerate(lines_of(source.chunks(), path), 1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        value = _decoded(decoder, line, place)
        unseen.difference_update(value)
        if unseen:
            names.update(dict.fromkeys(value))
        fields = [_field(value.get(key), key, place) for key in keys]
        for key, field in zip(keys, fields, strict=True):
            if field is None:
                irregularities.count(f"values of {key!r} {_EMPTY}", number)
        yield number, tuple([field or "" for field in fields])
    if unseen and names:
        missing = next(key for key in keys if key in unseen)
        raise TextError(f"{path}: no line has {missing!r}; they have {listed(list(names))}")
    irregularities.report(note)


def _decoded(decoder: json.JSONDecoder, line: str, place: str) -> dict[str, Any]:
    try:
        value = decoder.decode(line)
    except (ValueError, RecursionError) as error:
        hint = " (an array is not JSON lines)" if line.lstrip().startswith("[") else ""
        raise TextError(f"{place} must be a JSON object{hint}: {error}") from error
    if not isinstance(value, dict):
        raise TextError(f"{place} must be an object, got {line.strip():.{SHOWN}}")
    return value


def _constant(name: str) -> str | None:
    return None if name == "NaN" else name


def _field(value: Any, key: str, place: str) -> str | None:  # noqa: ANN401
    if isinstance(value, str):
        if not value.isascii():
            _require_characters(value, place)
        return value
    if value is None or isinstance(value, bool):
        return None
    dumped = json.dumps(value, ensure_ascii=False)
    shown = dumped[:SHOWN].encode("utf-8", "backslashreplace").decode()
    raise TextError(f"{place}: {key!r} must be text or a number, got {shown}")


def _require_characters(text: str, place: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        start = error.start
        raise TextError(
            f"{place} has a lone surrogate U+{ord(text[start]):04X} at character {start + 1} of "
            f"the value that begins with {text[: min(start, SHOWN)]!r}: it has no UTF-8 encoding"
        ) from error

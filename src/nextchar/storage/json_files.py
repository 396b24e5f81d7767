"""JSON objects in files, read within bounds of size, depth and number of entries."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nextchar.errors import InputError
from nextchar.storage.files import write_bytes
from nextchar.storage.regular import read_regular

MAX_BYTES = 32 << 20
MAX_ENTRIES = 1_500_000  # more than the characters of Unicode
MAX_DEPTH = 100
_SEAL, _SEAL_DIGITS = "check", 16
_MAX_DIGITS = 19  # of an integer of 64 bits
_LIMIT = 1 << 63
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def write_json(path: Path, value: Mapping[str, Any], *, sealed: bool = False) -> None:
    """Write an object as indented JSON, atomically.

    Parameters
    ----------
    path, value
        The file and the object.
    sealed
        Whether to add a digest of the object, which ``read_json`` verifies.
    """
    if sealed:
        value = {**value, _SEAL: _digest(value)}
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())


def read_json(path: Path, error: type[InputError], *, limit: int = MAX_BYTES) -> dict[str, Any]:
    """Return the object in a JSON file, after verifying its digest if it has one.

    Parameters
    ----------
    path
        The file.
    error
        The type of the error to raise if the file is invalid.
    limit
        The maximum size in bytes.
    """
    try:
        data = read_regular(path, limit)
    except OSError as problem:
        raise error(f"cannot read {path}: {problem.strerror}") from problem
    value = parse_object(data, path, error)
    if _SEAL in value and value.pop(_SEAL) != _digest(value):
        raise error(
            f"{path} was changed after it was saved: restore it, or accept a change made on "
            f"purpose by removing its digest, the entry {_SEAL!r}"
        )
    return value


def parse_object(data: bytes, path: Path, error: type[InputError]) -> dict[str, Any]:
    """Return the object in the content of a JSON file; raise ``error`` if it is invalid."""
    try:
        value = parse_json(data)
    except ValueError as problem:
        raise error(f"{path} is damaged: it is not JSON ({problem})") from problem
    if not isinstance(value, dict):
        raise error(f"{path} is damaged: it must be a JSON object, got {type(value).__name__}")
    return value


def parse_json(data: bytes) -> Any:  # noqa: ANN401  (any JSON value)
    """Return the value of a JSON text, which may come from a stranger.

    An integer that does not fit into 64 bits is returned as a float, which the checks of integers
    refuse.

    Raises
    ------
    ValueError
        The text is not JSON in UTF-8, is nested too deeply, has too many entries, or has a
        surrogate, which no text may contain.
    """
    entries = data.count(b",")
    if entries > MAX_ENTRIES:
        raise ValueError(f"it has {entries:,} entries, and at most {MAX_ENTRIES:,} are allowed")
    try:
        value = json.loads(data.decode("utf-8"), parse_int=_integer)
    except RecursionError as error:
        raise _too_deep() from error
    _require_shallow(value)
    if _SURROGATE.search(data):
        json.dumps(value, ensure_ascii=False).encode()  # a ValueError for a lone surrogate
    return value


def _digest(value: Mapping[str, Any]) -> str:
    """Return a digest of an object that does not depend on its layout, hexadecimal."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_SEAL_DIGITS]


def _integer(digits: str) -> int | float:
    if len(digits) <= _MAX_DIGITS + digits.startswith("-"):
        number = int(digits)
        if -_LIMIT <= number < _LIMIT:
            return number
    return float(digits)


def _require_shallow(value: object) -> None:
    left = [(value, 1)]
    while left:
        inside, depth = left.pop()
        if isinstance(inside, dict | list):
            if depth > MAX_DEPTH:
                raise _too_deep()
            below = inside.values() if isinstance(inside, dict) else inside
            left += [(each, depth + 1) for each in below if isinstance(each, dict | list)]


def _too_deep() -> ValueError:
    return ValueError(f"it is nested deeper than {MAX_DEPTH} levels")

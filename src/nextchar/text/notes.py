"""Irregularities of a readable file, counted while it is read and reported at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Note = Callable[[str], None]
SHOWN = 40  # characters of a file's content in a message
_LISTED = 20  # names


def no_note(_message: str) -> None:
    """Ignore a note."""


def counted(count: int, one: str, several: str) -> str:
    """Return a count with its singular or plural: ``1 item is``, ``1,234 items are``."""
    return f"{count:,} {one if count == 1 else several}"


def listed(names: Sequence[str]) -> str:
    """Return names as a list for a message; their number and their lengths are limited."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(repr(name[:SHOWN]) for name in names[:_LISTED]) + more


class Irregularities:
    """Counts the irregularities of a file by kind, and keeps the first line of each kind."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._found: dict[str, list[int]] = {}

    def count(self, kind: str, line: int) -> None:
        """Count an irregularity."""
        self._found.setdefault(kind, [0, line])[0] += 1

    def report(self, note: Note) -> None:
        """Report the count and the first line of each kind."""
        for kind, (count, line) in self._found.items():
            note(f"{self._path}: {kind}: {count:,}, the first in line {line}")

"""Irregularities of a readable file: counted while it is read, and reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Note = Callable[[str], None]
SHOWN = 40  # characters of a file's content in a message
_LISTED = 20  # names


def no_note(_message: str) -> None:
    """Ignore the note."""


def counted(count: int, one: str, several: str) -> str:
    """Write a number with the words for one or for several: ``1 item is``, ``1,234 items are``."""
    return f"{count:,} {one if count == 1 else several}"


def listed(names: Sequence[str]) -> str:
    """List names in a message, up to a limit."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(map(repr, names[:_LISTED])) + more


class Oddities:
    """Counts the irregularities of a file, and keeps the first line of each kind."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._found: dict[str, list[int]] = {}

    def count(self, what: str, line: int) -> None:
        """Count one more."""
        self._found.setdefault(what, [0, line])[0] += 1

    def tell(self, note: Note) -> None:
        """Report the number of each kind, and the line of the first."""
        for what, (count, line) in self._found.items():
            note(f"{self._path}: {what}: {count:,}, the first in line {line}")

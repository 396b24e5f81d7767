"""What is odd in a file that can be read: counted while it is read, and told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Note = Callable[[str], None]
SHOWN = 40  # characters of what stands in a file, in a message
_LISTED = 20  # names


def no_note(_message: str) -> None:
    """Tell nobody."""


def counted(count: int, one: str, several: str) -> str:
    """Write a number with the words for one or for several: ``1 item is``, ``1,234 items are``."""
    return f"{count:,} {one if count == 1 else several}"


def listed(names: Sequence[str]) -> str:
    """Name things in a message, not too many of them."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(map(repr, names[:_LISTED])) + more


class Oddities:
    """Counts what is odd in a file, and keeps the line where each kind stands first."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._found: dict[str, list[int]] = {}

    def count(self, what: str, line: int) -> None:
        """Count one more."""
        self._found.setdefault(what, [0, line])[0] += 1

    def tell(self, note: Note) -> None:
        """Tell of each kind how many there are, and where the first is."""
        for what, (count, line) in self._found.items():
            note(f"{self._path}: {what}: {count:,}, the first in line {line}")

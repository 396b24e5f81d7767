"""Lines of a text that comes in pieces, and lines of two columns.

A line ends with a line feed, with or without a carriage return before it; or with a carriage
return alone, if the first line of the text does.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from nextchar.config import TextConfig
from nextchar.errors import TextError
from nextchar.text.reading import open_text

_BREAK = re.compile(r"\r\n?|\n")


def read_lines(path: str | Path, config: TextConfig) -> Iterator[str]:
    """Read a file (``-`` is standard input) line by line, without the ends of lines.

    Raises
    ------
    TextError
        It cannot be read or decoded, or is empty.
    """
    with open_text([path], config, takes_bytes=False) as source:
        yield from lines_of(source.chunks())


def lines_of(chunks: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a text without their ends; the pieces may cut them anywhere."""
    held: list[str] = []
    is_decided = ends_with_returns = False
    for chunk in _whole_breaks(chunks):
        if not is_decided:
            first = _BREAK.search(chunk)
            is_decided = first is not None
            ends_with_returns = first is not None and first[0] == "\r"
        text = chunk.replace("\r\n", "\n").replace("\r", "\n") if ends_with_returns else chunk
        *whole, rest = text.split("\n")
        for line in whole:
            yield "".join([*held, line]).removesuffix("\r") if held else line.removesuffix("\r")
            held = []
        if rest:
            held.append(rest)
    if held:
        yield "".join(held).removesuffix("\r")


def lines_with_ends(chunks: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a text with their ends; a carriage return alone is always one."""
    held: list[str] = []
    for chunk in _whole_breaks(chunks):
        cut = max(chunk.rfind("\n"), chunk.rfind("\r")) + 1
        if cut:
            yield from io.StringIO("".join([*held, chunk[:cut]]), newline="")
            held = []
        if cut < len(chunk):
            held.append(chunk[cut:])
    if held:
        yield "".join(held)


def _whole_breaks(chunks: Iterable[str]) -> Iterator[str]:
    """Cut the pieces so that none ends between a carriage return and a line feed."""
    held = ""
    for chunk in chunks:
        text = held + chunk
        held = "\r" if text.endswith("\r") else ""
        if len(text) > len(held):
            yield text[: len(text) - len(held)]
    if held:
        yield held


class TwoColumns:
    """Splits lines into two columns: at the tab of a line, or else at its first space.

    All lines must agree: if a tab follows a first column with a space in it, a line without a
    tab cannot be read.

    Parameters
    ----------
    names
        Names of the two columns, for messages.
    hint
        Another possible format, for messages.
    """

    def __init__(self, names: tuple[str, str], hint: str) -> None:
        self._first, self._second = names
        self._hint = hint
        self._by_tab = self._by_blank = ""  # first line that only this separator could split

    def parted(self, line: str, place: str) -> tuple[str, str]:
        """Return the two columns of a line that is not empty, with their white space.

        Raises
        ------
        TextError
            There are fewer or more than two, they are the names of columns, or the separator
            differs from that of the other lines.
        """
        *columns, last = line.split("\t")
        while len(columns) > 1 and not last.strip():  # A final tab separates nothing.
            last = columns.pop()
        if len(columns) > 1:
            raise TextError(
                f"{place} has {len(columns) + 1} columns between tabs: a line is a {self._first}, "
                f"a tab and a {self._second} ({self._hint})"
            )
        if columns:
            if (columns[0].strip(), last.strip()) == (self._first, self._second):
                raise TextError(
                    f"{place} is a header, and not a {self._first} and a {self._second}: a file "
                    f"with a header ends in .csv or .tsv ({self._hint})"
                )
            if " " in columns[0].strip():
                self._by_tab = self._by_tab or place
            self._require_one_way(place)
            return columns[0], last
        first, _, second = line.lstrip().partition(" ")
        if not second.strip():
            raise TextError(
                f"{place} has no {self._second} after its {self._first} {first[:40]!r}: a line "
                f"is a {self._first}, a tab or a blank, and a {self._second} ({self._hint})"
            )
        self._by_blank = self._by_blank or place
        self._require_one_way(place)
        return first, second.lstrip(" ")

    def _require_one_way(self, place: str) -> None:
        if self._by_tab and self._by_blank:
            other = self._by_blank if place == self._by_tab else self._by_tab
            raise TextError(
                f"{place} is separated by a {'tab' if place == self._by_tab else 'blank'}, and "
                f"{other} by a {'blank' if place == self._by_tab else 'tab'}: separate all "
                f"lines by tabs ({self._hint})"
            )

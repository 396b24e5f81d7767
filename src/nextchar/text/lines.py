"""Lines of a text in pieces, and lines with two columns.

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

LONGEST_LINE = 1 << 24  # characters
_BREAK = re.compile(r"\r\n?|\n")


def read_lines(path: str | Path, config: TextConfig) -> Iterator[str]:
    """Yield the lines of a file (``-`` is standard input) without line endings.

    Raises
    ------
    TextError
        The file cannot be read or decoded, or is empty.
    """
    with open_text([path], config, takes_bytes=False) as source:
        yield from lines_of(source.chunks(), source.names[0])


def lines_of(chunks: Iterable[str], name: str) -> Iterator[str]:
    """Yield the lines of a text without line endings; pieces may end anywhere.

    Parameters
    ----------
    chunks
        The text in pieces.
    name
        The name of the text, for messages.

    Raises
    ------
    TextError
        A line is longer than ``LONGEST_LINE``.
    """
    held: list[str] = []
    size, number = 0, 1
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
        number += len(whole)
        size = len(rest) if whole else size + len(rest)
        _require_short(size, name, number)
        if rest:
            held.append(rest)
    if held:
        yield "".join(held).removesuffix("\r")


def lines_with_ends(chunks: Iterable[str], name: str) -> Iterator[str]:
    """Yield the lines of a text with line endings; a lone carriage return always ends a line.

    Parameters and errors are those of ``lines_of``.
    """
    held: list[str] = []
    size, number = 0, 1
    for chunk in _whole_breaks(chunks):
        cut = max(chunk.rfind("\n"), chunk.rfind("\r")) + 1
        if cut:
            for line in io.StringIO("".join([*held, chunk[:cut]]), newline=""):
                number += 1
                yield line
            held, size = [], 0
        size += len(chunk) - cut
        _require_short(size, name, number)
        if cut < len(chunk):
            held.append(chunk[cut:])
    if held:
        yield "".join(held)


def _require_short(size: int, name: str, number: int) -> None:
    if size > LONGEST_LINE:
        raise TextError(
            f"{name}, line {number} is too long: at most {LONGEST_LINE:,} characters are allowed"
        )


def _whole_breaks(chunks: Iterable[str]) -> Iterator[str]:
    """Yield a text in pieces, none of which ends between a carriage return and a line feed."""
    held = ""
    for chunk in chunks:
        text = held + chunk
        held = "\r" if text.endswith("\r") else ""
        if len(text) > len(held):
            yield text[: len(text) - len(held)]
    if held:
        yield held


class TwoColumns:
    """Splits lines into two columns: at the tab, or else at the first space.

    All lines must use the same separator: once a tab follows a first column that contains a space,
    a line without a tab is an error.

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
        self._by_tab = self._by_space = ""  # the first line that requires this separator

    def split(self, line: str, place: str) -> tuple[str, str]:
        """Return the two columns of a non-empty line, including white space.

        Raises
        ------
        TextError
            The line does not have two columns, is a header, or has another separator than the
            lines before it.
        """
        *columns, last = line.split("\t")
        while len(columns) > 1 and not last.strip():  # Ignore tabs at the end.
            last = columns.pop()
        if len(columns) > 1:
            raise TextError(
                f"{place} has {len(columns) + 1} columns separated by tabs: a line must be a "
                f"{self._first}, a tab and a {self._second} ({self._hint})"
            )
        if columns:
            if (columns[0].strip(), last.strip()) == (self._first, self._second):
                raise TextError(
                    f"{place} is a header, not a {self._first} and a {self._second}: a file with "
                    f"a header must end in .csv or .tsv ({self._hint})"
                )
            if " " in columns[0].strip():
                self._by_tab = self._by_tab or place
            self._require_one_separator(place)
            return columns[0], last
        first, _, second = line.lstrip().partition(" ")
        if not second.strip():
            raise TextError(
                f"{place} has no {self._second} after its {self._first} {first[:40]!r}: a line "
                f"must be a {self._first}, a tab or a space, and a {self._second} ({self._hint})"
            )
        self._by_space = self._by_space or place
        self._require_one_separator(place)
        return first, second.lstrip(" ")

    def _require_one_separator(self, place: str) -> None:
        if self._by_tab and self._by_space:
            other = self._by_space if place == self._by_tab else self._by_tab
            raise TextError(
                f"{place} is separated by a {'tab' if place == self._by_tab else 'space'}, and "
                f"{other} by a {'space' if place == self._by_tab else 'tab'}: use tabs in all "
                f"lines ({self._hint})"
            )

"""Positions of characters as lines and columns, both from 1; columns are code points.

A line ends with a line feed, a carriage return, or a carriage return and a line feed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n?|\n")


@dataclass(frozen=True)
class Place:
    """A position in a text.

    Attributes
    ----------
    line, column
        Line and column, from 1.
    name
        Name of the file; empty if there is none.
    """

    line: int = 1
    column: int = 1
    name: str = ""
    _after_return: bool = (
        False  # a line feed at the start of the next text is part of this line end
    )

    def after(self, text: str) -> Place:
        """Return the position after a text that begins here."""
        if not text:
            return self
        split = self._after_return and text.startswith("\n")
        ends = text.count("\n") - split
        last = text.rfind("\n") + 1
        if "\r" in text:
            ends = sum(1 for _ in _LINE_END.finditer(text)) - split
            last = max(last, text.rfind("\r") + 1)
        column = len(text) - last + 1 if last else self.column + len(text)
        return Place(self.line + ends, column, self.name, text.endswith("\r"))

    def __str__(self) -> str:
        shown = f"line {self.line}, column {self.column}"
        return f"{self.name}, {shown}" if self.name else shown


def place_in(text: str, index: int, name: str = "") -> Place:
    """Return the position of the character at an index of a text."""
    return Place(name=name).after(text[:index])


def first_place(character: str, pieces: Iterable[str], name: str = "") -> Place | None:
    """Return the position of the first occurrence of a string in a text in pieces."""
    place, held = Place(name=name), ""
    for piece in pieces:
        text = held + piece
        index = text.find(character)
        if index >= 0:
            return place.after(text[:index])
        kept = len(text) - len(character) + 1
        place, held = place.after(text[:kept]), text[kept:]
    return None

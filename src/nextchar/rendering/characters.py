"""The width of characters in terminal cells, and texts cut to a width."""

from __future__ import annotations

import unicodedata

from nextchar.text.graphemes import clusters, is_plain
from nextchar.visible import JOINERS, printable_text

_FIRST_EMOJI = 0x1F000  # earlier emoji may be narrow


def symbol_name(name: str) -> str:
    """Return the visible name of a symbol."""
    return "␣" if name == " " else printable_text(name)


def cells(character: str) -> int:
    """Return the width of a printable character in terminal cells: 0, 1 or 2."""
    if unicodedata.category(character) in ("Mn", "Me") or character in JOINERS:
        return 0
    code = ord(character)
    if 0x1160 <= code <= 0x11FF or 0xD7B0 <= code <= 0xD7FB:
        return 0  # Hangul vowels and finals are drawn into the cells of the initial.
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def width(text: str) -> int:
    """Return the width of a printable text in terminal cells; joined emoji have 2 in total."""
    if is_plain(text):
        return sum(map(cells, text))
    return sum(
        min(2, sum(map(cells, cluster)))
        if ord(cluster[0]) >= _FIRST_EMOJI
        else sum(map(cells, cluster))
        for cluster in clusters(text)
    )


def clipped(text: str, room: int) -> str:
    """Return a printable text cut to a number of cells, with an ellipsis if it was cut."""
    if width(text) <= room:
        return text
    kept, taken = "", 0
    for cluster in clusters(text):
        taken += width(cluster)
        if taken > room - 1:
            return kept + "…"
        kept += cluster
    return text

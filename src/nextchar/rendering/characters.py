"""Safe display of characters: control characters of a text never reach the terminal."""

from __future__ import annotations

import unicodedata

from nextchar.text.graphemes import clusters, is_plain

LINE_BREAK = "↵"

_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
# Harmless format characters: joiners of letters and emoji, and the tags of flags.
_JOINERS = frozenset("\u200c\u200d") | frozenset(map(chr, range(0xE0020, 0xE0080)))
_FIRST_EMOJI = 0x1F000  # earlier emoji may be narrow
_CONTROL_PICTURES = 0x2400
_DELETE = 0x7F


def printable(character: str) -> str:
    """Return a printable character as it is, or else a visible replacement.

    Control characters become their pictures (``"␛"``), other invisible characters and lone
    surrogates ``"�"``, a line break ``"↵"``, and a tab ``"→"``. The result is always one character.
    """
    if character == "\n":
        return LINE_BREAK
    if character == "\t":
        return "→"
    if unicodedata.category(character) not in _HIDDEN or character in _JOINERS:
        return character
    code = ord(character)
    if code < ord(" "):
        return chr(_CONTROL_PICTURES + code)
    return "␡" if code == _DELETE else "\ufffd"


def printable_text(text: str) -> str:
    """Return a text as one line of printable characters, of the same length."""
    return "".join(map(printable, text))


def symbol_name(name: str) -> str:
    """Return the visible name of a symbol."""
    return "␣" if name == " " else printable_text(name)


def cells(character: str) -> int:
    """Return the width of a printable character in terminal cells: 0, 1 or 2."""
    if unicodedata.category(character) in ("Mn", "Me") or character in _JOINERS:
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

"""Characters as they can be shown anywhere: nothing in a text may command what displays it."""

from __future__ import annotations

import unicodedata

from nextchar.text.graphemes import clusters, is_plain

LINE_BREAK = "↵"

_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
# They only join or separate letters and emoji: joiners, and the tags of flags.
_JOINERS = frozenset("\u200c\u200d") | frozenset(map(chr, range(0xE0020, 0xE0080)))
_FIRST_EMOJI = 0x1F000  # those before it may be narrow
_CONTROL_PICTURES = 0x2400
_DELETE = 0x7F


def printable(character: str) -> str:
    """Give a character as it is, or one that stands for it if it would not show, or do something.

    Control characters become their pictures (``"␛"``), other invisible ones and lone surrogates
    ``"�"``; a line break becomes ``"↵"``, a tab ``"→"``. Always one character.
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
    """Give a text in one line, of the same length, with nothing in it that is not printable."""
    return "".join(map(printable, text))


def symbol_name(name: str) -> str:
    """Give the name of a vocabulary's symbol so that it can be seen."""
    return "␣" if name == " " else printable_text(name)


def cells(character: str) -> int:
    """Give how many cells of a terminal a printable character takes: 0, 1 or 2."""
    if unicodedata.category(character) in ("Mn", "Me") or character in _JOINERS:
        return 0
    code = ord(character)
    if 0x1160 <= code <= 0x11FF or 0xD7B0 <= code <= 0xD7FB:
        return 0  # Vowels and finals of Hangul are drawn into the syllable that an initial began.
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def width(text: str) -> int:
    """Return the terminal cells of a printable text; joined emoji count as one, of 2 cells."""
    if is_plain(text):
        return sum(map(cells, text))
    return sum(
        min(2, sum(map(cells, cluster)))
        if ord(cluster[0]) >= _FIRST_EMOJI
        else sum(map(cells, cluster))
        for cluster in clusters(text)
    )


def clipped(text: str, room: int) -> str:
    """Cut a printable text to so many cells; an ellipsis says that it was cut."""
    if width(text) <= room:
        return text
    kept, taken = "", 0
    for cluster in clusters(text):
        taken += width(cluster)
        if taken > room - 1:
            return kept + "…"
        kept += cluster
    return text

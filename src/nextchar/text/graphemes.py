"""Extended grapheme clusters, the characters perceived by a reader (Unicode Annex 29, GB3-13).

A text must not be split or edited inside a cluster: that would break combining marks, joined
emoji, flags, syllables of Hangul letters and conjuncts of Indic scripts.

The class of a character follows from its general category in Python's ``unicodedata``, except for
the exceptions listed below. There are two approximations: every symbol in a block of
pictographs, assigned or reserved, is an emoji, and Indic consonants are the letters of certain
ranges.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator

# A plain character continues a cluster only after a special character. Only special characters and
# their neighbours are examined. ASCII, Latin, Greek, Cyrillic, kana, Han and Hangul syllables are
# plain.
_PLAIN = (
    "\u0000-\u000c\u000e-\u00a8\u00aa-\u00ac\u00af-\u02ff\u0370-\u0482\u048a-\u052f"
    "\u1e00-\u1fff\u2010-\u2027\u3040-\u3098\u309b-\u30ff\u3400-\u4dbf\u4e00-\ua48f\uac00-\ud7a3"
)
_SPECIAL = re.compile(f"[^{_PLAIN}]+")

_CONTROL, _EXTEND, _SPACING, _JOINER, _PREPEND = "control", "extend", "spacing", "joiner", "prepend"
_LEADING, _VOWEL, _TRAILING, _OPEN, _CLOSED = "L", "V", "T", "LV", "LVT"
_REGIONAL, _PICTOGRAPH, _LINKER, _CONSONANT, _OTHER = "RI", "emoji", "linker", "consonant", ""
_EXTENDS_ANY = frozenset({_EXTEND, _SPACING, _JOINER, _LINKER})  # extend any cluster before them

_ZERO_WIDTH_NON_JOINER, _ZERO_WIDTH_JOINER = "\u200c", "\u200d"
# Marks that begin a cluster, and letters that extend one (Other_Grapheme_Extend, and the letters
# U+0E33 and U+0EB3).
_STANDING = frozenset(
    "\u102b\u102c\u1038\u1062\u1063\u1064\u1067\u1068\u1069\u106a\u106b\u106c\u106d\u1083\u1087"
    "\u1088\u1089\u108a\u108b\u108c\u108f\u109a\u109b\u109c\u1a61\u1a63\u1a64\uaa7b\uaa7d"
    "\U00011720\U00011721"
)
_EXTENDING = frozenset("\u200c\uff9e\uff9f") | frozenset(map(chr, range(0x1F3FB, 0x1F400)))
_AM = frozenset("\u0e33\u0eb3")
_PREPENDED = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd"
    "\U000111c2\U000111c3\U0001193f\U00011941\U00011a3a\U00011a84\U00011a85\U00011a86\U00011a87"
    "\U00011a88\U00011a89\U00011d46\U00011f02"
)
# Indic scripts whose viramas link consonants: Devanagari, Bengali, Gujarati, Oriya, Telugu and
# Malayalam.
_LINKERS = frozenset("\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d")
_CONSONANTS = re.compile(
    "[\u0915-\u0939\u0958-\u095f\u0978-\u097f\u0995-\u09b9\u09dc-\u09df\u09f0\u09f1\u0a95-\u0ab9"
    "\u0af9\u0b15-\u0b39\u0b5c-\u0b5f\u0b71\u0c15-\u0c39\u0c58-\u0c5a\u0d15-\u0d3a]"
)
_PICTOGRAPHS = re.compile(
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf"
    "\u23e9-\u23f3\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u27bf\u2934\u2935"
    "\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f0ff"
    "\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f171\U0001f17e\U0001f17f\U0001f18e"
    "\U0001f191-\U0001f19a\U0001f1ad-\U0001f1e5\U0001f201-\U0001f20f\U0001f21a\U0001f22f"
    "\U0001f232-\U0001f23a\U0001f23c-\U0001f23f\U0001f249-\U0001f3fa\U0001f400-\U0001f6ff"
    "\U0001f774-\U0001f77f\U0001f7d5-\U0001f7ff\U0001f80c-\U0001f80f\U0001f848-\U0001f84f"
    "\U0001f85a-\U0001f85f\U0001f888-\U0001f88f\U0001f8ae-\U0001f8ff\U0001f90c-\U0001f93a"
    "\U0001f93c-\U0001f945\U0001f947-\U0001faff\U0001fc00-\U0001fffd]"
)


class ClusterBoundaries:
    """Finds the boundaries between clusters in a text that arrives character by character."""

    __slots__ = ("_before", "_flags", "_read")

    def __init__(self) -> None:
        self._before: str | None = None  # the class of the last character
        self._flags = 0  # number of regional indicators at the end
        self._read = ""  # a possible prefix of an emoji or consonant sequence

    def begins(self, character: str) -> bool:
        """Read a character, and return whether it begins a cluster."""
        before, kind = self._before, _kind(character)
        is_boundary = before is None or self._separates(before, kind)
        self._before = kind
        self._flags = self._flags + 1 if kind == _REGIONAL else 0
        if kind in (_PICTOGRAPH, _CONSONANT):
            self._read = kind
        elif character == _ZERO_WIDTH_NON_JOINER:
            self._read = ""
        else:
            self._read = _NEXT_PREFIX.get(self._read, {}).get(kind, "")
        return is_boundary

    def _separates(self, before: str, kind: str) -> bool:
        """Return whether there is a boundary between two adjacent classes."""
        if _CONTROL in (before, kind) or "\n" in (before, kind) or "\r" in (before, kind):
            return (before, kind) != ("\r", "\n")
        if kind in _EXTENDS_ANY or before == _PREPEND:
            return False
        if kind in (_VOWEL, _TRAILING, _LEADING, _OPEN, _CLOSED):
            return kind not in _CONTINUES.get(before, ())
        if kind == _PICTOGRAPH:
            return self._read != _JOINED
        if kind == _CONSONANT:
            return self._read != _LINKED
        return not (kind == _REGIONAL and self._flags % 2 == 1)


# The next prefix, keyed by the current prefix and the class of the next character.
_JOINED, _LINKED = "joined", "linked"
_NEXT_PREFIX = {
    _PICTOGRAPH: {_EXTEND: _PICTOGRAPH, _LINKER: _PICTOGRAPH, _JOINER: _JOINED},
    _CONSONANT: {_EXTEND: _CONSONANT, _JOINER: _CONSONANT, _LINKER: _LINKED},
    _LINKED: {_EXTEND: _LINKED, _JOINER: _LINKED, _LINKER: _LINKED},
}
# The classes of Hangul letters and syllables that may follow each class within a cluster.
_CONTINUES = {
    _LEADING: (_LEADING, _VOWEL, _OPEN, _CLOSED),
    _OPEN: (_VOWEL, _TRAILING),
    _VOWEL: (_VOWEL, _TRAILING),
    _CLOSED: (_TRAILING,),
    _TRAILING: (_TRAILING,),
}


def is_plain(text: str) -> bool:
    """Return whether a fast test shows that every character of a text is a cluster by itself."""
    return (text.isascii() and "\r" not in text) or not _SPECIAL.search(text)


def inner_places(text: str) -> list[int]:
    """Return the positions inside clusters; fast for most texts, which have none."""
    return [] if is_plain(text) else list(_inner_places(text))


def clusters(text: str) -> list[str]:
    """Split a text into its clusters."""
    inner = set(inner_places(text))
    if not inner:
        return list(text)
    starts = [place for place in range(len(text)) if place not in inner]
    return [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def first_cluster(text: str, start: int) -> str:
    """Return the cluster that begins at a position; empty at the end of a text."""
    boundaries, end = ClusterBoundaries(), start
    while end < len(text) and (boundaries.begins(text[end]) == (end == start)):
        end += 1
    return text[start:end]


def boundary_at_most(text: str, place: int) -> int:
    """Return the last boundary of a text at or before a position; 0 if there is none."""
    # A space or a line feed begins a cluster, unless the character before it prevents that.
    start = max(0, max(text.rfind(" ", 0, place), text.rfind("\n", 0, place)) - 1)
    inner = {start + inside for inside in inner_places(text[start : place + 1])}
    while place in inner:
        place -= 1
    return place


def boundary_at_least(text: str, place: int) -> int:
    """Return the first boundary of a text at or after a position."""
    inner = set(inner_places(text))
    while place in inner:
        place += 1
    return place


def attaches(character: str) -> bool:
    """Return whether a character extends any cluster before it, such as a mark or a joiner."""
    return _kind(character) in _EXTENDS_ANY


def _inner_places(text: str) -> Iterator[int]:
    for special in _SPECIAL.finditer(text):
        boundaries = ClusterBoundaries()
        # Include the neighbours of a run of special characters. A plain character begins a cluster
        # unless it follows a special one.
        first, end = max(0, special.start() - 1), min(len(text), special.end() + 1)
        for place in range(first, end):
            if not boundaries.begins(text[place]) and place:
                yield place


@functools.lru_cache(1 << 14)
def _kind(character: str) -> str:
    """Return the class of a character; CR and LF each have their own class."""
    if character in "\r\n":
        return character
    category = unicodedata.category(character)
    if character == _ZERO_WIDTH_JOINER:
        return _JOINER
    if character in _LINKERS:
        return _LINKER
    if character in _PREPENDED:
        return _PREPEND
    if (
        character in _EXTENDING
        or category in ("Mn", "Me")
        or "\U000e0020" <= character <= "\U000e007f"
    ):
        return _EXTEND
    if character in _AM or (category == "Mc" and character not in _STANDING):
        return _SPACING
    if category in ("Cc", "Cf", "Zl", "Zp") or (category == "Cs"):
        return _CONTROL
    return _hangul(character) or _symbol(character)


def _hangul(character: str) -> str:
    if "\uac00" <= character <= "\ud7a3":
        return _CLOSED if (ord(character) - 0xAC00) % 28 else _OPEN
    if "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97c":
        return _LEADING
    if "\u1160" <= character <= "\u11a7" or "\ud7b0" <= character <= "\ud7c6":
        return _VOWEL
    return (
        _TRAILING if "\u11a8" <= character <= "\u11ff" or "\ud7cb" <= character <= "\ud7fb" else ""
    )


def _symbol(character: str) -> str:
    if "\U0001f1e6" <= character <= "\U0001f1ff":
        return _REGIONAL
    if _PICTOGRAPHS.match(character):
        return _PICTOGRAPH
    return _CONSONANT if _CONSONANTS.match(character) else _OTHER

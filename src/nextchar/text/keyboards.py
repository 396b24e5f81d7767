"""Characters of neighbouring keys, for QWERTY and the Korean two-set layout.

Keys are arranged as on ANSI keyboards; each row is shifted by half a key or less to the right of
the row above. The two-set layout (dubeolsik, KS X 5002) has the Hangul letters of Korean
keyboards. A syllable is typed letter by letter, and a wrong key changes one letter.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from nextchar.text import hangul

# Horizontal offset of each row from the top row, in keys.
_OFFSETS = (0.0, 0.5, 0.75, 1.25)
_REACH = 1.3  # maximum distance of a neighbour, in keys: includes two keys of each adjacent row
_QWERTY = (
    ("1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./"),
    ("!@#$%^&*()_+", "QWERTYUIOP{}", 'ASDFGHJKL:"', "ZXCVBNM<>?"),
)
_TWO_SET = (
    ("", "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ", "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ", "ㅋㅌㅊㅍㅠㅜㅡ"),
    ("", "ㅃㅉㄸㄲㅆ   ㅒㅖ", "", ""),  # a space marks a key without another letter in this layer
)
_KINDS = (
    (hangul.INITIAL, hangul.INITIALS),
    (hangul.MEDIAL, hangul.MEDIALS),
    (hangul.FINAL, hangul.FINALS),
)


def neighbors(character: str) -> str:
    """Return the characters of the keys around that of a character, in the same shift state.

    Returns
    -------
    str
        Distinct characters; none for a character without a key of its own, such as ``"é"``. For a
        Hangul syllable, the valid syllables with one letter replaced by a neighbouring one;
        letters of two keystrokes (``"ㅘ"``, ``"ㄳ"``) are not replaced.
    """
    found = _beside().get(character)
    if found is not None:
        return found
    if 0 <= ord(character) - hangul.FIRST_SYLLABLE < hangul.SYLLABLES:
        return _syllables(character)
    return ""


@functools.cache
def _beside() -> Mapping[str, str]:
    """Return the neighbours of each character that has a key."""
    found: dict[str, dict[str, None]] = {}
    for layer in (*_QWERTY, *_TWO_SET):
        places = [
            (letter, row, column + _OFFSETS[row])
            for row, letters in enumerate(layer)
            for column, letter in enumerate(letters)
            if letter != " "
        ]
        for letter, row, x in places:
            near = {
                other: None
                for other, other_row, other_x in places
                if abs(row - other_row) <= 1 and np.hypot(row - other_row, x - other_x) < _REACH
            }
            found.setdefault(letter, {}).update(near)
    return {letter: "".join(near).replace(letter, "") for letter, near in found.items()}


@functools.cache
def _syllables(syllable: str) -> str:
    """Return the syllables that differ by one letter, typed with a neighbouring key."""
    letters = hangul.decompose(np.array([ord(syllable)], dtype=np.uint32))
    mistyped: list[str] = []
    for place, (first, count) in zip(range(len(letters)), _KINDS, strict=False):
        shown = hangul.COMPATIBILITY[first - hangul.INITIAL :][:count]
        for other in _beside().get(shown[letters[place] - first], ""):
            if other in shown:
                changed = letters.copy()
                changed[place] = first + shown.index(other)
                mistyped.append(chr(int(hangul.compose(changed)[0])))
    return "".join(mistyped)

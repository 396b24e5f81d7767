"""Which character the key beside a character's would have given: QWERTY, and the two-set layout.

The rows of keys are those of ANSI keyboards; a row stands half a key or less to the right of the
row above. The two-set layout (dubeolsik, KS X 5002) has the Hangul letters of Korean keyboards. A
syllable is typed letter by letter: hitting the wrong key changes one of them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from nextchar.text import hangul

# Each row begins so many keys to the right of the top row's first.
_OFFSETS = (0.0, 0.5, 0.75, 1.25)
_REACH = 1.3  # keys: the distance of the next row's nearer two
_QWERTY = (
    ("1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./"),
    ("!@#$%^&*()_+", "QWERTYUIOP{}", 'ASDFGHJKL:"', "ZXCVBNM<>?"),
)
_TWO_SET = (
    ("", "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ", "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ", "ㅋㅌㅊㅍㅠㅜㅡ"),
    ("", "ㅃㅉㄸㄲㅆ   ㅒㅖ", "", ""),  # a key without a letter of its own here is left blank
)
_KINDS = (
    (hangul.INITIAL, hangul.INITIALS),
    (hangul.MEDIAL, hangul.MEDIALS),
    (hangul.FINAL, hangul.FINALS),
)


def neighbors(character: str) -> str:
    """Give what the keys around a character's would have given, with the same shift.

    Returns
    -------
    str
        The characters, each once; nothing for one that no single key types, such as ``"é"``. For
        a Hangul syllable, the syllables in which one letter was mistyped for another that may
        stand in its place; letters of two keystrokes (``"ㅘ"``, ``"ㄳ"``) are not mistyped.
    """
    found = _beside().get(character)
    if found is not None:
        return found
    if 0 <= ord(character) - hangul.FIRST_SYLLABLE < hangul.SYLLABLES:
        return _syllables(character)
    return ""


@functools.cache
def _beside() -> Mapping[str, str]:
    """Tabulate the neighbours of each character that has a key."""
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
    """Give the syllables that differ in a letter, by a key beside its own."""
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

"""Hangul syllables as letters: decomposition and composition of arrays of codes.

A *code* is a Unicode code point, or one of 67 letter codes above U+10FFFF that stand for the
initial (19), medial (21) and final (27) letters of a decomposed syllable. These codes differ from
the conjoining jamo (U+1100-U+11FF) that a text may contain, and decomposition is therefore
lossless. The arithmetic is that of the Unicode Standard, section 3.12.

Legend: n input codes, m output codes, all ``uint32``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint32]

INITIALS, MEDIALS, FINALS = 19, 21, 27
INITIAL = 0x110000  # the first code of each kind of letter
MEDIAL = INITIAL + INITIALS
FINAL = MEDIAL + MEDIALS
CODE_LIMIT = FINAL + FINALS

FIRST_SYLLABLE = 0xAC00
SYLLABLES = INITIALS * MEDIALS * (FINALS + 1)

# Conjoining jamo, and the compatibility letters that display a letter outside a syllable.
CONJOINING = "".join(
    chr(first + offset)
    for first, count in ((0x1100, INITIALS), (0x1161, MEDIALS), (0x11A8, FINALS))
    for offset in range(count)
)
COMPATIBILITY = (
    "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
    "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
    "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
)

_NONE = np.uint32(0xFFFF_FFFF)


def _letters_of_syllables() -> Codes:
    """Return the letters of each syllable, uint32[SYLLABLES + 1, 3]; the last row is empty."""
    lead, rest = np.divmod(np.arange(SYLLABLES, dtype=np.uint32), MEDIALS * (FINALS + 1))
    vowel, tail = np.divmod(rest, FINALS + 1)
    table = np.full((SYLLABLES + 1, 3), _NONE)
    table[:-1, 0] = INITIAL + lead
    table[:-1, 1] = MEDIAL + vowel
    table[:-1, 2] = np.where(tail > 0, FINAL - 1 + tail, _NONE)
    return table


_LETTERS = _letters_of_syllables()
_SHOWN = np.array([ord(letter) for letter in COMPATIBILITY], dtype=np.uint32)


def decompose(codes: Codes) -> Codes:
    """Replace every syllable U+AC00-U+D7A3 by its two or three letter codes.

    Parameters
    ----------
    codes
        uint32[n], code points.

    Returns
    -------
    Codes
        uint32[m], n <= m <= 3n; ``codes`` itself if it has no syllables.
    """
    index = codes - np.uint32(FIRST_SYLLABLE)  # wraps below the first syllable, to large numbers
    others = index >= SYLLABLES
    if others.all():
        return codes
    slots = _LETTERS.take(np.minimum(index, SYLLABLES), axis=0)
    np.copyto(slots[:, 0], codes, where=others)
    letters: Codes = slots[slots != _NONE]
    return letters


def letter_counts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Convert counts of code points to counts of decomposed codes.

    Parameters
    ----------
    counts
        int64[CODE_LIMIT], occurrences of each code point.

    Returns
    -------
    NDArray
        int64[CODE_LIMIT], zero for every syllable.
    """
    syllables = slice(FIRST_SYLLABLE, FIRST_SYLLABLE + SYLLABLES)
    letters = counts.copy()
    letters[syllables] = 0
    for column in _LETTERS[:-1].T:
        present = column != _NONE
        np.add.at(letters, column[present], counts[syllables][present])
    return letters


def compose(codes: Codes) -> Codes:
    """Join letter codes into syllables; the inverse of ``decompose``, valid for any codes.

    An initial and a medial, with a final if one follows, become a syllable. A letter outside a
    syllable becomes its compatibility letter (U+3131-U+3163), which can be displayed.

    Parameters
    ----------
    codes
        uint32[n], code points and letter codes.

    Returns
    -------
    Codes
        uint32[m], code points, m <= n.
    """
    letters = codes >= INITIAL
    if not letters.any():
        return codes
    medial = (codes >= MEDIAL) & (codes < FINAL)
    open_at = np.flatnonzero(letters[:-1] & (codes[:-1] < MEDIAL) & medial[1:])
    after = np.append(codes, np.uint32(0))[open_at + 2]
    closed = after >= FINAL
    tail = np.where(closed, after - np.uint32(FINAL - 1), np.uint32(0))
    shown = codes.copy()
    shown[letters] = _SHOWN[codes[letters] - np.uint32(INITIAL)]
    pair = (codes[open_at] - np.uint32(INITIAL)) * np.uint32(MEDIALS) + (
        codes[open_at + 1] - np.uint32(MEDIAL)
    )
    shown[open_at] = FIRST_SYLLABLE + pair * np.uint32(FINALS + 1) + tail
    kept = np.ones(len(codes), dtype=np.bool_)
    kept[open_at + 1] = False
    kept[open_at[closed] + 2] = False
    return shown[kept]


def unfinished(codes: Codes) -> int:
    """Return the number of codes at the end that could still join with a later letter."""
    ending: list[int] = codes[-2:].tolist()
    before, last = [0, 0, *ending][-2:]
    if INITIAL <= last < MEDIAL:
        return 1
    return 2 if MEDIAL <= last < FINAL and INITIAL <= before < MEDIAL else 0

"""A letter, and what can be taken off it: its case and its diacritics.

What was taken off is put back exactly: a letter from which it could not be is left as it is.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

UPPER, TITLE = "upper", "title"
_VIRAMA = 9  # a combining class

# Letters with a stroke, which Unicode does not decompose, as the letter and an overlay.
_STROKE = "\u0335"
_STROKED = dict(zip("đĐħĦłŁøØŧŦ", "dDhHlLoOtT", strict=True))
_PLAIN = {plain: stroked for stroked, plain in _STROKED.items()}


class Letter(NamedTuple):
    """A character without what was taken off, and that.

    Attributes
    ----------
    base
        What is left, one character.
    case
        ``"upper"``, ``"title"`` or nothing.
    marks
        Combining marks, or nothing.
    """

    base: str
    case: str = ""
    marks: str = ""


def take_off(character: str, *, case: bool, diacritics: bool) -> Letter:
    """Take case, diacritics or both off one character."""
    base, marks = _without_marks(character) if diacritics else (character, "")
    lower = base.lower()
    label = ""
    if case and lower != base and len(lower) == 1:
        label = next((name for name in (UPPER, TITLE) if _cased(lower, name) == base), "")
    letter = Letter(lower if label else base, label, marks)
    return letter if put_on(letter) == character else Letter(character)


def put_on(letter: Letter) -> str:
    """Put case and diacritics on a character; what it cannot have makes more than one of it."""
    return _with_marks(_cased(letter.base, letter.case), letter.marks)


def can_have(letter: Letter) -> bool:
    """Tell whether a character can have this case and these diacritics: as one character."""
    if not letter.case and not letter.marks:
        return True
    whole = put_on(letter)
    taken = take_off(whole, case=bool(letter.case), diacritics=bool(letter.marks))
    return len(whole) == 1 and taken == letter


def is_mark(character: str) -> bool:
    """Tell whether a character is a diacritic of its own: one that combines with a base.

    Vowel signs of Indic scripts, which have no combining class, are letters here, and so are
    viramas, which link letters.
    """
    return unicodedata.combining(character) not in (0, _VIRAMA)


def _cased(character: str, case: str) -> str:
    if case == UPPER:
        return character.upper()
    return character.title() if case == TITLE else character


def _without_marks(character: str) -> tuple[str, str]:
    decomposed = unicodedata.normalize("NFD", character)
    base, marks = decomposed[0], decomposed[1:]
    if not all(map(is_mark, marks)):
        return character, ""  # such as a Hangul syllable
    plain = _STROKED.get(base)
    return (base, marks) if plain is None else (plain, _STROKE + marks)


def _with_marks(character: str, marks: str) -> str:
    if not marks:
        return character  # which need not be normalised
    if marks.startswith(_STROKE) and character in _PLAIN:
        character, marks = _PLAIN[character], marks[1:]
    return unicodedata.normalize("NFC", character + marks)

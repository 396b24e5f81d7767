"""Decomposition of a letter into base, case and diacritics.

The decomposition is reversible. A letter without an exact inverse is not decomposed.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

UPPER, TITLE = "upper", "title"
_VIRAMA = 9  # combining class of viramas

# Letters with a stroke, which Unicode does not decompose. Here they are a letter and an overlay.
_STROKE = "\u0335"
_STROKED = dict(zip("đĐħĦłŁøØŧŦ", "dDhHlLoOtT", strict=True))
_PLAIN = {plain: stroked for stroked, plain in _STROKED.items()}


class Letter(NamedTuple):
    """A decomposed character.

    Attributes
    ----------
    base
        The base character.
    case
        ``"upper"``, ``"title"`` or empty.
    marks
        The removed combining marks, possibly empty.
    """

    base: str
    case: str = ""
    marks: str = ""


def decompose(character: str, *, case: bool, diacritics: bool) -> Letter:
    """Return a character without its case, its diacritics or both, and the removed marks."""
    base, marks = _without_marks(character) if diacritics else (character, "")
    lower = base.lower()
    label = ""
    if case and lower != base and len(lower) == 1:
        label = next((name for name in (UPPER, TITLE) if _cased(lower, name) == base), "")
    letter = Letter(lower if label else base, label, marks)
    return letter if compose(letter) == character else Letter(character)


def compose(letter: Letter) -> str:
    """Return the letter with its case and diacritics.

    The result has several characters if no single one has this combination.
    """
    return _with_marks(_cased(letter.base, letter.case), letter.marks)


def is_composable(letter: Letter) -> bool:
    """Return whether a single character has this base, case and diacritics."""
    if not letter.case and not letter.marks:
        return True
    whole = compose(letter)
    taken = decompose(whole, case=bool(letter.case), diacritics=bool(letter.marks))
    return len(whole) == 1 and taken == letter


def is_mark(character: str) -> bool:
    """Return whether a character is a combining diacritic.

    Vowel signs of Indic scripts, which have no combining class, count as letters. So do viramas,
    which link letters.
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
        return character  # unchanged, because it may not be normalised
    if marks.startswith(_STROKE) and character in _PLAIN:
        character, marks = _PLAIN[character], marks[1:]
    return unicodedata.normalize("NFC", character + marks)

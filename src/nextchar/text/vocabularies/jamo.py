"""Hangul letters and other code points as symbols."""

from __future__ import annotations

from collections.abc import Sequence

from nextchar.errors import TextError
from nextchar.text import hangul
from nextchar.text.hangul import Codes
from nextchar.text.vocabularies.code import CharVocabulary, CodeVocabulary

LITERAL = "literal "


class JamoVocabulary(CodeVocabulary):
    """A vocabulary of code points, with Hangul syllables decomposed into letters.

    The 67 initial, medial and final letters are always symbols. No syllable is therefore unknown,
    and ``<unk>`` always replaces a whole character. A letter is written as a conjoining jamo
    (``"ᄀ"``); the same jamo outside a syllable is a different symbol, written ``"literal ᄀ"``.
    """

    kind = "jamo"

    def __init__(self, symbols: Sequence[str], *, unknown: bool = False) -> None:
        super().__init__(symbols, unknown=unknown)
        lacking = set(hangul.CONJOINING).difference(symbols)
        if lacking:
            raise TextError(f"a jamo vocabulary needs all 67 letters, {min(lacking)!r} is missing")

    @staticmethod
    def code(symbol: str) -> int:
        """Return the letter code of a conjoining jamo, or the code point of another symbol."""
        literal = symbol.removeprefix(LITERAL)
        if literal != symbol and (len(literal) != 1 or literal not in hangul.CONJOINING):
            raise TextError(f"a literal symbol must be one conjoining jamo, got {symbol!r:.80}")
        code = CharVocabulary.code(literal)
        if literal == symbol and symbol in hangul.CONJOINING:
            return hangul.INITIAL + hangul.CONJOINING.index(symbol)
        return code

    @staticmethod
    def written(code: int) -> str:
        """Return the symbol of a code: a conjoining jamo for a letter code, else a character."""
        if code >= hangul.INITIAL:
            return hangul.CONJOINING[code - hangul.INITIAL]
        symbol = chr(code)
        return LITERAL + symbol if symbol in hangul.CONJOINING else symbol

    @staticmethod
    def split(codes: Codes) -> Codes:
        """Decompose syllables into letters."""
        return hangul.decompose(codes)

    @staticmethod
    def join(codes: Codes) -> Codes:
        """Compose letters into syllables."""
        return hangul.compose(codes)

    @staticmethod
    def unfinished(codes: Codes) -> int:
        """Return the number of letters at the end that may be an incomplete syllable."""
        return hangul.unfinished(codes)

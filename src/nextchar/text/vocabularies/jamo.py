"""Hangul letters as symbols, everything else as code points."""

from __future__ import annotations

from collections.abc import Sequence

from nextchar.errors import TextError
from nextchar.text import hangul
from nextchar.text.hangul import Codes
from nextchar.text.vocabularies.code import CharVocabulary, CodeVocabulary

LITERAL = "literal "


class JamoVocabulary(CodeVocabulary):
    """As char, but Hangul syllables are decomposed into initial, medial and final letters.

    All 67 letters are always symbols, so that no syllable is unknown and ``<unk>`` always stands
    for one whole character. They are written as conjoining jamo (``"ᄀ"``); the same jamo found in
    a text outside a syllable is a different symbol, written ``"literal ᄀ"``.
    """

    kind = "jamo"

    def __init__(self, symbols: Sequence[str], *, unknown: bool = False) -> None:
        super().__init__(symbols, unknown=unknown)
        lacking = set(hangul.CONJOINING).difference(symbols)
        if lacking:
            raise TextError(f"a jamo vocabulary needs all 67 letters, {min(lacking)!r} is missing")

    @staticmethod
    def code(symbol: str) -> int:
        """Give the letter code of a conjoining jamo, the code point of anything else."""
        literal = symbol.removeprefix(LITERAL)
        if literal != symbol and (len(literal) != 1 or literal not in hangul.CONJOINING):
            raise TextError(f"a literal symbol must be one conjoining jamo, got {symbol!r}")
        code = CharVocabulary.code(literal)
        if literal == symbol and symbol in hangul.CONJOINING:
            return hangul.INITIAL + hangul.CONJOINING.index(symbol)
        return code

    @staticmethod
    def written(code: int) -> str:
        """Write a letter code as its conjoining jamo, and that jamo itself as a literal."""
        if code >= hangul.INITIAL:
            return hangul.CONJOINING[code - hangul.INITIAL]
        symbol = chr(code)
        return LITERAL + symbol if symbol in hangul.CONJOINING else symbol

    @staticmethod
    def split(codes: Codes) -> Codes:
        """Decompose the syllables."""
        return hangul.decompose(codes)

    @staticmethod
    def join(codes: Codes) -> Codes:
        """Compose the syllables."""
        return hangul.compose(codes)

    @staticmethod
    def unfinished(codes: Codes) -> int:
        """Count the letters of a syllable that may go on."""
        return hangul.unfinished(codes)

"""Symbols by name and by kind: vowels, digits, spaces, or the letters of Hangul syllables.

Shapes: V vocabulary size.
"""

from __future__ import annotations

import unicodedata
from collections import Counter

import numpy as np

from nextchar.rendering.characters import symbol_name
from nextchar.text import hangul
from nextchar.text.vocabularies.base import UNKNOWN_NAME
from nextchar.text.vocabularies.code import CodeVocabulary
from nextchar.text.vocabulary import ByteVocabulary, Vocabulary

KINDS = (
    "vowel",
    "consonant",
    "capital",
    "digit",
    "punctuation",
    "space",
    "initial",
    "medial",
    "final",
    "open syllable",
    "closed syllable",
    "single jamo",
    "first byte",
    "continuation byte",
    "other",
)

JAMO_KINDS = ("initial", "medial", "final", "single jamo")
_NAMED = {" ": "space", "\n": "line break", "\t": "tab", "\r": "return"}
_VOWELS = frozenset("aeiou")
_LATIN = frozenset("abcdefghijklmnopqrstuvwxyz")
_FIRST_HIGH, _FIRST_LEADING = 0x80, 0xC0


def symbol_names(vocabulary: Vocabulary) -> list[str]:
    """Return a visible name of each symbol [V], different from all others.

    Spaces and line breaks have words. In a jamo vocabulary, the final letter ㄱ of a syllable is
    named ``-ㄱ``, and the letter outside a syllable ``(ㄱ)``. Bytes of longer characters are
    hexadecimal.
    """
    if isinstance(vocabulary, ByteVocabulary):
        return [
            _name_of(chr(byte)) if chr(byte) in _NAMED else symbol.removeprefix("0x")
            for byte, symbol in enumerate(vocabulary.symbols)
        ]
    names = [
        UNKNOWN_NAME if number == vocabulary.unknown_id else _name_of_code(code, vocabulary)
        for number, code in enumerate(_codes_of(vocabulary))
    ]
    counts = Counter(names)
    return [
        name if counts[name] == 1 else vocabulary.symbols[number]
        for number, name in enumerate(names)
    ]


def symbol_kinds(vocabulary: Vocabulary) -> list[str]:
    """Return the kind of each symbol [V], one of ``KINDS``.

    Letters outside Latin and Hangul, control characters and ``<unk>`` are ``"other"``. Symbols such
    as + or ♥ count as punctuation, and y as a consonant.
    """
    if isinstance(vocabulary, ByteVocabulary):
        return [_kind_of_byte(byte) for byte in range(len(vocabulary))]
    return [
        "other" if number == vocabulary.unknown_id else _kind_of_code(code)
        for number, code in enumerate(_codes_of(vocabulary))
    ]


def _codes_of(vocabulary: Vocabulary) -> list[int]:
    if isinstance(vocabulary, CodeVocabulary):
        codes: list[int] = vocabulary.codes_of(np.arange(len(vocabulary))).tolist()
        return codes
    raise TypeError(f"a language model has no {vocabulary.kind} vocabulary")


def _name_of(character: str) -> str:
    return _NAMED.get(character) or symbol_name(character)


def _name_of_code(code: int, vocabulary: Vocabulary) -> str:
    if code >= hangul.INITIAL:
        letter = hangul.COMPATIBILITY[code - hangul.INITIAL]
        return f"-{letter}" if code >= hangul.FINAL else letter
    character = chr(code)
    if vocabulary.kind == "jamo" and character in hangul.COMPATIBILITY:
        return f"({character})"
    name = _name_of(character)
    return f"◌{name}" if unicodedata.combining(character) else name


def _kind_of_byte(byte: int) -> str:
    if byte < _FIRST_HIGH:
        return _kind_of_code(byte)
    return "continuation byte" if byte < _FIRST_LEADING else "first byte"


def _kind_of_code(code: int) -> str:
    if code >= hangul.INITIAL:
        return ("initial", "medial", "final")[(code >= hangul.MEDIAL) + (code >= hangul.FINAL)]
    syllable = code - hangul.FIRST_SYLLABLE
    if 0 <= syllable < hangul.SYLLABLES:
        return "closed syllable" if syllable % (hangul.FINALS + 1) else "open syllable"
    character = chr(code)
    if character in hangul.COMPATIBILITY or character in hangul.CONJOINING:
        return "single jamo"
    return _kind_of_character(character)


def _kind_of_character(character: str) -> str:
    category = unicodedata.category(character)
    if character.isspace():
        return "space"
    if category in ("Lu", "Lt"):
        return "capital"
    base = unicodedata.normalize("NFD", character)[0]
    if base in _LATIN:
        return "vowel" if base in _VOWELS else "consonant"
    return {"N": "digit", "P": "punctuation", "S": "punctuation"}.get(category[0], "other")

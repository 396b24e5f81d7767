"""Symbols that words consist of.

Shapes: V vocabulary size.
"""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray

from nextchar.text.vocabularies.code import CodeVocabulary
from nextchar.text.vocabulary import Vocabulary


def word_symbols(vocabulary: Vocabulary) -> NDArray[np.bool_]:
    """Return whether each symbol can be part of a word, bool[V].

    Word symbols are letters, digits, combining marks, ``_`` and apostrophes. In a byte vocabulary,
    they are the ASCII characters among these, and all bytes outside ASCII.
    """
    if isinstance(vocabulary, CodeVocabulary):
        codes = vocabulary.codes_of(np.arange(len(vocabulary))).tolist()
    else:
        codes = [code if code < 0x80 else ord("é") for code in range(len(vocabulary))]
    # Codes above the Unicode range are the letters of syllables.
    return np.array([code > 0x10FFFF or _is_word_character(chr(code)) for code in codes])


def _is_word_character(character: str) -> bool:
    return (
        character.isalnum() or character in "_'’" or unicodedata.category(character).startswith("M")
    )

"""Contexts of a position in a text: hashes of the symbols and of the words before it.

There are two chains of contexts, each from the shortest to the longest. The contexts of the chain
of symbols are the last 0 to M symbols. Those of the chain of words are nothing; the last symbol;
the beginning of the current word as well; the word before it as well; and the word before that.
Words are compared without case. A position depends on its last ``REACH`` symbols alone.

Shapes: V vocabulary size, N symbols of text, M longest context in symbols, C contexts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled_without_allocation
from nextchar.experts import REACH
from nextchar.text.vocabulary import ByteVocabulary, Vocabulary
from nextchar.text.words import word_symbols

WORD_CONTEXTS = 5
_ASCII = 0x80

_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd; the golden ratio
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)  # of SplitMix64
_SHIFT_1, _SHIFT_2, _SHIFT_3 = np.uint64(30), np.uint64(27), np.uint64(31)
# Different beginnings for each chain, and a border between words that is no symbol.
_SYMBOLS, _WORDS = np.uint64(0xD6E8FEB86659FD93), np.uint64(0xA0761D6478BD642F)
_BORDER, _ONE = np.uint64(1 << 40), np.uint64(1)


class Words(NamedTuple):
    """The words of a vocabulary.

    Attributes
    ----------
    inside
        Whether a symbol belongs to a word, bool[V]; see ``text.words``. ``<unk>`` does not.
    folded
        A number that symbols have in common if they differ in case alone, uint64[V].
    """

    inside: NDArray[np.bool_]
    folded: NDArray[np.uint64]


def words_of(vocabulary: Vocabulary) -> Words:
    """Return the words of a vocabulary; a byte beyond ASCII has no case."""
    inside = word_symbols(vocabulary)
    if vocabulary.unknown_id is not None:
        inside[vocabulary.unknown_id] = False
    is_byte = isinstance(vocabulary, ByteVocabulary)
    first: dict[str, int] = {}
    folded = [
        number if is_byte and number >= _ASCII else first.setdefault(key.lower(), number)
        for number, key in enumerate(vocabulary.keys)
    ]
    return Words(inside, np.array(folded, np.uint64))


@compiled_without_allocation
def context_keys(
    ids: NDArray[np.integer], end: int | np.int64, words: Words, M: int, keys: NDArray[np.uint64]
) -> None:
    """Write the hashes of the contexts of the position ``end`` of a text into ``keys`` [C].

    The first M + 1 are the chain of symbols, the others the chain of words. Near the beginning of
    a text, a context has the symbols that there are.
    """
    symbol_keys(ids, end, M, keys)
    word_keys(ids, end, words, keys[M + 1 :])


@compiled_without_allocation
def symbol_keys(
    ids: NDArray[np.integer], end: int | np.int64, M: int, keys: NDArray[np.uint64]
) -> None:
    """Write the hashes of the last 0 to M symbols into ``keys`` [M + 1]; see ``context_keys``."""
    begin = max(0, end - REACH)
    hashed = _SYMBOLS
    keys[0] = _mixed(hashed)
    for length in range(1, M + 1):
        if end - length >= begin:
            hashed = _with(hashed, np.uint64(ids[end - length]))
        keys[length] = _mixed(hashed + np.uint64(length))


@compiled_without_allocation
def word_keys(
    ids: NDArray[np.integer], end: int | np.int64, words: Words, keys: NDArray[np.uint64]
) -> None:
    """Write the hashes of the chain of words into ``keys``; see ``context_keys``."""
    begin = max(0, end - REACH)
    hashed = _WORDS
    keys[0] = _mixed(hashed)
    if end > begin:
        hashed = _with(hashed, np.uint64(ids[end - 1]))
    keys[1] = _mixed(hashed + _ONE)
    i = end - 1
    for word in range(WORD_CONTEXTS - 2):
        if word > 0:
            while i >= begin and not words.inside[ids[i]]:
                i -= 1
        hashed = _with(hashed, _BORDER)
        while i >= begin and words.inside[ids[i]]:
            hashed = _with(hashed, words.folded[ids[i]])
            i -= 1
        keys[2 + word] = _mixed(hashed)


@compiled_without_allocation
def _with(hashed: np.uint64, value: np.uint64) -> np.uint64:
    hashed = (hashed ^ (value + _ONE)) * _FACTOR
    return hashed ^ (hashed >> _SHIFT_3)


@compiled_without_allocation
def _mixed(hashed: np.uint64) -> np.uint64:
    """Return a hash whose high bits depend on all bits."""
    hashed = (hashed ^ (hashed >> _SHIFT_1)) * _MIX_1
    hashed = (hashed ^ (hashed >> _SHIFT_2)) * _MIX_2
    return hashed ^ (hashed >> _SHIFT_3)

"""The four kinds of vocabulary, which encode text as ids and decode it.

char    one symbol for each code point in the text
byte    the 256 bytes of UTF-8; nothing is unknown
jamo    as char, but with Hangul syllables decomposed into two or three letters
word    words, and each space and punctuation mark between them: for tasks and embeddings

A language model generates symbols of at most one character, and uses one of the first three kinds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from nextchar.config import SymbolKind
from nextchar.errors import TextError, as_option
from nextchar.text import hangul
from nextchar.text.vocabularies.base import Decoder, Ids, Unknown, Vocabulary
from nextchar.text.vocabularies.byte import ByteVocabulary
from nextchar.text.vocabularies.code import CharVocabulary, CodeVocabulary, code_blocks
from nextchar.text.vocabularies.jamo import JamoVocabulary
from nextchar.text.vocabularies.word import WordVocabulary, count_words

__all__ = [
    "ByteVocabulary",
    "CharVocabulary",
    "Decoder",
    "Ids",
    "JamoVocabulary",
    "Unknown",
    "Vocabulary",
    "WordVocabulary",
    "from_dict",
    "grow",
    "learn",
]

_CODE_VOCABULARIES: Mapping[str, type[CodeVocabulary]] = {
    "char": CharVocabulary,
    "jamo": JamoVocabulary,
}
_EMPTY = "the text is empty: a vocabulary needs at least one symbol"


def learn(
    kind: SymbolKind, chunks: Iterable[str], min_count: int, *, unknown: bool = False
) -> Vocabulary:
    """Learn the vocabulary of a text, in constant memory; words need memory per distinct word.

    Parameters
    ----------
    kind
        The kind of vocabulary. ``"byte"`` always has the same 256 symbols; the text is not read.
    chunks
        The text, piece by piece.
    min_count
        Minimum occurrences of a symbol; ``<unk>`` (id 0) replaces rarer symbols.
    unknown
        Include ``<unk>`` even if no symbol is replaced.

    Returns
    -------
    Vocabulary
        The symbols sorted by code.

    Raises
    ------
    TextError
        The text is empty, or no symbol occurs ``min_count`` times.
    """
    if kind == "byte":
        return ByteVocabulary()
    if kind == "word":
        return _learn_words(_counted_words(chunks), min_count, unknown=unknown)
    vocabulary = _CODE_VOCABULARIES[kind]
    counts = _count(kind, chunks)
    kept = (counts >= min_count) & (counts > 0)
    if not kept.any():
        raise _all_rare(min_count, int(counts.max()))
    if kind == "jamo":
        kept[hangul.INITIAL :] = True
    dropped = (counts > 0) & ~kept
    symbols = [vocabulary.written(code) for code in np.flatnonzero(kept).tolist()]
    return vocabulary(symbols, unknown=unknown or bool(dropped.any()))


def grow(
    vocabulary: Vocabulary, chunks: Iterable[str], min_count: int, *, unknown: bool = False
) -> Vocabulary:
    """Extend a vocabulary by the symbols of a new text, in constant memory.

    Parameters
    ----------
    vocabulary
        The vocabulary. A byte vocabulary is returned unchanged, and the text is not read.
    chunks
        The new text, piece by piece.
    min_count
        Minimum occurrences of a new symbol; ``<unk>`` replaces rarer ones.
    unknown
        Include ``<unk>`` in any case.

    Returns
    -------
    Vocabulary
        The old symbols in their order, then the new ones sorted by code. The old ids are
        unchanged, unless ``<unk>`` is added: it has id 0, and all other ids increase by one.

    Raises
    ------
    TextError
        The text is empty.
    """
    if isinstance(vocabulary, WordVocabulary):
        return _grown_words(vocabulary, _counted_words(chunks), min_count, unknown=unknown)
    if not isinstance(vocabulary, CodeVocabulary):
        return vocabulary
    counts = _count(vocabulary.kind, chunks)
    is_new = counts > 0
    is_new[vocabulary.known_codes] = False
    kept = is_new & (counts >= min_count)
    dropped = is_new & ~kept
    codes = [*vocabulary.known_codes.tolist(), *np.flatnonzero(kept).tolist()]
    unknown = unknown or vocabulary.unknown_id is not None or bool(dropped.any())
    return type(vocabulary)([vocabulary.written(code) for code in codes], unknown=unknown)


def from_dict(values: Mapping[str, object]) -> Vocabulary:
    """Return the vocabulary of a ``Vocabulary.to_dict`` mapping.

    Raises
    ------
    TextError
        The kind is unknown, keys are missing or unexpected, or values or symbols are invalid.
    """
    kind, symbols, unknown = (values.get(key) for key in ("kind", "symbols", "unknown"))
    if kind == "byte" and len(values) == 1:
        return ByteVocabulary()
    if not isinstance(kind, str) or kind not in ("byte", "word", *_CODE_VOCABULARIES):
        raise TextError(f"vocabulary kind must be char, byte, jamo or word, got {kind!r:.80}")
    expected = {"kind"} if kind == "byte" else {"kind", "symbols", "unknown"}
    if set(values) != expected:
        raise TextError(f"vocabulary keys must be {sorted(expected)}, got {sorted(values)!r:.80}")
    if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
        raise TextError("vocabulary symbols must be a list of strings")
    if not isinstance(unknown, bool):
        raise TextError(f"vocabulary unknown must be true or false, got {unknown!r:.80}")
    if kind == "word":
        return WordVocabulary(symbols, unknown=unknown)
    return _CODE_VOCABULARIES[kind](symbols, unknown=unknown)


def _learn_words(counts: Counter[str], min_count: int, *, unknown: bool) -> WordVocabulary:
    kept = sorted(word for word, count in counts.items() if count >= min_count)
    if not kept:
        raise _all_rare(min_count, max(counts.values()))
    return WordVocabulary(kept, unknown=unknown or len(kept) < len(counts))


def _grown_words(
    vocabulary: WordVocabulary, counts: Counter[str], min_count: int, *, unknown: bool
) -> WordVocabulary:
    new = sorted(counts.keys() - set(vocabulary.words))
    kept = [word for word in new if counts[word] >= min_count]
    unknown = unknown or vocabulary.unknown_id is not None or len(kept) < len(new)
    return WordVocabulary([*vocabulary.words, *kept], unknown=unknown)


def _counted_words(chunks: Iterable[str]) -> Counter[str]:
    """Count every word of the text; ``TextError`` if it is empty."""
    counts = count_words(chunks)
    if not counts:
        raise TextError(_EMPTY)
    return counts


def _all_rare(min_count: int, most: int) -> TextError:
    return TextError(
        f"no symbol occurs {min_count} times, the most frequent {most} times: "
        f"set a smaller {as_option('min_count')}"
    )


def _count(kind: SymbolKind, chunks: Iterable[str]) -> NDArray[np.int64]:
    """Count the occurrences of each code, int64[hangul.CODE_LIMIT]; ``TextError`` if none."""
    counts = np.zeros(hangul.CODE_LIMIT, dtype=np.int64)
    for chunk in chunks:
        for codes in code_blocks(chunk):
            found = np.bincount(codes)
            counts[: len(found)] += found
    if not counts.any():
        raise TextError(_EMPTY)
    return hangul.letter_counts(counts) if kind == "jamo" else counts

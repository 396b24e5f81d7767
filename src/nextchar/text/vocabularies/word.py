"""Words as symbols, and each character between them: for tasks and embeddings.

A word is a run of letters, digits, ``_`` and combining marks; it may contain apostrophes
(``don't``). This gives words in English, eojeols in Korean, and phrases in scripts without spaces.
Every other character is a symbol by itself, including spaces and line breaks; concatenated, the
symbols of a text equal the text.

Legend: V symbols, n ids.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nextchar.errors import TextError, UnknownSymbolsError
from nextchar.text.vocabularies.base import (
    REPLACEMENT,
    UNKNOWN_NAME,
    Decoder,
    Ids,
    Unknown,
    Vocabulary,
    lone_surrogate,
    printable,
    unknown_symbols,
)

# All combining marks are in these blocks; a search of all code points would take ten times as long.
_BLOCKS_OF_MARKS = (range(0x300, 0x1F000), range(0xE0100, 0xE01F0))


def split_words(text: str) -> list[str]:
    """Split a text into its words and the single characters between them.

    Raises
    ------
    TextError
        The text has a lone surrogate.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise lone_surrogate(error, text) from None
    return _pattern().findall(text)


def count_words(chunks: Iterable[str]) -> Counter[str]:
    """Count the symbols of a text in pieces; pieces may end anywhere."""
    counts: Counter[str] = Counter()
    for piece in _whole_words(chunks):
        counts.update(split_words(piece))
    return counts


class WordVocabulary(Vocabulary):
    """A vocabulary of words and of the single characters between them.

    Parameters
    ----------
    symbols
        The symbols in the order of their ids, as returned by ``split_words``.
    unknown
        Include ``<unk>`` with id 0, before the other symbols.

    Raises
    ------
    TextError
        There are no symbols, a symbol occurs twice, or is not a single word or character.
    """

    kind = "word"

    def __init__(self, symbols: Sequence[str], *, unknown: bool = False) -> None:
        if not symbols:
            raise TextError("a vocabulary needs at least one symbol, got none")
        no_symbol = next((each for each in symbols if len(split_words(each)) != 1), None)
        if no_symbol is not None:
            raise TextError(
                f"a symbol must be one word or one other character, got {no_symbol!r:.80}"
            )
        self.words = tuple(symbols)
        self.unknown_id = 0 if unknown else None
        self._ids = {word: number for number, word in enumerate(symbols, int(unknown))}
        if len(self._ids) < len(symbols):
            twice, _ = Counter(symbols).most_common(1)[0]
            raise TextError(f"symbols must be distinct, got {twice!r:.80} more than once")

    @functools.cached_property
    def symbols(self) -> tuple[str, ...]:
        """The words, with escapes for unprintable characters."""
        return tuple(map(printable, self.keys))

    @property
    def keys(self) -> tuple[str, ...]:
        """The words, after ``<unk>`` if the vocabulary has it."""
        return (*((UNKNOWN_NAME,) if self.unknown_id is not None else ()), *self.words)

    @functools.cached_property
    def starts_character(self) -> NDArray[np.bool_]:
        """True for every symbol, bool[V]: a word starts one character and may have more."""
        return np.ones(len(self), np.bool_)

    @functools.cached_property
    def is_space(self) -> NDArray[np.bool_]:
        """Whether each symbol is white space, bool[V]."""
        return np.fromiter(map(str.isspace, self.keys), np.bool_, len(self))

    def encode(self, text: str, *, unknown: Unknown = "error") -> Ids:
        """Encode a text as ids [n]; see ``Vocabulary.encode``."""
        ids = [self._ids.get(word, -1) for word in split_words(text)]
        array = np.array(ids, dtype=np.int64)
        missing = array < 0
        if missing.any():
            if unknown == "error" or (unknown == "replace" and self.unknown_id is None):
                raise self._unknown(text, unknown)
            array = array[~missing] if unknown == "skip" else np.where(missing, 0, array)
        return array.astype(self.dtype)

    def _unknown(self, text: str, unknown: Unknown) -> UnknownSymbolsError:
        words = split_words(text)
        first = next(number for number, word in enumerate(words) if word not in self._ids)
        unknown_words = sorted({word for word in words if word not in self._ids})
        index = sum(map(len, words[:first]))
        return unknown_symbols(unknown_words, self, unknown, text, words[first], index)

    def decoder(self) -> Decoder:
        """Return a decoder; it buffers no text."""
        return _WordDecoder(self)

    def to_dict(self) -> dict[str, object]:
        """Return the kind, the symbols, and whether the vocabulary has ``<unk>``."""
        unknown = self.unknown_id is not None
        return {"kind": self.kind, "symbols": list(self.words), "unknown": unknown}


class _WordDecoder:
    def __init__(self, vocabulary: WordVocabulary) -> None:
        self._vocabulary = vocabulary
        unknown = (REPLACEMENT,) if vocabulary.unknown_id is not None else ()
        self._shown = (*unknown, *vocabulary.words)

    def feed(self, ids: ArrayLike) -> str:
        return "".join(self._shown[number] for number in self._vocabulary.checked(ids).tolist())

    def flush(self) -> str:
        return ""


@functools.cache
def _pattern() -> re.Pattern[str]:
    """Return the pattern of a word or else of a single character."""
    marks = "".join(
        chr(code)
        for block in _BLOCKS_OF_MARKS
        for code in block
        if unicodedata.category(chr(code)).startswith("M")
    )
    letter = rf"[\w{marks}]"
    return re.compile(rf"{letter}+(?:['’]{letter}+)*|.", re.DOTALL)


def _whole_words(chunks: Iterable[str]) -> Iterator[str]:
    """Yield a text in pieces that end before white space, and therefore between words."""
    held: list[str] = []
    for chunk in chunks:
        cut = _last_space(chunk)
        if cut:
            yield "".join([*held, chunk[:cut]])
            held = []
        held.append(chunk[cut:])
    yield "".join(held)


def _last_space(text: str) -> int:
    """Return the position of the last white space; 0 if there is none."""
    return next((at for at in range(len(text) - 1, 0, -1) if text[at].isspace()), 0)

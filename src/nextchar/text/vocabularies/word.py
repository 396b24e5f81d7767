"""Words as symbols, and each space and mark between them: for tasks and embeddings.

A word is a run of letters, digits, ``_`` and the marks that combine with them, with apostrophes
inside it (``don't``). In English that is a word, in Korean an eojeol; scripts that put no spaces
between words give whole phrases. Every other character is a symbol by itself, spaces and line
breaks too, so that the symbols of a text joined are the text again.

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

# All combining marks lie in these blocks; looking at every code point would take ten times as long.
_BLOCKS_OF_MARKS = (range(0x300, 0x1F000), range(0xE0100, 0xE01F0))


def split_words(text: str) -> list[str]:
    """Cut a text into its words and the single characters between them; joined they are the text.

    Raises
    ------
    TextError
        A lone surrogate.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise lone_surrogate(error, text) from None
    return _pattern().findall(text)


def count_words(chunks: Iterable[str]) -> Counter[str]:
    """Count the symbols of a text that comes in pieces, which may cut its words."""
    counts: Counter[str] = Counter()
    for piece in _whole_words(chunks):
        counts.update(split_words(piece))
    return counts


class WordVocabulary(Vocabulary):
    """Words, spaces and marks as symbols.

    Parameters
    ----------
    symbols
        The symbols in the order of their ids, each as ``split_words`` gives it.
    unknown
        Put ``<unk>`` before them, as id 0.

    Raises
    ------
    TextError
        No symbols, one that occurs twice, or one that is not a single word or mark.
    """

    kind = "word"

    def __init__(self, symbols: Sequence[str], *, unknown: bool = False) -> None:
        if not symbols:
            raise TextError("a vocabulary needs at least one symbol, got none")
        no_symbol = next((each for each in symbols if len(split_words(each)) != 1), None)
        if no_symbol is not None:
            raise TextError(f"a symbol must be one word or one other character, got {no_symbol!r}")
        self.words = tuple(symbols)
        self.unknown_id = 0 if unknown else None
        self._ids = {word: number for number, word in enumerate(symbols, int(unknown))}
        if len(self._ids) < len(symbols):
            twice, _ = Counter(symbols).most_common(1)[0]
            raise TextError(f"symbols must be distinct, got {twice!r} more than once")

    @functools.cached_property
    def symbols(self) -> tuple[str, ...]:
        """The words as they are, with escapes for what cannot be printed."""
        return tuple(map(printable, self.keys))

    @property
    def keys(self) -> tuple[str, ...]:
        """The words, after ``<unk>`` where there is one."""
        return (*((UNKNOWN_NAME,) if self.unknown_id is not None else ()), *self.words)

    @functools.cached_property
    def starts_character(self) -> NDArray[np.bool_]:
        """True: each begins one, and may hold more of them, bool[V]."""
        return np.ones(len(self), np.bool_)

    @functools.cached_property
    def is_space(self) -> NDArray[np.bool_]:
        """Whether each symbol is white space, bool[V]."""
        return np.fromiter(map(str.isspace, self.keys), np.bool_, len(self))

    def encode(self, text: str, *, unknown: Unknown = "error") -> Ids:
        """Turn text into ids [n]; see ``Vocabulary.encode``."""
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
        """Make a decoder, which holds nothing back."""
        return _WordDecoder(self)

    def to_dict(self) -> dict[str, object]:
        """Give kind, symbols and whether ``<unk>`` stands before them."""
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
    """Give what matches a word, or else any one character."""
    marks = "".join(
        chr(code)
        for block in _BLOCKS_OF_MARKS
        for code in block
        if unicodedata.category(chr(code)).startswith("M")
    )
    letter = rf"[\w{marks}]"
    return re.compile(rf"{letter}+(?:['’]{letter}+)*|.", re.DOTALL)


def _whole_words(chunks: Iterable[str]) -> Iterator[str]:
    """Move the borders between the pieces of a text to white space, which no word holds."""
    held: list[str] = []
    for chunk in chunks:
        cut = _last_space(chunk)
        if cut:
            yield "".join([*held, chunk[:cut]])
            held = []
        held.append(chunk[cut:])
    yield "".join(held)


def _last_space(text: str) -> int:
    """Give where the last white space stands; 0 if there is none."""
    return next((at for at in range(len(text) - 1, 0, -1) if text[at].isspace()), 0)

"""Code points as symbols, and the base class of the char and jamo vocabularies.

Legend: V symbols, n ids or code points, m codes. A *code* is a code point or one of the letter
codes of ``hangul``.
"""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nextchar.errors import TextError
from nextchar.text import hangul
from nextchar.text.hangul import Codes
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

_UNKNOWN_CODE = np.uint32(0xFFFF_FFFF)  # no code of any text
_BLOCK = 1 << 16


class CodeVocabulary(Vocabulary):
    """A vocabulary of codes; base class of char and jamo.

    Parameters
    ----------
    symbols
        The symbols in the order of their ids, in their JSON form: one character each.
    unknown
        Include ``<unk>`` with id 0, before the other symbols.

    Raises
    ------
    TextError
        There are no symbols, a symbol occurs twice, or is not a character.
    """

    def __init__(self, symbols: Sequence[str], *, unknown: bool = False) -> None:
        codes = [self.code(symbol) for symbol in symbols]
        if not codes:
            raise TextError("a vocabulary needs at least one symbol, got none")
        if len(set(codes)) < len(codes):
            twice, _ = Counter(symbols).most_common(1)[0]
            raise TextError(f"symbols must be distinct, got {twice!r:.80} more than once")
        first = [_UNKNOWN_CODE] if unknown else []
        self._written = tuple(symbols)
        self._codes = np.array([*first, *codes], dtype=np.uint32)
        self.unknown_id = 0 if unknown else None

    @staticmethod
    @abstractmethod
    def code(symbol: str) -> int:
        """Return the code of a symbol in JSON form; ``TextError`` if it is invalid."""

    @staticmethod
    @abstractmethod
    def written(code: int) -> str:
        """Return a code as a symbol in JSON form."""

    @staticmethod
    @abstractmethod
    def split(codes: Codes) -> Codes:
        """Convert code points [n] to symbol codes [m]."""

    @staticmethod
    @abstractmethod
    def join(codes: Codes) -> Codes:
        """Convert symbol codes [m], in any sequence, to code points [n]."""

    @staticmethod
    @abstractmethod
    def unfinished(codes: Codes) -> int:
        """Return the number of codes at the end that later codes could change."""

    @functools.cached_property
    def symbols(self) -> tuple[str, ...]:
        """The symbols in their JSON form, with escapes for unprintable characters."""
        return tuple(map(printable, self.keys))

    @property
    def keys(self) -> tuple[str, ...]:
        """The symbols in their JSON form, after ``<unk>`` if the vocabulary has it."""
        first = (UNKNOWN_NAME,) if self.unknown_id is not None else ()
        return (*first, *self._written)

    @functools.cached_property
    def starts_character(self) -> NDArray[np.bool_]:
        """False for the medial and final letters of a decomposed syllable, bool[V]."""
        return (self._codes < hangul.MEDIAL) | (self._codes >= hangul.CODE_LIMIT)

    def encode(self, text: str, *, unknown: Unknown = "error") -> Ids:
        """Encode a text as ids [n]; see ``Vocabulary.encode``."""
        parts = [np.empty(0, dtype=self.dtype)]
        unknown_codes: set[int] = set()
        for codes in map(self.split, code_blocks(text)):
            ids = self._table.take(codes)
            missing = (ids == 0) & (codes != self._codes[0])
            if missing.any():
                unknown_codes.update(np.unique(codes[missing]).tolist())
                ids = ids[~missing] if unknown == "skip" else ids
            parts.append(ids)
        is_error = unknown == "error" or (unknown == "replace" and self.unknown_id is None)
        if unknown_codes and is_error:
            symbols = [self.written(code) for code in sorted(unknown_codes)]
            first = min((c for c in set(text) if not self.knows(c)), key=text.index)
            raise unknown_symbols(symbols, self, unknown, text, first, text.index(first))
        return np.concatenate(parts)

    def decoder(self) -> Decoder:
        """Return a decoder; it buffers the letters of a syllable that may be incomplete."""
        return _CodeDecoder(self)

    def codes_of(self, ids: ArrayLike) -> Codes:
        """Return the code of each id [n], U+FFFD for ``<unk>``."""
        return self._shown[self.checked(ids)]

    @property
    def known_codes(self) -> Codes:
        """The codes of the symbols in the order of their ids, without ``<unk>``."""
        first = 0 if self.unknown_id is None else 1
        return self._codes[first:]

    def to_dict(self) -> dict[str, object]:
        """Return the kind, the symbols, and whether the vocabulary has ``<unk>``."""
        unknown = self.unknown_id is not None
        return {"kind": self.kind, "symbols": list(self._written), "unknown": unknown}

    @functools.cached_property
    def _table(self) -> Ids:
        """The id of every code; unknown codes also have 0, and ``encode`` distinguishes them."""
        table = np.zeros(hangul.CODE_LIMIT, dtype=self.dtype)
        known = self._codes != _UNKNOWN_CODE
        table[self._codes[known]] = np.flatnonzero(known)
        return table

    @functools.cached_property
    def _shown(self) -> Codes:
        unknown = self._codes == _UNKNOWN_CODE
        return np.where(unknown, np.uint32(ord(REPLACEMENT)), self._codes)


class CharVocabulary(CodeVocabulary):
    """One symbol for each code point."""

    kind = "char"

    @staticmethod
    def code(symbol: str) -> int:
        """Return the code point of a symbol of one character."""
        if len(symbol) != 1 or "\ud800" <= symbol <= "\udfff":
            raise TextError(f"a symbol must be one character, got {symbol!r:.80}")
        return ord(symbol)

    @staticmethod
    def written(code: int) -> str:
        """Return the character of a code point."""
        return chr(code)

    @staticmethod
    def split(codes: Codes) -> Codes:
        """Return the code points unchanged."""
        return codes

    @staticmethod
    def join(codes: Codes) -> Codes:
        """Return the code points unchanged."""
        return codes

    @staticmethod
    def unfinished(codes: Codes) -> int:  # noqa: ARG004  (every code point is complete)
        """Return 0: later code points change nothing."""
        return 0


def code_blocks(text: str) -> Iterator[Codes]:
    """Yield the code points of a text in blocks that fit in the CPU cache.

    Raises
    ------
    TextError
        The text has a lone surrogate.
    """
    for start in range(0, len(text), _BLOCK):
        try:
            encoded = text[start : start + _BLOCK].encode("utf-32-le")
        except UnicodeEncodeError as error:
            raise lone_surrogate(error, text, start) from None
        yield np.frombuffer(encoded, dtype="<u4")


class _CodeDecoder:
    def __init__(self, vocabulary: CodeVocabulary) -> None:
        self._vocabulary = vocabulary
        self._held = np.empty(0, dtype=np.uint32)

    def feed(self, ids: ArrayLike) -> str:
        codes = np.concatenate([self._held, self._vocabulary.codes_of(ids)])
        finished = len(codes) - self._vocabulary.unfinished(codes)
        self._held = codes[finished:]
        return self._text(codes[:finished])

    def flush(self) -> str:
        held, self._held = self._held, self._held[:0]
        return self._text(held)

    def _text(self, codes: Codes) -> str:
        return self._vocabulary.join(codes).astype("<u4").tobytes().decode("utf-32-le")

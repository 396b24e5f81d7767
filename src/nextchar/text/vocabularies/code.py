"""Code points as symbols, and what char and jamo share.

Legend: V symbols, n ids or code points, m codes. A *code* is a code point or one of the letter
codes of ``hangul``.
"""

from __future__ import annotations

import functools
from abc import abstractmethod
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
    """A vocabulary whose symbols are codes: what char and jamo share.

    Parameters
    ----------
    symbols
        The symbols in the order of their ids, written as in JSON: one character each.
    unknown
        Put ``<unk>`` before them, as id 0.

    Raises
    ------
    TextError
        No symbols, one that occurs twice, or one that is not a character.
    """

    def __init__(self, symbols: Sequence[str], *, unknown: bool = False) -> None:
        codes = [self.code(symbol) for symbol in symbols]
        if not codes:
            raise TextError("a vocabulary needs at least one symbol, got none")
        if len(set(codes)) < len(codes):
            twice = next(symbol for symbol in symbols if list(symbols).count(symbol) > 1)
            raise TextError(f"symbols must be distinct, got {twice!r} more than once")
        first = [_UNKNOWN_CODE] if unknown else []
        self._written = tuple(symbols)
        self._codes = np.array([*first, *codes], dtype=np.uint32)
        self.unknown_id = 0 if unknown else None

    @staticmethod
    @abstractmethod
    def code(symbol: str) -> int:
        """Read a symbol as JSON has it; ``TextError`` if it is none."""

    @staticmethod
    @abstractmethod
    def written(code: int) -> str:
        """Write a code as a symbol of JSON."""

    @staticmethod
    @abstractmethod
    def split(codes: Codes) -> Codes:
        """Turn code points [n] into the codes that are symbols [m]."""

    @staticmethod
    @abstractmethod
    def join(codes: Codes) -> Codes:
        """Turn any codes [m] into code points [n]."""

    @staticmethod
    @abstractmethod
    def unfinished(codes: Codes) -> int:
        """Count the codes at the end that later ones could change."""

    @functools.cached_property
    def symbols(self) -> tuple[str, ...]:
        """The symbols as they are written, with escapes for what cannot be printed."""
        return tuple(map(printable, self.keys))

    @property
    def keys(self) -> tuple[str, ...]:
        """The symbols as they are written, after ``<unk>`` where there is one."""
        first = (UNKNOWN_NAME,) if self.unknown_id is not None else ()
        return (*first, *self._written)

    @functools.cached_property
    def starts_character(self) -> NDArray[np.bool_]:
        """False for the medial and final letters of a decomposed syllable, bool[V]."""
        return (self._codes < hangul.MEDIAL) | (self._codes >= hangul.CODE_LIMIT)

    def encode(self, text: str, *, unknown: Unknown = "error") -> Ids:
        """Turn text into ids [n]; see ``Vocabulary.encode``."""
        parts = [np.empty(0, dtype=self.dtype)]
        strangers: set[int] = set()
        for codes in map(self.split, code_blocks(text)):
            ids = self._table.take(codes)
            missing = (ids == 0) & (codes != self._codes[0])
            if missing.any():
                strangers.update(np.unique(codes[missing]).tolist())
                ids = ids[~missing] if unknown == "skip" else ids
            parts.append(ids)
        if strangers and (unknown == "error" or (unknown == "replace" and self.unknown_id is None)):
            symbols = [self.written(code) for code in sorted(strangers)]
            first = min((c for c in set(text) if not self.knows(c)), key=text.index)
            raise unknown_symbols(symbols, self, unknown, text, first, text.index(first))
        return np.concatenate(parts)

    def decoder(self) -> Decoder:
        """Make a decoder that holds back the letters of a syllable that may go on."""
        return _CodeDecoder(self)

    def codes_of(self, ids: ArrayLike) -> Codes:
        """Give the code of each id [n], U+FFFD for ``<unk>``."""
        return self._shown[self.checked(ids)]

    @property
    def known_codes(self) -> Codes:
        """The codes of the symbols in the order of their ids, without ``<unk>``."""
        first = 0 if self.unknown_id is None else 1
        return self._codes[first:]

    def to_dict(self) -> dict[str, object]:
        """Give kind, symbols and whether ``<unk>`` stands before them."""
        unknown = self.unknown_id is not None
        return {"kind": self.kind, "symbols": list(self._written), "unknown": unknown}

    @functools.cached_property
    def _table(self) -> Ids:
        """The id of every code; 0 for those that are no symbol, which ``encode`` tells apart."""
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
        """Give the code point of a symbol of one character."""
        if len(symbol) != 1 or "\ud800" <= symbol <= "\udfff":
            raise TextError(f"a symbol must be one character, got {symbol!r}")
        return ord(symbol)

    @staticmethod
    def written(code: int) -> str:
        """Write a code point as its character."""
        return chr(code)

    @staticmethod
    def split(codes: Codes) -> Codes:
        """Leave code points as they are."""
        return codes

    @staticmethod
    def join(codes: Codes) -> Codes:
        """Leave code points as they are."""
        return codes

    @staticmethod
    def unfinished(codes: Codes) -> int:  # noqa: ARG004  (each is whole)
        """Count none."""
        return 0


def code_blocks(text: str) -> Iterator[Codes]:
    """Give the code points of a text in blocks of a size that stays in the cache.

    Raises
    ------
    TextError
        A lone surrogate.
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
        certain = len(codes) - self._vocabulary.unfinished(codes)
        self._held = codes[certain:]
        return self._text(codes[:certain])

    def flush(self) -> str:
        held, self._held = self._held, self._held[:0]
        return self._text(held)

    def _text(self, codes: Codes) -> str:
        return self._vocabulary.join(codes).astype("<u4").tobytes().decode("utf-32-le")

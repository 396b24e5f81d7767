"""Bytes as symbols.

Legend: n ids.
"""

from __future__ import annotations

import codecs
import functools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nextchar.text.vocabularies.base import Decoder, Ids, Unknown, Vocabulary, lone_surrogate


class ByteVocabulary(Vocabulary):
    """The 256 bytes of UTF-8 text; surrogate escapes represent bytes that are not UTF-8."""

    kind = "byte"

    @functools.cached_property
    def symbols(self) -> tuple[str, ...]:
        """Printable ASCII characters, and all other bytes in the form ``0x0a``."""
        return tuple(chr(b) if 0x20 <= b < 0x7F else f"0x{b:02x}" for b in range(256))

    @property
    def keys(self) -> tuple[str, ...]:
        """The symbols."""
        return self.symbols

    @functools.cached_property
    def starts_character(self) -> NDArray[np.bool_]:
        """False for the continuation bytes 0x80-0xBF, bool[256]."""
        values = np.arange(256)
        return (values < 0x80) | (values >= 0xC0)

    def encode(self, text: str, *, unknown: Unknown = "error") -> Ids:  # noqa: ARG002  (none is)
        """Encode a text as UTF-8, uint8[n]; surrogate escapes become their original bytes."""
        try:
            return np.frombuffer(bytearray(text.encode("utf-8", "surrogateescape")), dtype=np.uint8)
        except UnicodeEncodeError as error:
            raise lone_surrogate(error, text) from None

    def decoder(self) -> Decoder:
        """Return an incremental UTF-8 decoder; invalid bytes become U+FFFD."""
        return _ByteDecoder(self)

    def decode_bytes(self, ids: ArrayLike) -> bytes:
        """Return ids [n] as bytes."""
        return self.checked(ids).astype(np.uint8).tobytes()

    def to_dict(self) -> dict[str, object]:
        """Return the kind; a byte vocabulary has no other properties."""
        return {"kind": self.kind}


class _ByteDecoder:
    def __init__(self, vocabulary: ByteVocabulary) -> None:
        self._vocabulary = vocabulary
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, ids: ArrayLike) -> str:
        return self._decoder.decode(self._vocabulary.decode_bytes(ids))

    def flush(self) -> str:
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest

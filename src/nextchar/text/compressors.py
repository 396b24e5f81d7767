"""Compressed sizes of a text with general-purpose compressors, as a baseline for models."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import Protocol

LIMIT_BYTES = 1 << 23


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class CompressedSizes:
    """Compresses the beginning of a text with xz, bz2 and gzip at their best settings.

    The time and memory of xz at this setting grow with the text, up to minutes and 700 MB, so no
    more pieces are compressed after the one that reaches ``LIMIT_BYTES``.
    """

    def __init__(self) -> None:
        self._compressors: dict[str, _Compressor] = {
            "xz": lzma.LZMACompressor(preset=9 | lzma.PRESET_EXTREME),
            "bz2": bz2.BZ2Compressor(9),
            "gzip": zlib.compressobj(9, wbits=31),
        }
        self._sizes = dict.fromkeys(self._compressors, 0)
        self._left = LIMIT_BYTES

    @property
    def is_full(self) -> bool:
        """Whether further pieces are ignored."""
        return self._left <= 0

    def feed(self, data: bytes) -> None:
        """Compress the next piece, unless ``is_full``."""
        if self.is_full:
            return
        self._left -= len(data)
        for name, compressor in self._compressors.items():
            self._sizes[name] += len(compressor.compress(data))

    def finish(self) -> dict[str, int]:
        """Return the compressed sizes in bytes, including headers."""
        for name, compressor in self._compressors.items():
            self._sizes[name] += len(compressor.flush())
        return self._sizes

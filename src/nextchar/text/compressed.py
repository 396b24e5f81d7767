"""Compressed files: gzip, bzip2, xz and zstd, decompressed while reading, up to a limit.

A compressed file is decompressed in constant memory. Its compression ratio is limited, so that a
small file cannot fill the disk; see ``Content``.
"""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable
from io import BufferedReader, RawIOBase
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Protocol

from nextchar.errors import TextError, as_option
from nextchar.text.signatures import BEGINNING, signature_of

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

UNLIMITED_BYTES = 10_000_000  # decompressed bytes to which the limit does not apply
_BLOCK = 1 << 16  # compressed bytes
_XZ_MEMORY = 1 << 29  # bytes; xz -9 needs 65 MiB
_ENDINGS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}


class _Decompressor(Protocol):
    """The decompressor of one member of a file, as in ``bz2`` and ``lzma``."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """The decompressor of a gzip member."""

    def __init__(self) -> None:
        self._inflating = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self._is_full = False

    @property
    def eof(self) -> bool:
        return self._inflating.eof

    @property
    def needs_input(self) -> bool:
        return not (self._is_full or self._inflating.unconsumed_tail)

    @property
    def unused_data(self) -> bytes:
        return self._inflating.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        held = self._inflating.unconsumed_tail
        result = self._inflating.decompress(held + data if held else data, max_length)
        self._is_full = len(result) == max_length
        return result


def _decompressor(kind: str) -> tuple[Callable[[], _Decompressor], type[Exception]]:
    """Return the function that makes a decompressor, and the type of its errors."""
    if kind == "gzip":
        return _Gzip, zlib.error
    if kind == "bzip2":
        return bz2.BZ2Decompressor, OSError
    if kind == "xz":
        return (lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY)), lzma.LZMAError
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.ZstdDecompressor, zstd.ZstdError


def plain_name(path: str | PurePath) -> str:
    """Return the name of a file in lower case, without the extension of a compression format."""
    name = str(path).lower()
    ending = next((ending for ending in _ENDINGS if name.endswith(ending)), "")
    return name.removesuffix(ending)


class Content:
    """The content of a file: its bytes, decompressed if the file is compressed.

    Compressed files are recognised by their first bytes, or else by their name. Beyond
    ``UNLIMITED_BYTES``, the compression ratio of what was read so far is limited.

    Parameters
    ----------
    file
        The file, at its start, with a buffer of ``BEGINNING`` bytes.
    name
        The name of the file, also used in messages.
    max_ratio
        The maximum compression ratio: decompressed bytes for each compressed byte.
    takes_bytes
        Whether to accept every other format as raw bytes.

    Attributes
    ----------
    beginning
        The first bytes of the content.

    Raises
    ------
    TextError
        The file has a format that is not text, and raw bytes are not accepted; it is compressed
        twice, or damaged; or zstd is not installed.
    """

    def __init__(
        self, file: BufferedReader[Any], name: str, *, max_ratio: int, takes_bytes: bool
    ) -> None:
        self._read = 0
        self._stream = file
        self._packed: _Decompressed | None = None
        beginning = file.peek()
        found = signature_of(beginning)
        if found is None:
            endings = (kind for ending, kind in _ENDINGS.items() if name.lower().endswith(ending))
            kind = next(endings, None)
        else:
            kind = None if found.advice else found.name
        if kind is not None:
            self._packed = _Decompressed(file, name, kind, max_ratio)
            self._stream = BufferedReader(self._packed, BEGINNING)
            beginning = self._stream.peek()
            found = signature_of(beginning)
        self.beginning = beginning
        if found is None or takes_bytes:
            return
        within = "" if kind is None else f" in a {kind} file"
        if not found.advice:
            raise TextError(f"{name} is compressed twice, {found.name}{within}: decompress it once")
        raise TextError(f"{name} is {found.name}{within}, not a text: {found.advice}")

    @property
    def consumed(self) -> int:
        """Number of bytes of the file that were read, including those in the buffer."""
        return self._read if self._packed is None else self._packed.consumed

    @property
    def expansion(self) -> str:
        """The sizes of a compressed file of more than ``UNLIMITED_BYTES``; otherwise empty."""
        if self._packed is None or self._packed.produced <= UNLIMITED_BYTES:
            return ""
        return f"{_size(self._packed.consumed)} decompressed to {_size(self._packed.produced)}"

    def read(self, size: int) -> bytes:
        """Return the next bytes, fewer than ``size`` only at the end."""
        return self._counted(self._stream.read(size))

    def read_available(self, size: int) -> bytes:
        """Return the next bytes, as many as are available without waiting for more."""
        return self._counted(self._stream.read1(size))

    def _counted(self, data: bytes) -> bytes:
        self._read += len(data)
        return data


class _Decompressed(RawIOBase):
    """The decompressed bytes of a file.

    Attributes
    ----------
    consumed, produced
        Number of compressed and decompressed bytes so far.
    """

    def __init__(self, file: BufferedReader[Any], name: str, kind: str, max_ratio: int) -> None:
        super().__init__()
        self.consumed = self.produced = 0
        self._file, self._name, self._kind = file, name, kind
        self._max_ratio = max_ratio
        self._member: _Decompressor | None = None  # a file is one or more of them
        try:
            self._begin, self._error = _decompressor(kind)
        except ImportError as error:
            raise TextError(
                f"{name} is a zstd file: decompress it first, or pip install 'nextchar[zstd]'"
            ) from error

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Decompress the next bytes into a buffer; return their number, 0 at the end."""
        view = memoryview(buffer).cast("B")
        data = self._next(len(view))
        view[: len(data)] = data
        self.produced += len(data)
        if self.produced > max(UNLIMITED_BYTES, self._max_ratio * self.consumed):
            raise TextError(
                f"{self._name} was stopped at {_size(self.produced)}, decompressed from "
                f"{_size(self.consumed)}: its compression ratio is above {self._max_ratio}; "
                f"decompress it first, or train with {as_option('max_compression_ratio', 10_000)}"
            )
        return len(data)

    def _next(self, size: int) -> bytes:
        while True:
            data, follows = b"", False
            if self._member is None or self._member.eof:
                data, follows = self._after(self._member), self._member is not None
                if not data:
                    return b""
                self._member = self._begin()
            elif self._member.needs_input:
                data = self._block()
                if not data:
                    raise self._damaged("it is truncated")
            try:
                result = self._member.decompress(data, size)
            except self._error as error:
                reason = "other data follow its end" if follows else str(error)
                raise self._damaged(reason) from error
            if result:
                return result

    def _after(self, member: _Decompressor | None) -> bytes:
        """Return the first bytes after a member, if any; zeros are padding."""
        if member is None:
            return self._block()
        data = member.unused_data.lstrip(b"\0")
        while not data and (block := self._block()):
            data = block.lstrip(b"\0")
        return data

    def _block(self) -> bytes:
        data = self._file.read1(_BLOCK)
        self.consumed += len(data)
        return data

    def _damaged(self, reason: str) -> TextError:
        return TextError(f"{self._name} is not a complete {self._kind} file: {reason}")


def _size(count: int) -> str:
    """Return a number of bytes in the unit that fits."""
    if count < 1000:
        return f"{count} bytes"
    size, unit = count / 1000, "kB"
    for larger in ("MB", "GB", "TB"):
        if size >= 1000:
            size, unit = size / 1000, larger
    return f"{size:.1f} {unit}" if size < 10 else f"{size:,.0f} {unit}"

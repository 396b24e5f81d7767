r"""The format of a compressed file: a header, the coder's words, and a checksum over both.

    magic     4 bytes    \x89NXC
    version   uint16     2
    experts   uint8      0 none, 1 fixed, 2 learning, 3 adaptive; absent in version 1: none
    streams   uint16     number of parallel streams
    symbols   uint64     number of symbols
    model     8 bytes    digest of the vocabulary, the network's options and the weights
    numbers   8 bytes    fingerprint of the model's predictions on the compressing machine
    content   16 bytes   digest of the original bytes
    words     uint32 …   output of the range coder
    checksum  8 bytes    digest of all preceding bytes

Numbers are little-endian. Digests and the checksum use BLAKE2b.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

from nextchar.config import ExpertUse
from nextchar.errors import TextError

MAGIC, VERSION = b"\x89NXC", 2
SHORT_DIGEST_BYTES, DIGEST_BYTES = 8, 16

_START = struct.Struct("<4sH")
_FIELDS = struct.Struct(f"<HQ{SHORT_DIGEST_BYTES}s{SHORT_DIGEST_BYTES}s{DIGEST_BYTES}s")
_EXPERTS: tuple[ExpertUse, ...] = (
    "none",
    "fixed",
    "learning",
    "adaptive",
)  # by their number in the file
_LEAST_BYTES = _START.size + _FIELDS.size + SHORT_DIGEST_BYTES
OVERHEAD_BYTES = _LEAST_BYTES + 1


class Header(NamedTuple):
    """The header of a compressed file; see the module docstring."""

    experts: ExpertUse
    streams: int
    symbols: int
    model: bytes
    numbers: bytes
    content: bytes


def join(header: Header, words: bytes) -> bytes:
    """Return a complete file."""
    experts, *fields = header
    start = _START.pack(MAGIC, VERSION) + bytes([_EXPERTS.index(experts)])
    content = start + _FIELDS.pack(*fields) + words
    return content + _checksum(content)


def split(data: bytes) -> tuple[Header, memoryview]:
    """Return the header and the words of a complete file; nothing is copied.

    Raises
    ------
    TextError
        The file is of another kind, has a newer format, or is damaged.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise TextError(
            f"not a file compressed by nextchar: it must begin with {MAGIC!r}, got "
            f"{data[: len(MAGIC)]!r}"
        )
    if len(data) < _LEAST_BYTES:
        raise TextError(
            f"the compressed file is damaged: it must have at least {_LEAST_BYTES} bytes, got "
            f"{len(data)}"
        )
    content, checksum = memoryview(data)[:-SHORT_DIGEST_BYTES], data[-SHORT_DIGEST_BYTES:]
    _, version = _START.unpack_from(content)
    if checksum != _checksum(content):
        raise TextError(
            "the compressed file is damaged, or from a newer nextchar: its checksum is "
            f"{_checksum(content).hex()}, expected {checksum.hex()}"
        )
    if not 1 <= version <= VERSION:
        raise TextError(
            f"the compressed file has format {version}, this nextchar reads 1 to {VERSION}: use a "
            "newer nextchar"
        )
    place = _START.size if version == 1 else _START.size + 1
    if len(content) < place + _FIELDS.size:
        raise TextError("the compressed file is damaged: its header is incomplete")
    number = 0 if version == 1 else content[_START.size]
    if number >= len(_EXPERTS):
        raise TextError(
            f"the compressed file is damaged: the number of its experts must be 0 to "
            f"{len(_EXPERTS) - 1}, got {number}"
        )
    header = Header(_EXPERTS[number], *_FIELDS.unpack_from(content, place))
    return header, content[place + _FIELDS.size :]


def _checksum(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=SHORT_DIGEST_BYTES).digest()

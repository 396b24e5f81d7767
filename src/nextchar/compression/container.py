r"""The format of a compressed file: a header, the coder's words, a checksum over both.

    magic     4 bytes    \x89NXC
    version   uint16     1
    streams   uint16     how many stretches of the text were coded side by side
    symbols   uint64     how many there are
    model     8 bytes    digest of the vocabulary and the weights
    numbers   8 bytes    digest of what the model computes where the file was made
    content   16 bytes   digest of the original bytes
    words     uint32 …   the range coder's
    checksum  8 bytes    over all before it

Numbers are little-endian, digests and the checksum BLAKE2b.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

from nextchar.errors import TextError

MAGIC, VERSION = b"\x89NXC", 1
SHORT_DIGEST_BYTES, DIGEST_BYTES = 8, 16

_START = struct.Struct("<4sH")
_FIELDS = struct.Struct(f"<HQ{SHORT_DIGEST_BYTES}s{SHORT_DIGEST_BYTES}s{DIGEST_BYTES}s")
OVERHEAD_BYTES = _START.size + _FIELDS.size + SHORT_DIGEST_BYTES


class Header(NamedTuple):
    """What a file says of itself; see the top of this file."""

    streams: int
    symbols: int
    model: bytes
    numbers: bytes
    content: bytes


def join(header: Header, words: bytes) -> bytes:
    """Make a whole file."""
    content = _START.pack(MAGIC, VERSION) + _FIELDS.pack(*header) + words
    return content + _checksum(content)


def split(data: bytes) -> tuple[Header, bytes]:
    """Give the header and the words of a whole file.

    Raises
    ------
    TextError
        The file is of another kind, of a newer format, or differs in any bit from what was
        written.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise TextError(
            f"not a file that nextchar compressed: it must begin with {MAGIC!r}, got "
            f"{data[: len(MAGIC)]!r}"
        )
    if len(data) < OVERHEAD_BYTES:
        raise TextError(
            f"the compressed file is damaged: it must have at least {OVERHEAD_BYTES} bytes, got "
            f"{len(data)}"
        )
    content, checksum = data[:-SHORT_DIGEST_BYTES], data[-SHORT_DIGEST_BYTES:]
    _, version = _START.unpack_from(content)
    if checksum != _checksum(content):
        raise TextError(
            "the compressed file is damaged, or of a newer nextchar: its checksum is "
            f"{_checksum(content).hex()}, and must be {checksum.hex()}"
        )
    if version != VERSION:
        raise TextError(
            f"the compressed file has format {version}, this nextchar reads {VERSION}: a newer "
            "nextchar made it"
        )
    header = Header(*_FIELDS.unpack_from(content, _START.size))
    return header, content[_START.size + _FIELDS.size :]


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=SHORT_DIGEST_BYTES).digest()

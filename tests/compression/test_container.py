"""The format of a compressed file: known bytes, and what is refused."""

from __future__ import annotations

import hashlib

import pytest

from nextchar.compression.container import OVERHEAD_BYTES, Header, join, split
from nextchar.errors import TextError

HEADER = Header(
    experts="adaptive",
    streams=2,
    symbols=515,
    model=b"MODELxyz",
    numbers=b"NUMBERSx",
    content=b"sixteen of these",
)
OF_VERSION_1 = (
    b"\x89NXC\x01\x00"
    b"\x02\x00"
    b"\x03\x02\x00\x00\x00\x00\x00\x00"
    b"MODELxyzNUMBERSxsixteen of these"
    b"words"
    b"\x56\xfd\x65\xe4\xb1\x1f\x62\xfb"  # of `b2sum -l 64`
)
GOLDEN = (
    b"\x89NXC\x02\x00"
    b"\x03"
    b"\x02\x00"
    b"\x03\x02\x00\x00\x00\x00\x00\x00"
    b"MODELxyzNUMBERSxsixteen of these"
    b"words"
    b"\xf0\x83\xa4\x19\xe0\x29\xb2\xb6"  # of `b2sum -l 64`
)


def test_a_file_has_known_bytes() -> None:
    assert join(HEADER, b"words") == GOLDEN
    assert len(GOLDEN) == OVERHEAD_BYTES + len(b"words")


def test_a_file_comes_apart_again() -> None:
    for file, words in ((GOLDEN, b"words"), (join(HEADER, b""), b"")):
        header, found = split(file)
        assert (header, bytes(found)) == (HEADER, words)


def test_a_file_of_version_1_has_no_experts() -> None:
    header, words = split(OF_VERSION_1)
    assert (header, bytes(words)) == (HEADER._replace(experts="none"), b"words")


def test_an_unknown_number_of_the_experts_is_refused() -> None:
    content = GOLDEN[:6] + b"\x04" + GOLDEN[7:-8]
    file = content + hashlib.blake2b(content, digest_size=8).digest()
    with pytest.raises(TextError, match="the number of its experts must be 0 to 3, got 4"):
        split(file)


@pytest.mark.parametrize("data", [b"", b"\x89NX", b"PK\x03\x04 and more"])
def test_another_kind_of_file_is_refused(data: bytes) -> None:
    with pytest.raises(TextError, match="not a file compressed by nextchar"):
        split(data)


def test_a_file_that_ends_in_its_header_is_damaged() -> None:
    with pytest.raises(TextError, match="at least 56 bytes, got 20"):
        split(GOLDEN[:20])


def test_a_newer_format_is_named() -> None:
    newer = GOLDEN[:4] + b"\x03" + GOLDEN[5:-8]
    with pytest.raises(TextError, match="format 3, this nextchar reads 1 to 2"):
        split(newer + hashlib.blake2b(newer, digest_size=8).digest())

"""Compressed files: read whole or refused in one line, and never larger than they should be."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import random
import struct
import sys
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.errors import TextError
from nextchar.text import compressed
from nextchar.text.compressed import UNLIMITED_BYTES, Content, plain_name
from nextchar.text.signatures import BEGINNING

Compress = Callable[[bytes], bytes]


def zstd(data: bytes) -> bytes:
    module = pytest.importorskip("backports.zstd")
    return bytes(module.compress(data))


def gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


COMPRESS: dict[str, Compress] = {
    "gzip": gz, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstd,
}  # fmt: skip
every_kind = pytest.mark.parametrize("kind", COMPRESS)
NOISE = random.Random(0).randbytes(3000)


def content(data: bytes, name: str = "a.txt", *, max_ratio: int = 100) -> Content:
    file = io.BufferedReader(io.BytesIO(data), BEGINNING)
    return Content(file, name, max_ratio=max_ratio, takes_bytes=False)


def read(data: bytes, name: str = "a.txt", *, size: int = 1 << 20, max_ratio: int = 100) -> bytes:
    opened = content(data, name, max_ratio=max_ratio)
    return b"".join(iter(lambda: opened.read(size), b""))


@given(st.binary(max_size=300), st.integers(1, 400), st.sampled_from(["gzip", "bzip2", "xz"]))
def test_what_was_compressed_comes_back(data: bytes, size: int, kind: str) -> None:
    data = b"." + data  # never a format of its own
    assert read(COMPRESS[kind](data), size=size) == data


@every_kind
@pytest.mark.parametrize("size", [1, 7, 1 << 16, 1 << 20])
def test_members_and_padding_are_one_content(kind: str, size: int) -> None:
    packed = b"".join(COMPRESS[kind](each) for each in (b"one ", b"", NOISE, b"two" * 999))
    assert read(packed + bytes(512), size=size) == b"one " + NOISE + b"two" * 999


@every_kind
def test_every_truncation_is_one_line(kind: str) -> None:
    packed = COMPRESS[kind](b"some text, " * 20)
    for cut in range(10, len(packed)):
        with pytest.raises(TextError, match=rf"^a\.txt is not a complete {kind} file: [^\n]*$"):
            read(packed[:cut])


@every_kind
def test_data_behind_the_end_are_not_lost_in_silence(kind: str) -> None:
    with pytest.raises(TextError, match=rf"not a complete {kind} file: other data follow its end"):
        read(COMPRESS[kind](b"text") + b"and more than that")


@every_kind
def test_a_changed_byte_is_never_read_as_another_text(kind: str) -> None:
    packed = bytearray(COMPRESS[kind](NOISE))
    for place in range(10, len(packed), 5):
        damaged = bytes(packed[:place]) + bytes([packed[place] ^ 1]) + bytes(packed[place + 1 :])
        with contextlib.suppress(TextError):
            assert kind == "zstd" or read(damaged) == NOISE  # zstd has no checksum by default


@every_kind
def test_the_name_counts_if_the_content_says_nothing(kind: str) -> None:
    ending = {"gzip": ".gz", "bzip2": ".bz2", "xz": ".xz", "zstd": ".zst"}[kind]
    assert plain_name(f"A.CSV{ending}") == "a.csv"
    assert read(b"", f"a{ending}") == b""
    COMPRESS[kind](b"")  # skips where zstd is missing
    with pytest.raises(TextError, match=f"is not a complete {kind} file"):
        read(b"plain", f"a{ending}")


@every_kind
@pytest.mark.parametrize("outer", COMPRESS)
def test_a_file_compressed_twice_is_refused(kind: str, outer: str) -> None:
    with pytest.raises(TextError, match=f"compressed twice, {kind} in a {outer} file"):
        read(COMPRESS[outer](COMPRESS[kind](b"text")))


@every_kind
def test_an_archive_inside_is_refused(kind: str) -> None:
    with pytest.raises(TextError, match=f"is a tar archive in a {kind} file, not a text: unpack"):
        read(COMPRESS[kind](b"a" * 257 + b"ustar\x00" + b"b" * 999))


@every_kind
def test_a_small_file_does_not_become_a_large_one(kind: str) -> None:
    packed = COMPRESS[kind](b"a" * (5 * UNLIMITED_BYTES))
    tracemalloc.start()
    opened = content(packed)
    pieces = map(len, iter(lambda: opened.read(1 << 20), b""))
    with pytest.raises(TextError, match="its compression ratio is above 100; decompress it first"):
        assert sum(pieces) > 0
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 << 20
    assert len(read(packed, max_ratio=1 << 50)) == 5 * UNLIMITED_BYTES


def test_the_limit_is_exact_and_a_larger_expansion_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "UNLIMITED_BYTES", 5000)
    text = random.Random(1).randbytes(100).hex().encode() * 40  # 8,000 bytes
    packed = gz(text)
    ratio = -(-len(text) // len(packed))
    opened = content(packed, max_ratio=ratio)
    assert opened.read(1 << 20) == text
    assert opened.expansion == f"{len(packed)} bytes decompressed to 8.0 kB"
    with pytest.raises(TextError, match=rf"ratio is above {ratio - 1};"):
        read(packed, max_ratio=ratio - 1)
    assert content(text).expansion == ""


def test_sizes_have_the_unit_that_fits() -> None:
    sizes = [999, 1000, 1_234_567, 30_000_000, 10**10, 10**15]
    assert [*map(compressed._size, sizes)] == [
        "999 bytes", "1.0 kB", "1.2 MB", "30 MB", "10 GB", "1,000 TB",
    ]  # fmt: skip


def test_an_xz_file_that_demands_gigabytes_is_refused() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 1, "dict_size": 4 << 20}]
    packed = bytearray(lzma.compress(b"text" * 99, filters=filters))
    # The block header: size, flags, filter, size of its properties, dictionary size, padding, CRC.
    place = packed.index(b"\x21\x01", 12) + 2
    packed[place] = 39  # 3 GiB
    end = 12 + (packed[12] + 1) * 4 - 4
    packed[end : end + 4] = struct.pack("<I", zlib.crc32(packed[12:end]))
    with pytest.raises(TextError, match="not a complete xz file: Memory usage limit exceeded"):
        read(bytes(packed))


def test_zstd_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = zstd(b"text")
    for name in ("backports.zstd", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delattr("backports.zstd", raising=False)
    with pytest.raises(TextError, match=r"decompress it first, or pip install 'nextchar\[zstd\]'"):
        read(packed)

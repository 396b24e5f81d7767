"""Text that passes through: what is not understood is not lost."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.errors import ConfigError, TextError
from nextchar.text.passing import PassingText, Undecodable
from nextchar.text.signatures import marked_encoding, signature_of

CUT_OFF = gzip.compress(b"text" * 1000, mtime=0)[:-9]


def is_plain(data: bytes) -> bool:
    return signature_of(data) is None and marked_encoding(data) is None


def passed(data: bytes, encoding: str, errors: Undecodable = "pass") -> tuple[bytes, int]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        with PassingText("-", encoding, errors) as text:
            return b"".join(map(text.encoded, text.chunks())), text.passed


@given(st.binary(max_size=50).filter(is_plain), st.sampled_from(["utf-8", "utf-8-sig", "ascii"]))
def test_any_bytes_pass_as_they_are(data: bytes, encoding: str) -> None:
    assert passed(data, encoding)[0] == data


@pytest.mark.parametrize("encoding", ["utf-16", "cp949", "latin-1", "utf-8-sig", "utf-8"])
def test_a_text_is_written_in_its_encoding(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes("é\n".encode(encoding) if encoding == "latin-1" else "한글\n".encode(encoding))
    with PassingText(str(path), encoding, "strict") as text:
        assert b"".join(map(text.encoded, text.chunks())) == path.read_bytes()


def test_bytes_that_pass_are_counted() -> None:
    assert passed(b"a\xff\xfeb", "utf-8") == (b"a\xff\xfeb", 2)
    assert passed(b"a\xffb", "utf-8", "replace") == ("a\ufffdb".encode(), 0)


def test_what_cannot_be_decoded_can_be_refused() -> None:
    with pytest.raises(
        TextError, match="- is not utf-8: byte 0xff at offset 70000, line 1, column 7"
    ):
        passed(b"a" * 70_000 + b"\xff", "utf-8", "strict")


def test_what_cannot_be_encoded_is_refused(tmp_path: Path) -> None:
    with (
        PassingText("-", "ascii", "strict") as text,
        pytest.raises(TextError, match="cannot be written as ascii"),
    ):
        text.encoded("é")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    for name, words in (("gone", "no such file"), ("", "cannot read")):
        with (
            PassingText(str(tmp_path / name), "utf-8", "pass") as text,
            pytest.raises(TextError, match=words),
        ):
            list(text.chunks())
    with pytest.raises(ConfigError, match="klingon"):
        PassingText("-", "klingon", "pass")


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", ["-", "text.txt", "text.gz", "text.bz2"])
def test_compressed_input_is_undone(
    compress: Callable[[bytes], bytes], name: str, tmp_path: Path
) -> None:
    text = "한글, written again and again\n" * 9000
    if name == "-":
        assert passed(compress(text.encode()), "utf-8") == (text.encode(), 0)
        return
    path = tmp_path / name
    path.write_bytes(compress(text.encode()))
    with PassingText(str(path), "utf-8", "strict") as passing:
        assert "".join(passing.chunks()) == text


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.gz", b"plain", "a.gz is not a complete gzip file"),
        (
            "a.txt",
            gzip.compress(b"text" * 1000, mtime=0)[:-9],
            "a.txt is not a complete gzip file",
        ),
        ("a.xz", lzma.compress(b"text")[:-9] + b"123456789", "a.xz is not a complete xz file"),
        ("a.bz2", b"plain", "a.bz2 is not a complete bzip2 file"),
        ("a.txt", b"PK\x03\x04\x14", "a.txt is a zip archive, not a text: unpack it"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "a.7z is a 7z archive, not a text: unpack it"),
    ],
)
def test_what_cannot_be_undone_is_refused(
    name: str, data: bytes, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    with (
        PassingText(str(tmp_path / name), "latin-1", "pass") as text,
        pytest.raises(TextError) as refused,
    ):
        list(text.chunks())
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_byte_order_mark_names_the_encoding_in_place_of_utf8(encoding: str) -> None:
    data = "\ufeff한글\n".encode(encoding)
    assert passed(data, "utf-8") == (data, 0)
    assert passed(data, encoding) == (data, 0)


def test_a_pipe_in_place_of_a_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (
        PassingText(str(tmp_path / "pipe"), "utf-8", "pass") as text,
        pytest.raises(TextError, match="it is not a regular file"),
    ):
        list(text.chunks())

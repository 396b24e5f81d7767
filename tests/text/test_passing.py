"""Text that passes through: what is not understood is not lost."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.errors import ConfigError, TextError
from nextchar.text.passing import PassingText, Undecodable


def passed(data: bytes, encoding: str, errors: Undecodable = "pass") -> tuple[bytes, int]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        with PassingText("-", encoding, errors) as text:
            return b"".join(map(text.encoded, text.chunks())), text.passed


@given(st.binary(max_size=50), st.sampled_from(["utf-8", "utf-8-sig", "ascii"]))
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

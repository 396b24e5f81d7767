import bz2
import errno
import gzip
import io
import lzma
import os
import random
import shutil
import sys
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextchar.config import DecodingErrors, TextConfig
from nextchar.errors import ConfigError, StorageError, TextError
from nextchar.text import reading
from nextchar.text.files import Input
from nextchar.text.reading import open_text
from nextchar.visible import printable_text


def read_text(inputs: list[Input], config: TextConfig) -> str:
    with open_text(inputs, config) as source:
        return "".join(source.chunks())


UTF8 = TextConfig()
BYTES = TextConfig(vocabulary="byte")
NFC = TextConfig(normalization="nfc")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.txt"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reading") / "text"


def test_files_are_concatenated_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\r\ntwo\r")
    (tmp_path / "b").write_bytes(b"\n\x00three")
    with open_text([tmp_path], UTF8) as source:
        assert "".join(source.chunks()) == "one\r\ntwo\r\n\x00three"
        assert source.names == (str(tmp_path / "a"), str(tmp_path / "b"))
        assert source.size == 16


def test_a_source_can_be_read_twice(file: Path) -> None:
    file.write_text("again")
    with open_text([file], UTF8) as source:
        assert list(source.chunks()) == list(source.chunks()) == ["again"]


@settings(deadline=None)
@given(
    text=st.text(min_size=1).filter(lambda t: not t.startswith("\ufeff")), size=st.integers(1, 9)
)
def test_characters_survive_any_chunk_border(scratch: Path, text: str, size: int) -> None:
    scratch.write_bytes(text.encode())
    with mock.patch.object(reading, "CHUNK_BYTES", size):
        assert read_text([scratch], UTF8) == text


@settings(deadline=None)
@given(data=st.binary(min_size=1), size=st.integers(1, 9))
def test_bytes_pass_unchanged_for_a_byte_vocabulary(scratch: Path, data: bytes, size: int) -> None:
    if data.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        data = b"." + data
    scratch.write_bytes(data)
    with mock.patch.object(reading, "CHUNK_BYTES", size):
        assert read_text([scratch], BYTES).encode("utf-8", "surrogateescape") == data


def test_a_file_whose_name_is_not_utf8_has_a_name_that_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "a\udcff"
    path.write_text("text")
    with open_text([path], UTF8) as source:
        assert source.names == (f"{tmp_path}/a\\xff",)
        assert list(source.chunks()) == ["text"]


def test_chunks_are_bounded(file: Path) -> None:
    file.write_bytes(b"x" * (3 * reading.CHUNK_BYTES + 5))
    with open_text([file], UTF8) as source:
        assert [len(chunk) for chunk in source.chunks()] == [*[reading.CHUNK_BYTES] * 3, 5]


def test_progress_rises_to_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 10)
    (tmp_path / "b").write_bytes(b"y" * 30)
    told: list[float] = []
    with mock.patch.object(reading, "CHUNK_BYTES", 10), open_text([tmp_path], UTF8) as source:
        list(source.chunks(told.append))
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.25, 1.0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "UTF8"])
def test_a_byte_order_mark_is_removed_from_each_file(tmp_path: Path, encoding: str) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + name.encode())
    assert read_text([tmp_path], TextConfig(encoding=encoding)) == "ab"


@pytest.mark.parametrize(
    "encoding", ["utf-16-le", "UTF-16BE", "utf_32_le", "utf-32-be", "utf-16", "utf-32", "gb18030"]
)
def test_a_byte_order_mark_is_removed_in_every_encoding(file: Path, encoding: str) -> None:
    marked = "" if encoding in ("utf-16", "utf-32") else "\ufeff"
    file.write_bytes((marked + "text\ufeff").encode(encoding))
    with mock.patch.object(reading, "CHUNK_BYTES", 1):
        assert read_text([file], TextConfig(encoding=encoding)) == "text\ufeff"


def test_only_the_first_byte_order_mark_is_one(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf\xef\xbb\xbfa\xef\xbb\xbf")
    assert read_text([file], UTF8) == "\ufeffa\ufeff"


def test_a_byte_vocabulary_keeps_the_byte_order_mark(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfa")
    assert read_text([file], BYTES) == "\ufeffa"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "cp949", "latin-1"])
def test_other_encodings_are_read(file: Path, encoding: str) -> None:
    text = "naïve\n" if encoding == "latin-1" else "가나다 abc\n"
    file.write_bytes(text.encode(encoding))
    with mock.patch.object(reading, "CHUNK_BYTES", 3):
        assert read_text([file], TextConfig(encoding=encoding)) == text


@pytest.mark.parametrize("before", [0, 1, 5, 100])
def test_an_undecodable_byte_is_named_with_its_offset(file: Path, before: int) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + b"a" * before + b"\xff\xfeabc")
    with (
        mock.patch.object(reading, "CHUNK_BYTES", 4),
        pytest.raises(TextError, match=f"a.txt is not utf-8: byte 0xff at offset {before + 3}, "),
    ):
        read_text([file], UTF8)


def test_the_message_about_an_undecodable_byte_says_how_to_go_on(file: Path) -> None:
    file.write_bytes(b"caf\xe9")
    with pytest.raises(TextError) as caught:
        read_text([file], UTF8)
    assert str(caught.value) == (
        f"{file} is not utf-8: byte 0xe9 at offset 3, line 1, column 4 (unexpected end of data); "
        'set encoding, or errors="replace", or vocabulary="byte"'
    )


def test_the_offset_counts_from_the_start_of_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"fine")
    (tmp_path / "b").write_bytes(b"12\x80")
    with pytest.raises(TextError, match="b is not utf-8: byte 0x80 at offset 2"):
        read_text([tmp_path], UTF8)


def test_a_character_that_is_cut_off_at_the_end_is_an_error(file: Path) -> None:
    file.write_bytes("가".encode()[:2])
    with pytest.raises(TextError, match="byte 0xea at offset 0"):
        read_text([file], UTF8)


def test_utf16_without_a_byte_order_mark_is_an_error(file: Path) -> None:
    file.write_bytes(b"a\x00b\x00c\x00")
    with pytest.raises(TextError, match=r"is not utf-16: .*; set encoding"):
        read_text([file], TextConfig(encoding="utf-16"))


@pytest.mark.parametrize(
    ("errors", "text"), [("replace", "a\ufffdb"), ("ignore", "ab"), ("backslashreplace", "a\\xffb")]
)
def test_decoding_errors_can_be_replaced(file: Path, errors: DecodingErrors, text: str) -> None:
    file.write_bytes(b"a\xffb")
    assert read_text([file], TextConfig(errors=errors)) == text


@pytest.mark.parametrize("encoding", ["nonsense", "rot13", "base64", "undefined", "", "a\0b"])
def test_an_encoding_that_gives_no_text_is_an_error(file: Path, encoding: str) -> None:
    file.write_text("a")
    with pytest.raises(ConfigError, match=r"encoding must be a text encoding .*, got "):
        read_text([file], TextConfig(encoding=encoding))


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt", "a.bz2"])
@pytest.mark.parametrize("config", [UTF8, BYTES])
def test_compressed_files_are_undone_by_content_or_by_name(
    tmp_path: Path, compress: Callable[[bytes], bytes], name: str, config: TextConfig
) -> None:
    (tmp_path / name).write_bytes(compress("가나다".encode() * 100))
    assert read_text([tmp_path], config) == "가나다" * 100


def test_an_archive_is_text_only_as_bytes(file: Path) -> None:
    file.write_bytes(b"PK\x03\x04rest")
    assert read_text([file], BYTES) == "PK\x03\x04rest"
    with pytest.raises(TextError, match=r"a\.txt is a zip archive, not a text: unpack it"):
        read_text([file], TextConfig(encoding="latin-1"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-12],
        lambda data: data[:5],
        lambda data: data[:20] + b"\xff\xff\xff\xff" + data[24:],
        lambda data: data[:-6] + b"\0" + data[-5:],
        lambda data: data + b"junk",
        lambda data: b"no gzip at all",
    ],
)
def test_a_damaged_gzip_file_is_an_error(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    data = gzip.compress(random.Random(0).randbytes(500), mtime=0)
    (tmp_path / "a.gz").write_bytes(damage(data))
    with pytest.raises(TextError, match=r"a\.gz is not a complete gzip file"):
        read_text([tmp_path], BYTES)


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_a_text_without_a_character_is_an_error_that_names_the_inputs(
    tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "b").write_bytes(b"")
    with pytest.raises(TextError, match=r"the text is empty: no characters in .*/a, .*/b"):
        read_text([tmp_path], UTF8)


def test_many_empty_inputs_are_not_all_listed(tmp_path: Path) -> None:
    for index in range(8):
        (tmp_path / str(index)).touch()
    with pytest.raises(TextError, match=r"/4 and 3 more$"):
        read_text([tmp_path], UTF8)


def test_a_file_that_changes_between_two_readings_is_an_error(file: Path) -> None:
    file.write_text("abc")
    with open_text([file], UTF8) as source:
        list(source.chunks())
        file.write_text("abcd")
        with pytest.raises(TextError, match=r"a\.txt was modified while it was being read"):
            list(source.chunks())


def test_a_file_that_is_replaced_by_another_of_its_size_and_time_is_an_error(
    file: Path, tmp_path: Path
) -> None:
    file.write_text("abc")
    with open_text([file], UTF8) as source:
        (tmp_path / "other").write_text("xyz")
        shutil.copystat(file, tmp_path / "other")
        (tmp_path / "other").replace(file)
        with pytest.raises(TextError, match=r"a\.txt was modified while it was being read"):
            list(source.chunks())


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_file_that_grows_without_end_is_an_error(
    file: Path, compress: Callable[[bytes], bytes]
) -> None:
    file.write_bytes(compress(b"text"))

    def grow(_share: float) -> None:
        assert file.stat().st_size < 1000
        with file.open("ab") as growing:
            growing.write(compress(b"text"))

    with (
        open_text([file], UTF8) as source,
        pytest.raises(TextError, match=r"a\.txt was modified while it was being read"),
    ):
        list(source.chunks(grow))


def test_a_file_that_is_cut_while_it_is_read_was_modified(file: Path) -> None:
    file.write_bytes(gzip.compress(random.Random(0).randbytes(300_000).hex().encode()))
    with mock.patch.object(reading, "CHUNK_BYTES", 1000), open_text([file], UTF8) as source:
        chunks = source.chunks()
        next(chunks)
        os.truncate(file, 100_000)
        with pytest.raises(TextError, match=r"a\.txt was modified while it was being read"):
            list(chunks)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_byte_order_mark_names_the_encoding_in_place_of_utf8(
    file: Path,
    encoding: str,
    compress: Callable[[bytes], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = "\ufeff가나다 abc\n".encode(encoding)
    file.write_bytes(compress(data))
    caplog.set_level("INFO", "nextchar")
    with open_text([file], UTF8) as source:
        assert "".join(source.chunks()) == "".join(source.chunks()) == "가나다 abc\n"
    assert caplog.messages == [f"{file}: read as {encoding}, by its byte order mark"]
    caplog.clear()
    assert read_text([file], TextConfig(encoding=encoding)) == "가나다 abc\n"
    assert read_text([file], BYTES).encode("utf-8", "surrogateescape") == data
    assert read_text([file], TextConfig(encoding="latin-1")) == data.decode("latin-1")
    assert caplog.messages == []


def test_utf16_without_a_mark_is_told(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_bytes("hello world\n".encode("utf-16-le"))
    caplog.set_level("INFO", "nextchar")
    read_text([file], UTF8)
    assert caplog.messages == [
        f"{file}: looks like utf-16-le without a byte order mark, but is read as utf-8"
    ]
    file.write_bytes("참 좋은 날이다\n".encode("utf-16-be") * 9)
    with pytest.raises(TextError, match=r'it looks like utf-16-be: set encoding="utf-16-be"$'):
        read_text([file], UTF8)


def test_the_expansion_of_a_large_file_is_told_once(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "nextchar")
    monkeypatch.setattr("nextchar.text.compressed.UNLIMITED_BYTES", 1000)
    file.write_bytes(gzip.compress(b"abcd" * 250, mtime=0))
    read_text([file], UTF8)
    assert caplog.messages == []
    file.write_bytes(gzip.compress(b"abcd" * 251, mtime=0))
    with open_text([file], UTF8) as source:
        assert len("".join(source.chunks())) == len("".join(source.chunks())) == 1004
    assert caplog.messages == [f"{file}: {file.stat().st_size} bytes decompressed to 1.0 kB"]


@pytest.mark.parametrize("name", ["\ufdd0", "\ufdd1a\ufdd2", "\ufdd3", "\ufdd0\ufdd1\ufdd2\ufdd3"])
def test_a_name_of_noncharacters_is_not_lost_in_a_message(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"a\xff")
    with pytest.raises(TextError) as caught:
        read_text([tmp_path / name], UTF8)
    shown = printable_text(str(tmp_path / name))
    assert str(caught.value).startswith(f"{shown} is not utf-8: byte 0xff")
    assert 'errors="replace"' in str(caught.value)
    assert "--errors replace" in caught.value.for_command_line


def test_a_file_that_disappears_is_an_error(file: Path) -> None:
    file.write_text("abc")
    with open_text([file], UTF8) as source:
        file.unlink()
        with pytest.raises(TextError, match=r"cannot read .*a\.txt: No such file"):
            list(source.chunks())


def test_a_read_that_fails_is_an_error(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("abc")
    with open_text([file], UTF8) as source:

        def fail(path: Path) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(reading, "open_regular", fail)
        with pytest.raises(TextError, match=r"cannot read .*: Input/output error"):
            list(source.chunks())


def test_standard_input_can_be_read_twice_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with open_text(["-"], UTF8, stdin=io.BytesIO(b"piped")) as source:
        assert list(source.chunks()) == list(source.chunks()) == ["piped"]
        assert source.names == ("standard input",)
    assert list(tmp_path.iterdir()) == []


def test_standard_input_is_that_of_the_process_unless_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"piped")))
    assert read_text(["-"], UTF8) == "piped"


def test_standard_input_goes_with_nothing_else(file: Path) -> None:
    file.write_text("a")
    with pytest.raises(TextError, match="must be the only input, got 2 inputs"):
        read_text(["-", file], UTF8)


def test_a_full_disk_while_copying_standard_input_is_a_storage_error() -> None:
    stdin = mock.Mock(read=mock.Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
    with (
        pytest.raises(StorageError, match="No space left on device"),
        open_text(["-"], UTF8, stdin=stdin),
    ):
        pass


HARD_TO_NORMALIZE = st.text(
    st.sampled_from(
        "aée\u0301\u0323\u030a\u1100\u1161\u11a8가각\u3099か\u0344ΐ\u03b9\u0915\u093c\n"
    )
)


@settings(deadline=None)
@given(text=HARD_TO_NORMALIZE.filter(len), size=st.integers(1, 9))
def test_nfc_is_exact_over_chunk_borders(scratch: Path, text: str, size: int) -> None:
    scratch.write_bytes(text.encode())
    with mock.patch.object(reading, "CHUNK_BYTES", size):
        assert read_text([scratch], NFC) == unicodedata.normalize("NFC", text)


def test_nfc_never_joins_two_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("e")
    (tmp_path / "b").write_text("\u0301")
    assert read_text([tmp_path], NFC) == "e\u0301"


def test_nfc_cuts_only_before_characters_that_never_compose_backwards() -> None:
    first_of = [unicodedata.normalize("NFD", chr(code))[0] for code in range(sys.maxunicode + 1)]
    second_of = {
        unicodedata.normalize("NFD", chr(int(parts[1], 16)))[0]
        for code in range(sys.maxunicode + 1)
        if len(parts := unicodedata.decomposition(chr(code)).split()) == 2 and "<" not in parts[0]
    }
    jamo = {chr(code) for code in range(0x1161, 0x1200)}
    for code, first in enumerate(first_of):
        if reading._UNCHANGED_AFTER_CUT.match(chr(code)):
            assert unicodedata.combining(first) == 0
            assert first not in second_of | jamo


def test_nfc_holds_back_little_of_a_real_text(file: Path) -> None:
    file.write_text("한국어는 아름답다.\n" * 5000)
    with mock.patch.object(reading, "CHUNK_BYTES", 1000), open_text([file], NFC) as source:
        assert max(map(len, source.chunks())) <= 1000

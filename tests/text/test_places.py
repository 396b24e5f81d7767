"""Places are lines and columns as an editor counts them, whatever the pieces of a text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.config import TextConfig
from nextchar.errors import TextError, UnknownSymbolsError
from nextchar.text.places import Place, first_place, place_in
from nextchar.text.reading import open_text
from nextchar.text.vocabulary import learn

TEXTS = st.text("ab\r\n가")


@given(TEXTS)
def test_a_line_ends_with_either_sign_or_both(text: str) -> None:
    place = place_in(text, len(text))
    *lines, last = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert (place.line, place.column) == (len(lines) + 1, len(last) + 1)


@given(st.lists(TEXTS))
def test_the_place_does_not_hang_on_the_pieces(pieces: list[str]) -> None:
    place = Place(name="a.txt")
    for piece in pieces:
        place = place.after(piece)
    assert str(place) == str(place_in("".join(pieces), len("".join(pieces)), "a.txt"))


@given(st.lists(TEXTS), st.text("ab", min_size=1, max_size=3))
def test_a_text_is_found_across_the_pieces(pieces: list[str], wanted: str) -> None:
    index = "".join(pieces).find(wanted)
    found = first_place(wanted, pieces)
    expected = None if index < 0 else place_in("".join(pieces), index)
    assert str(found) == str(expected)


def test_an_unknown_symbol_is_named_with_file_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abc\nab\n")
    (tmp_path / "b.txt").write_text("a\r\n\r\nab§ca\n§")
    vocabulary = learn("char", ["abc\r\n"], 1)
    with (
        pytest.raises(UnknownSymbolsError, match=r"'§': .*first at .*b\.txt, line 3, column 3;"),
        open_text([tmp_path], TextConfig()) as source,
    ):
        list(map(vocabulary.encode, source.chunks()))


def test_a_text_that_is_not_of_the_source_keeps_its_own_place(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abc\n")
    vocabulary = learn("char", ["abc\n"], 1)
    with (
        pytest.raises(UnknownSymbolsError, match="the first at line 2, column 3; "),
        open_text([tmp_path], TextConfig()),
    ):
        vocabulary.encode("\nab§", unknown="replace")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-be", "cp949"])
def test_a_byte_that_cannot_be_decoded_is_named_with_line_and_column(
    tmp_path: Path, encoding: str
) -> None:
    bad = b"\xdc\x00" if encoding == "utf-16-be" else b"\xff"
    data = "가\n나다".encode(encoding)
    (tmp_path / "a.txt").write_bytes(data + bad + "라".encode(encoding))
    with (
        pytest.raises(TextError, match=rf"byte .* at offset {len(data)}, line 2, column 3 "),
        open_text([tmp_path / "a.txt"], TextConfig(encoding=encoding)) as source,
    ):
        list(source.chunks())


def test_a_byte_far_into_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"0123456\n" * 300_000 + b"ab\xff")
    with (
        pytest.raises(TextError, match="line 300001, column 3 "),
        open_text([tmp_path / "a.txt"], TextConfig()) as source,
    ):
        list(source.chunks())

"""Tables of synonyms: three kinds of file that say the same, and what is no table."""

from __future__ import annotations

import bz2
from pathlib import Path

import pytest

from nextchar.errors import TextError
from nextchar.text.synonyms import read_synonyms


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("table.tsv", "big\tlarge\thuge\n\n집\t가옥\nbig\tlarge\tvast\nbig\tbig\nalone\n"),
        ("table.csv", '\ufeffbig,"large",huge\n집, 가옥 \nbig,vast,\nalone,\n'),
        ("table.csv", "big;large;huge\r집;가옥\rbig;vast\ralone\r"),
        ("TABLE.TSV", "big\tlarge\thuge\n집\t가옥\nbig\tvast\n"),
        ("table.json", '{"big": ["large", "huge", "vast", "big"], "집": ["가옥"], "alone": []}'),
    ],
)
def test_each_kind_of_file_holds_words_and_their_alternatives(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    table = read_synonyms(tmp_path / name)
    assert table == {"big": ["large", "huge", "vast"], "집": ["가옥"]}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("table.txt", b"a\tb", "must be a .tsv, .csv, .json file"),
        ("table.tsv", b"", "is empty"),
        ("table.tsv", b"a\nb\n", "has no word with a synonym"),
        ("table.tsv", b"a\t\xff\n", "is not utf-8"),
        ("table.csv", b'a,b\n\na,"b\n', "line 3: a quoted field starts here"),
        ("table.json", b"{", "is not JSON"),
        ("table.json", b"[1]", "must be a JSON object with a list of strings for each word"),
        ("table.json", b'{"a": "b"}', "must be a JSON object with a list of strings for each word"),
        ("table.json", b'{"a": [1]}', "must be a JSON object with a list of strings for each word"),
    ],
)
def test_what_is_no_table_is_refused(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TextError) as caught:
        read_synonyms(tmp_path / name)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"no such file or folder: .*table\.tsv"):
        read_synonyms(tmp_path / "table.tsv")


def test_quotes_in_a_tsv_file_are_text_and_merge_no_lines(tmp_path: Path) -> None:
    (tmp_path / "table.tsv").write_text("inch\t\"\nfoot\t'\nbig\tlarge\n")
    assert read_synonyms(tmp_path / "table.tsv") == {"inch": ['"'], "foot": ["'"], "big": ["large"]}


def test_a_compressed_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "table.csv.bz2").write_bytes(bz2.compress(b"big,large\n"))
    assert read_synonyms(tmp_path / "table.csv.bz2") == {"big": ["large"]}

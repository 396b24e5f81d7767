"""Items from plain text, labelled files and tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextchar.config import TextConfig
from nextchar.errors import ConfigError, TextError
from nextchar.tasks.tagging.items import Item, read_items
from nextchar.tasks.tagging.restoration import Restoration

SPACES = Restoration(["spaces"])


def read(path: Path, *columns: str, restoration: Restoration | None = None) -> list[Item]:
    return read_items([path], TextConfig(), restoration, columns=columns)


def test_a_line_of_plain_text_is_an_item(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"a b\r\n\n\nc\rd\n e")
    items = read(path, restoration=SPACES)
    assert [SPACES.join(item.characters, item.labels) for item in items] == [
        "a b", "c\rd", " e",
    ]  # fmt: skip


def test_a_labelled_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a\tB\nb\tI\n\n\n \tO\n\t\tO\n")
    assert read(path) == [Item(("a", "b"), ("B", "I")), Item((" ", "\t"), ("O", "O"))]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a\tB\nb\n", ("line 2", "no second column", "'b'")),
        ("a\tB\nab\tB\n", ("line 2", "one character", "2 characters")),
        ("a\tB\n\tB\n", ("line 2", "0 characters")),
        ("a\t\n", ("line 1", "no label")),
        ("a\tB\tC\n", ("line 1", "3 characters before the last tab")),
        ("\n\n", ("no item",)),
        ("", ("empty",)),
        ("x" * 1000, ("line 1", "…")),
    ],
    ids=["no-label", "two", "none", "empty-label", "three-columns", "blank", "empty", "long"],
)
def test_a_bad_labelled_file_is_refused_with_its_line(
    tmp_path: Path, content: str, words: tuple[str, ...]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text(content)
    with pytest.raises(TextError) as caught:
        read(path)
    assert [word for word in words if word not in str(caught.value)] == []
    assert len(str(caught.value)) < 300


def test_a_table_of_texts_and_labels_is_read_with_and_without_spaces(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,labels\nab,BI\ncd,B-X O\n,\n")
    assert read(path, "text", "labels") == [
        Item(("a", "b"), ("B", "I")), Item(("c", "d"), ("B-X", "O")),
    ]  # fmt: skip


def test_more_labels_than_characters_and_rows_without_a_text_are_told(tmp_path: Path) -> None:
    path, notes = tmp_path / "a.csv", list[str]()
    path.write_text("text,labels\nBIO,abc\n,\nBIB,def\n,x\n")
    read_items([path], TextConfig(), None, columns=("text", "labels"), note=notes.append)
    assert notes == [
        f"2 rows without a text are left out (the first: {path}, line 3)",
        "there are more labels (6) than distinct characters (3): characters and labels may be "
        "swapped",
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_with_a_return_alone(tmp_path: Path, end: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(end.join(["a\tB", "b\tI", "", "c\tO", ""]).encode())
    assert read(path) == [Item(("a", "b"), ("B", "I")), Item(("c",), ("O",))]


def test_columns_of_a_table_without_a_header_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('7\ta"b\tBOI\n')
    assert read(path, "2", "3") == [Item(("a", '"', "b"), ("B", "O", "I"))]


def test_labels_that_are_too_few_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,labels\nabc,BI\n")
    with pytest.raises(TextError, match=r"line 2: a text of 3 characters needs as many labels"):
        read(path, "text", "labels")


def test_columns_of_plain_text_are_lines_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('Q,A,n\nhi you,"good, day",1\n')
    items = read(path, "Q", "A", restoration=SPACES)
    texts = [SPACES.join(item.characters, item.labels) for item in items]
    assert sorted(texts) == ["good, day", "hi you"]


def test_columns_and_tables_need_each_other(tmp_path: Path) -> None:
    table, text = tmp_path / "a.csv", tmp_path / "a.txt"
    table.write_text("text,labels\na,B\n")
    text.write_text("a b\n")
    with pytest.raises(ConfigError, match="columns is for tables"):
        read(text, "text", restoration=SPACES)
    with pytest.raises(ConfigError, match="is a table: name the columns"):
        read(table, restoration=SPACES)
    with pytest.raises(ConfigError, match="two columns"):
        read(table, "text")
    with pytest.raises(TextError, match="no column 'tags': it has 'text', 'labels'"):
        read(table, "text", "tags")

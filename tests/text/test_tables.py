"""Tables: their columns, their rows' places, and what is wrong with them in one line."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.config import TextConfig
from nextchar.errors import TextError
from nextchar.text.tables import TableKind, kind_of, read_rows

FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\ufeff"), max_size=20)


def rows(path: Path, *columns: str, kind: TableKind = "csv") -> list[tuple[str, ...]]:
    return [row.fields for row in read_rows(path, columns, TextConfig(), kind=kind)]


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.csv", "csv"), ("A.CSV.GZ", "csv"), ("b.tsv", "tsv"), ("b.tab", "tsv"),
     ("c.jsonl", "jsonl"), ("c.ndjson.gz", "jsonl"), ("d.txt", None), ("csv", None)],
)  # fmt: skip
def test_the_kind_follows_from_the_name(name: str, kind: str | None) -> None:
    assert kind_of(name) == kind


def test_columns_are_found_by_name_whatever_their_order(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,label,text\n1,pos,good\n2,neg,bad\n")
    assert rows(path, "text", "label") == [("good", "pos"), ("bad", "neg")]


def test_quoted_fields_hold_commas_quotes_and_line_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text,label\r\n"one, ""two""\nthree",a\r\nfour,b\r\n')
    found = read_rows(path, ["text", "label"], TextConfig(), kind="csv")
    assert [row.fields for row in found] == [('one, "two"\nthree', "a"), ("four", "b")]
    assert [row.place for row in found] == [f"{path}, line 3", f"{path}, line 4"]


def test_a_field_may_be_longer_than_csv_allows(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    path = write(tmp_path / "a.csv", f"text\n{'x' * 1_000_000}\n")
    assert len(rows(path, "text")[0][0]) == 1_000_000
    assert csv.field_size_limit() == before


@given(table=st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=5))
def test_what_csv_writes_is_read_back(
    table: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerows([("text", "label"), *table])
    path = write(tmp_path_factory.mktemp("csv") / "a.csv", text.getvalue())
    assert rows(path, "text", "label") == table


@given(table=st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=5))
def test_what_json_writes_is_read_back(
    table: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = [json.dumps({"label": label, "text": text}) for text, label in table]
    path = write(tmp_path_factory.mktemp("json") / "a.jsonl", "\n".join(lines) + "\n")
    assert rows(path, "text", "label", kind="jsonl") == table


def test_numbers_are_taken_as_they_are_written(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"text": "x", "label": 1}\n\n{"text": "y", "label": 0.5}\n')
    assert rows(path, "text", "label", kind="jsonl") == [("x", "1"), ("y", "0.5")]


def test_a_compressed_table_in_another_encoding_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv.gz"
    path.write_bytes(gzip.compress("text\tlabel\n값\t1\n".encode("cp949")))
    config = TextConfig(encoding="cp949")
    assert read_rows(path, ["text"], config, kind="tsv")[0].fields == ("값",)


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("csv", "text,label\nx,1\n", ("line 2", "no column 'stars'", "'text', 'label'")),
        ("csv", "text,stars\nx\n", ("line 2", "1 fields", "names 2")),
        ("csv", "text,stars\nx,1,y\n", ("line 2", "3 fields")),
        ("csv", 'text,stars\n"x,1\n', ("line 2", "unexpected end")),
        ("csv", "stars,stars\n1,2\n", ("column 'stars' twice",)),
        ("csv", "", ("empty",)),
        ("jsonl", '{"stars": 1}\nnothing\n', ("line 2", "not JSON")),
        ("jsonl", "[1]\n", ("line 1", "must be an object", "[1]")),
        ("jsonl", '{"stars": null}\n', ("line 1", "'stars' must be text or a number", "null")),
        ("jsonl", '{"stars": true}\n', ("'stars' must be text or a number", "true")),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    kind: TableKind, text: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    path = write(tmp_path / "a", text)
    with pytest.raises(TextError) as error:
        rows(path, "stars", kind=kind)
    assert [word for word in words if word not in str(error.value)] == []


def test_what_cannot_be_decoded_is_not_said_to_be_readable_as_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"text\n\xff\n")
    with pytest.raises(TextError, match=r'offset 5, .*; give encoding, or errors="replace"$'):
        rows(tmp_path / "a.csv", "text")

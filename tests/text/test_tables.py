"""Tables: their columns, their rows' places, and what is wrong with them in one line."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
from pathlib import Path
from typing import Literal
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextchar.config import TextConfig
from nextchar.errors import TextError
from nextchar.text import reading
from nextchar.text.fields import Separated
from nextchar.text.tables import TableKind, kind_of, read_records, read_rows, read_table

FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\ufeff"), max_size=20)
PLAIN_FIELD = st.text(
    st.characters(codec="utf-8", exclude_characters="\ufeff\t\r\n") | st.sampled_from("\"',; "),
    max_size=20,
)


def rows(path: Path, *columns: str, kind: TableKind = "csv") -> list[tuple[str, ...]]:
    return [row.fields for row in read_rows(path, columns, TextConfig(), kind=kind)]


def noted(path: Path, *columns: str, kind: TableKind = "csv") -> list[str]:
    notes: list[str] = []
    for _ in read_rows(path, columns, TextConfig(), kind=kind, note=notes.append):
        pass
    return [note.replace(str(path), path.name) for note in notes]


def refusal(path: Path, *columns: str, kind: TableKind = "csv") -> str:
    with pytest.raises(TextError) as error:
        rows(path, *columns, kind=kind)
    assert "\n" not in str(error.value)
    return str(error.value).replace(str(path), path.name)


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.csv", "csv"), ("A.CSV.GZ", "csv"), ("b.tsv", "tsv"), ("b.tab", "tsv"),
     ("c.jsonl", "jsonl"), ("c.ndjson.gz", "jsonl"), ("c.json", "jsonl"), ("b.tsv.bz2", "tsv"),
     ("a.csv.XZ", "csv"), ("d.txt", None), ("csv", None)],
)  # fmt: skip
def test_the_kind_follows_from_the_name(name: str, kind: str | None) -> None:
    assert kind_of(name) == kind


def test_columns_are_found_by_name_whatever_their_order(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,label,text\n1,pos,good\n2,neg,bad\n")
    assert rows(path, "text", "label") == [("good", "pos"), ("bad", "neg")]


def test_quoted_fields_hold_commas_quotes_and_line_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text,label\r\n"one, ""two""\nthree",a\r\nfour,b\r\n')
    found = list(read_rows(path, ["text", "label"], TextConfig(), kind="csv"))
    assert [row.fields for row in found] == [('one, "two"\nthree', "a"), ("four", "b")]
    assert [row.place for row in found] == [f"{path}, line 2", f"{path}, line 4"]


def test_a_field_may_be_longer_than_csv_allows(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    path = write(tmp_path / "a.csv", f"text\n{'x' * 1_000_000}\n")
    assert len(rows(path, "text")[0][0]) == 1_000_000
    assert csv.field_size_limit() == before


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@settings(deadline=None)
@given(
    table=st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=5),
    dialect=st.sampled_from(["excel", "excel-tab", "unix"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    separator=st.sampled_from(["", ",", ";", "\t", "|"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    size=st.integers(1, 40),
)
def test_what_csv_writes_is_read_back(
    scratch: Path,
    table: list[tuple[str, str]],
    dialect: str,
    quoting: Literal[0, 1, 2],
    separator: str,
    line_end: str,
    size: int,
) -> None:
    text = io.StringIO(newline="")
    parting = separator or csv.get_dialect(dialect).delimiter
    if quoting == csv.QUOTE_MINIMAL:  # Only then are both of "\r" and "\n" in quotes.
        line_end = "\r\n"
    writer = csv.writer(text, dialect, quoting=quoting, delimiter=parting, lineterminator=line_end)
    writer.writerows([("text", "label"), *table])
    path = write(scratch / "a.csv", text.getvalue())
    with mock.patch.object(reading, "CHUNK_BYTES", size):
        assert rows(path, "text", "label") == table


@settings(deadline=None)
@given(
    table=st.lists(st.tuples(PLAIN_FIELD, PLAIN_FIELD), min_size=1, max_size=5),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    size=st.integers(1, 40),
)
def test_a_field_of_a_tsv_file_is_its_characters(
    scratch: Path, table: list[tuple[str, str]], line_end: str, size: int
) -> None:
    lines = ["\t".join(row) + line_end for row in [("text", "label"), *table]]
    path = write(scratch / "a.tsv", "".join(lines))
    with mock.patch.object(reading, "CHUNK_BYTES", size):
        assert rows(path, "text", "label", kind="tsv") == table


@settings(deadline=None)
@given(table=st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=5))
def test_a_tsv_file_whose_header_is_quoted_is_read_as_quoted(
    scratch: Path, table: list[tuple[str, str]]
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, "excel-tab", quoting=csv.QUOTE_ALL)
    writer.writerows([("text", "label"), *table])
    path = write(scratch / "q.tsv", text.getvalue())
    assert rows(path, "text", "label", kind="tsv") == table


@settings(deadline=None)
@given(
    table=st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=5),
    ensure_ascii=st.booleans(),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    size=st.integers(1, 40),
)
def test_what_json_writes_is_read_back(
    scratch: Path,
    table: list[tuple[str, str]],
    ensure_ascii: bool,
    line_end: str,
    size: int,
) -> None:
    objects = [{"label": label, "spare": [None], "text": text} for text, label in table]
    lines = [json.dumps(each, ensure_ascii=ensure_ascii) + line_end for each in objects]
    path = write(scratch / "a.jsonl", "".join(lines))
    with mock.patch.object(reading, "CHUNK_BYTES", size):
        assert rows(path, "text", "label", kind="jsonl") == table


def test_numbers_are_taken_as_they_are_written(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"text": "x", "label": 1}\n\n{"text": "y", "label": 0.5}\n')
    assert rows(path, "text", "label", kind="jsonl") == [("x", "1"), ("y", "0.5")]
    write(path, '{"text": "x", "label": 1.50}\r{"text": "y", "label": 10000000000000000001}\r')
    assert rows(path, "label", kind="jsonl") == [("1.50",), ("10000000000000000001",)]


def test_a_compressed_table_in_another_encoding_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv.gz"
    path.write_bytes(gzip.compress("text\tlabel\n값\t1\n".encode("cp949")))
    config = TextConfig(encoding="cp949")
    assert next(read_rows(path, ["text"], config, kind="tsv")).fields == ("값",)


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("csv", "text,label\nx,1\n", ("line 1", "no column 'stars'", "'text', 'label'", "numbers")),
        ("csv", "text,stars\nx\n", ("line 2", "1 fields", "has 2")),
        ("csv", "text,stars\nx,1,y\n", ("line 2", "3 fields")),
        ("csv", 'text,stars\n"x,1\n', ("line 2", "a quoted field starts here and is never closed")),
        ("csv", "stars,stars\n1,2\n", ("column 'stars' twice",)),
        ("csv", "", ("empty",)),
        ("jsonl", '{"stars": 1}\nnothing\n', ("line 2", "must be a JSON object")),
        ("jsonl", "[1]\n", ("line 1", "must be an object", "[1]")),
        ("jsonl", '{"stars": 1}\n{"stars": [null]}\n', ("line 2", "must be text or a number")),
        ("jsonl", '{"stars": "a"}\n{"stars": "b\\ud83d"}\n', ("line 2", "U+D83D at character 2")),
        ("jsonl", '{"stars": {"n": 1}}\n', ("line 1", "'stars'", '{"n": "1"}')),
        ("jsonl", '{"text": 1}\n', ("no line has 'stars'", "'text'")),
        ("jsonl", '[\n{"stars": 1}\n]', ("line 1", "an array is not JSON lines")),
        ("csv", "a;b\n1;2\n", ("no column 'stars'", "it has 'a', 'b'")),
        ("tsv", 'text\tstars\n"x\ny"\t1\n', ("line 2", "1 fields", "quotes are text")),
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
    with pytest.raises(TextError, match=r'offset 5, .*; set encoding, or errors="replace"$'):
        rows(tmp_path / "a.csv", "text")


# What is odd, and is read


def test_columns_that_are_not_asked_for_are_not_judged(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ",,label,text,x,x\n1,2,n,a,c,d\n1,2,n,b\n1,2,n,c,c,d,,\n")
    assert rows(path, "text", "label") == [("a", "n"), ("b", "n"), ("c", "n")]
    assert noted(path, "text", "label") == [
        "a.csv: rows with fewer fields than the first line: 1, the first in line 3",
        "a.csv: rows with more fields than the first line: 1, the first in line 4",
    ]
    assert "line 1 has the column 'x' twice" in refusal(path, "x")


def test_empty_fields_behind_the_last_column_are_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "label,text\nn,a,,\nn,b,\n")
    assert rows(path, "text", "label") == [("a", "n"), ("b", "n")]
    write(path, "label,text\nn,a, and b\n")
    assert "line 2 has 3 fields; the first line has 2, separated by commas" in refusal(path, "text")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("text;label\na, b;1\nc;2\n", "semicolons"),
        ("text\tlabel\na, b\t1\nc\t2\n", "tabs"),
        ("id|text|label\n7|a, b|1\n8|c|2\n", "bars"),
        ("sep=;\r\ntext;label\r\na, b;1\r\nc;2\r\n", "semicolons"),
        ("sep=^\ntext^label\na, b^1\nc^2\n", "'^'"),
        ('\n\n"text";"label"\n"a, b";"1"\nc;2\n', "semicolons"),
    ],
)
def test_other_separators_are_recognised_and_told(content: str, word: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", content)
    assert rows(path, "text", "label") == [("a, b", "1"), ("c", "2")]
    assert [f"fields are separated by {word}" in note for note in noted(path, "text", "label")] == [
        True
    ]


def test_commas_in_a_tsv_file_are_recognised(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", 'text,label\n"a, b",1\n')
    assert rows(path, "text", "label", kind="tsv") == [("a, b", "1")]


def test_fields_of_a_tsv_file_in_quotes_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", 'text\tlabel\n"a\t1\n"b ""c"""\t2\n"d"\t3\n')
    assert rows(path, "text", kind="tsv") == [('"a',), ('"b ""c"""',), ('"d"',)]
    assert noted(path, "text", kind="tsv") == [
        "a.tsv: quoted fields (quotes are text in a .tsv file): 2, the first in line 3"
    ]


def test_json_that_is_no_text_is_an_empty_field_and_counted(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        '{"text": "a", "label": true}\n{"text": "b", "label": null}\n{"text": "c"}\n'
        '{"text": "d", "label": NaN}\n{"text": "e", "label": "x", "more": [1]}\n',
    )
    found = [("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", "x")]
    assert rows(path, "text", "label", kind="jsonl") == found
    (note,) = noted(path, "text", "label", kind="jsonl")
    assert note == (
        "a.jsonl: values of 'label' that are missing, null, true or false, read as empty: 4, "
        "the first in line 1"
    )


# Quotes that are not closed


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('text,label\na,1\n"b,2\nc,3\nd,4\n', "line 3: a quoted field starts here and is never"),
        ('text,label\na,1\n"b\n",2\n"c\nd","e\n', "line 6: a quoted field starts here and is"),
        ('text,label\n"b,2\nc,3\n"d",4\n', "closing quote in line 4: quotes inside"),
        ('text,label\n"b,2\nc,3\n"d",4\n', "line 2: a quoted field starts here, and text"),
        ('text,label\na,1\n"b"c,2\n', "line 3: a quoted field starts here, and text follows"),
        ('sep=;\ntext;label\na;1\n"b;2\n', "line 4: a quoted field starts here and is never"),
    ],
)
def test_a_quote_that_is_not_closed_is_named_by_the_line_that_opens_it(
    content: str, words: str, tmp_path: Path
) -> None:
    assert words in refusal(write(tmp_path / "a.csv", content), "text", "label")


# Without a header


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", 'n,"a, b",x\np,c,y\n'), ("a.tsv", "n\ta, b\tx\np\tc\ty\n"),
     ("a.csv", "n;a, b;x\np;c;y\n")],
)  # fmt: skip
def test_columns_of_a_file_without_a_header_are_numbers(
    name: str, content: str, tmp_path: Path
) -> None:
    path = write(tmp_path / name, content)
    kind = kind_of(path)
    assert kind is not None
    assert rows(path, "2", "1", kind=kind) == [("a, b", "n"), ("c", "p")]
    assert noted(path, "2", "1", kind=kind)[-1] == (
        f"{name} is read as a file without a header: column 2 begins with 'a, b', "
        "column 1 begins with 'n'"
    )
    assert "line 1 has no column 40: it has " in refusal(path, "40", kind=kind)
    assert "line 1 has no column 0" in refusal(path, "0", kind=kind)
    assert "no column 'label'" in refusal(path, "2", "label", kind=kind)


def test_names_that_are_numbers_are_names_and_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "0,1,2\na,b,c\n")
    assert rows(path, "1", "2") == [("b", "c")]
    assert noted(path, "1") == ["a.csv: line 1 names columns 1: read as names, not positions"]


def test_a_table_of_numbers_may_have_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", '"x, y",z\n1,2\n')
    names, found = read_table(path, TextConfig(), kind="csv")
    assert (names, [row.fields for row in found]) == (("x, y", "z"), [("1", "2")])
    write(path, "1;2\n3;4\n")
    names, found = read_table(path, TextConfig(), kind="csv")
    assert (names, [row.fields for row in found]) == (("1", "2"), [("1", "2"), ("3", "4")])
    write(path, "x,x\n3,4\n")
    with pytest.raises(TextError, match="line 1 has the column 'x' twice"):
        read_table(path, TextConfig(), kind="csv")


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_names_of_a_table_of_numbers_may_stand_in_quotes(kind: Separated, tmp_path: Path) -> None:
    path = write(tmp_path / "a", '"x"\t"y z"\n1\t2\n')
    names, found = read_table(path, TextConfig(), kind=kind)
    assert (names, [row.fields for row in found]) == (("x", "y z"), [("1", "2")])


def test_only_a_header_says_that_fields_are_quoted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", '"x"\t"y"\nz\tw\n')
    assert rows(path, "1", "2", kind="tsv") == [('"x"', '"y"'), ("z", "w")]


def test_records_have_as_many_fields_as_they_like(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "a\r\rb;c\rd;e;f\r")
    found = read_records(path, TextConfig(), kind="csv")
    assert [row.fields for row in found] == [("a",), ("b", "c"), ("d", "e", "f")]


def test_memory_does_not_grow_with_a_table(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w") as file:
        file.write("id,text,label\n")
        file.writelines(f"{number},{'x' * 1000},a\n" for number in range(20_000))
    tracemalloc.start()
    count = sum(1 for _ in read_rows(path, ["label"], TextConfig(), kind="csv"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert peak < path.stat().st_size / 2


def test_a_row_with_a_separator_too_many_is_refused_and_not_learned(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label,note\nfine,pos,x\nwell, good,pos,y\n")
    with pytest.raises(TextError, match=r"line 3 has 4 fields; the first line has 3"):
        rows(path, "text", "label")

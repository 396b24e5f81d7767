"""Pairs from tables, from lines, from a dictionary of pronunciations."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from nextchar.config import TextConfig
from nextchar.errors import TextError
from nextchar.tasks.transduction.pairs import Columns, Pair, read_pairs

DICTIONARY = """\
'bout B AW1 T
a AH0
a(2) EY1
aalborg AO1 L B AO0 R G # place, danish
aalborg(2) AA1 L B AO0 R G
aalborg AO1 L B AO0 R G # place, danish
"""


def read(path: Path, content: str, **options: object) -> list[Pair]:
    path.write_bytes(content.encode())
    return read_pairs([path], TextConfig(), **options)  # type: ignore[arg-type]


def test_a_dictionary_gives_first_pronunciations_without_comments(tmp_path: Path) -> None:
    assert read(tmp_path / "cmudict.dict", DICTIONARY) == [
        ("'bout", "B AW1 T"),
        ("a", "AH0"),
        ("aalborg", "AO1 L B AO0 R G"),
    ]


@pytest.mark.parametrize("name", ["cmudict-0.7b", "cmudict.0.7a", "words.dict", "CMUdict-0.7b.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_dictionary_of_the_classic_layout_is_read(tmp_path: Path, name: str, end: str) -> None:
    content = end.join(
        [
            ";;; # CMUdict  --  Major Version: 0.07",
            ";;;",
            "#HASH-MARK  HH AE1 M AA2 R K",
            ";SEMI-COLON  S EH1 M IY0 K OW1 L AH0 N",
            "ABANDON  AH0 B AE1 N D AH0 N",
            "ABSTRACT  AE0 B S T R AE1 K T",
            "ABSTRACT(1)  AE1 B S T R AE2 K T",
            "ABSTRACT(2)  AE1 B S T R AE2 K",
            "",
        ]
    ).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    notes: list[str] = []
    assert read_pairs([path], TextConfig(), note=notes.append) == [
        ("#HASH-MARK", "HH AE1 M AA2 R K"),
        (";SEMI-COLON", "S EH1 M IY0 K OW1 L AH0 N"),
        ("ABANDON", "AH0 B AE1 N D AH0 N"),
        ("ABSTRACT", "AE0 B S T R AE1 K T"),
    ]
    assert notes == [f"2 other pronunciations of words are left out (the first: {path}, line 7)"]


def test_a_line_is_parted_at_its_first_tab_or_else_at_its_first_blank(tmp_path: Path) -> None:
    content = "10 May 1999\t1999-05-10\r\n\r\nx\ty z\t\r\n"
    assert read(tmp_path / "pairs.txt", content) == [("10 May 1999", "1999-05-10"), ("x", "y z")]
    for end in ("\n", "\r\n", "\r"):
        content = f"word  W ER1 D{end}{end}x\ty z{end}"
        assert read(tmp_path / "pairs.txt", content) == [("word", "W ER1 D"), ("x", "y z")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", 'word,n,sound\n"a, b",1,c\n'),
        ("t.tsv", "sound\tword\nc\ta, b\n"),
        ("t.jsonl", '{"word": "a, b", "sound": "c"}\n'),
        ("t.json", '{"word": "a, b", "sound": "c"}\n'),
        ("t.csv", "n;word;sound\n1;a, b;c\n"),
    ],
)
def test_tables_have_named_columns(tmp_path: Path, name: str, content: str) -> None:
    found = read(tmp_path / name, content, columns=Columns(source="word", target="sound"))
    assert found == [("a, b", "c")]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", "word,sound\na,b\n", "no column 'source': it has 'word', 'sound'"),
        ("t.tsv", "source\ttarget\na\t \n", "line 2: the target is empty"),
        ("t.tsv", "source\ttarget\n\tb\n", "line 2: the source is empty"),
        ("t.txt", "alone\n", "line 1 has no target after its source 'alone'"),
        ("t.txt", "a\tb\tc\n", "line 1 has 3 columns separated by tabs"),
        ("t.txt", "New York\tNY\n\nword W ER1 D\n", "line 3 is separated by a space, and "),
        ("t.txt", "word W ER1 D\nNew York\tNY\n", "line 2 is separated by a tab, and "),
        ("t.txt", ";;; # CMUdict\nA  AH0\n", 'line 1 begins with ;;;: file_format="cmudict"'),
        ("t.dict", "a AH0\nabc\n", "line 2 has no phonemes after the word 'abc'"),
        ("t.txt", "\ty\n", "line 1: the source is empty"),
        ("t.txt", "\n\n", "has no pairs"),
        ("t.dict", "a(2) EY1\n", "has no pairs"),
        ("t.tsv", "source\ttarget\n", "has no pairs"),
    ],
)
def test_what_is_no_pair_is_refused_with_its_place(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    with pytest.raises(TextError) as refused:
        read(tmp_path / name, content)
    assert words in str(refused.value)
    assert name in str(refused.value)


def test_columns_of_what_has_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="has no named columns: it is read as pairs"):
        read(tmp_path / "t.txt", "a b\n", columns=Columns(source="a"))


def test_columns_of_a_table_without_a_header_are_numbers(tmp_path: Path) -> None:
    content = "7\ta, b\tc\n8\td\te\n"
    found = read(tmp_path / "t.tsv", content, columns=Columns(source="2", target="3"))
    assert found == [("a, b", "c"), ("d", "e")]

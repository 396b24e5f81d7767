"""Pairs from tables, from lines, from a dictionary of pronunciations."""

from __future__ import annotations

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


def test_a_line_is_parted_at_its_first_tab_or_else_at_its_first_blank(tmp_path: Path) -> None:
    content = "10 May 1999\t1999-05-10\r\nword W ER1 D\n\nx\ty z\t\n"
    assert read(tmp_path / "pairs.txt", content) == [
        ("10 May 1999", "1999-05-10"),
        ("word", "W ER1 D"),
        ("x", "y z\t"),
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", 'word,n,sound\n"a, b",1,c\n'),
        ("t.tsv", "sound\tword\nc\ta, b\n"),
        ("t.jsonl", '{"word": "a, b", "sound": "c"}\n'),
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
        ("t.txt", "alone\n", "line 1 has no tab and no blank"),
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

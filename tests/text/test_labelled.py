"""Texts with labels: lines that do not fit are refused, odd labels are told."""

from __future__ import annotations

import bz2
from pathlib import Path

import pytest

from nextchar.config import TextConfig
from nextchar.errors import TextError
from nextchar.text.labelled import read_labelled

PAIRS = [
    ("a slow film", "bad"), ("what a joy", "good"), ("not my taste", "bad"),
    ("see it twice", "good"), ("so very dull", "bad"),
]  # fmt: skip


def read(path: Path, content: str, **options: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Give the texts with their labels, and what was noted."""
    path.write_bytes(content.encode())
    notes: list[str] = []
    items = read_labelled([path], TextConfig(), note=notes.append, **options)  # type: ignore[arg-type]
    return [(item.text, item.label) for item in items], notes


@pytest.mark.parametrize("parted", [" ", "\t", "  ", " \t "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_is_a_label_and_a_text(tmp_path: Path, parted: str, end: str) -> None:
    content = "".join(f"{label}{parted}{text}{end}{end}" for text, label in PAIRS)
    assert read(tmp_path / "a.txt", content) == (PAIRS, [])


def test_a_label_before_a_tab_may_have_blanks(tmp_path: Path) -> None:
    found, _ = read(tmp_path / "a.txt", "very good\twhat a joy\nvery bad\tso dull\n" * 2)
    assert found[:2] == [("what a joy", "very good"), ("so dull", "very bad")]


@pytest.mark.parametrize("parted", [" ", "\t"])
def test_labels_at_the_end_of_lines_are_refused(tmp_path: Path, parted: str) -> None:
    content = "".join(f"{text}{parted}{label}\n" for text, label in PAIRS)
    with pytest.raises(TextError, match=r"a\.txt, line 1: the label seems to be at the end"):
        read(tmp_path / "a.txt", content)


@pytest.mark.parametrize(
    "lines",
    [
        [f"{label} {text} ?" for text, label in PAIRS],  # all end alike, as questions do
        [f"class{number} turn number {number} on ." for number in range(9)],
        ["Polish Kowalski", "Irish Murphy", "Korean Kim"],
        ["x a", "y a"],
    ],
)
def test_texts_that_end_alike_are_no_labels(tmp_path: Path, lines: list[str]) -> None:
    found, _ = read(tmp_path / "a.txt", "\n".join(lines))
    assert len(found) == len(lines)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("bad\ta slow film\t7\n", "line 1 has 3 columns separated by tabs"),
        ("bad a slow film\ngood what\ta joy\n", "line 2 is separated by a tab, and "),
        ("\n\n", " has no items"),
    ],
)
def test_lines_that_do_not_fit_are_refused(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(TextError) as refused:
        read(tmp_path / "a.txt", content)
    assert words in str(refused.value)
    assert "a.txt" in str(refused.value)


def test_a_class_file_without_a_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("what a joy\n")
    (tmp_path / "bad.txt").write_text(" \n\n")
    with pytest.raises(TextError, match=r"bad\.txt has no items"):
        read_labelled([tmp_path], TextConfig())


def test_a_compressed_class_file_is_named_after_its_label(tmp_path: Path) -> None:
    (tmp_path / "Good.v2.txt.bz2").write_bytes(bz2.compress(b"what a joy\n"))
    (item,) = read_labelled([tmp_path], TextConfig())
    assert (item.label, item.text) == ("Good.v2", "what a joy")


def test_labels_that_have_one_item_each_are_told(tmp_path: Path) -> None:
    table = "text,label\n" + "".join(f"{label},{text}\n" for text, label in PAIRS)
    _, notes = read(tmp_path / "a.csv", table)
    assert notes == [
        "5 of 5 labels have one item each (the first: 'a slow film', "
        f"{tmp_path / 'a.csv'}, line 2): texts and labels may be swapped"
    ]
    _, notes = read(tmp_path / "a.csv", table, text="label", label="text")
    assert notes == []


@pytest.mark.parametrize(
    "sentence", ["This one was fun.", "정말 재미있는 영화였어요!", "a b c d e f", "x" * 61]
)
def test_labels_that_look_like_sentences_are_told(tmp_path: Path, sentence: str) -> None:
    _, notes = read(tmp_path / "a.csv", f"label,text\ngood,x\n{sentence},y\ngood,z\n{sentence},w\n")
    assert notes == [
        f"1 label looks like a sentence, of 2 (the first: {sentence[:40]!r}, "
        f"{tmp_path / 'a.csv'}, line 3): texts and labels may be swapped"
    ]

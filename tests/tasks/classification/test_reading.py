"""Labelled texts from every layout, and what is wrong with them in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nextchar.config import TextConfig
from nextchar.errors import TextError
from nextchar.tasks.labelled.items import labelled_items, read_texts
from nextchar.text.labelled import LabelledText

CONFIG = TextConfig()


def pairs(items: list[LabelledText]) -> list[tuple[str, str]]:
    return [(item.text, item.label) for item in items]


def test_a_folder_with_a_file_a_class_has_its_stems_as_labels(tmp_path: Path) -> None:
    (tmp_path / "Czech.txt").write_text("Novák\n\n  Dvořák \n")
    (tmp_path / "Irish.txt").write_text("O'Neil")
    found = labelled_items([tmp_path], CONFIG)
    assert pairs(found) == [("Novák", "Czech"), ("Dvořák", "Czech"), ("O'Neil", "Irish")]
    assert found[1].place == f"{tmp_path / 'Czech.txt'}, line 3"
    named = labelled_items(tmp_path / "Irish.txt", CONFIG, layout="files")
    assert pairs(named) == [("O'Neil", "Irish")]


def test_lines_are_a_label_and_a_text(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text("1 a stirring , funny film\n0\tno good\n\n")
    assert pairs(labelled_items([path], CONFIG)) == [
        ("a stirring , funny film", "1"), ("no good", "0"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_tables_have_columns_that_are_named(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    rows = [("great stuff", "5"), ("never again", "1")]
    separator = "," if name == "a.csv" else "\t"
    if name == "a.jsonl":
        path.write_text("".join(json.dumps({"review": r, "stars": int(s)}) + "\n" for r, s in rows))
    else:
        lines = [separator.join(row) for row in [("review", "stars"), *rows]]
        path.write_text("\n".join(lines))
    found = labelled_items([path], CONFIG, text="review", label="stars")
    assert pairs(found) == rows
    assert [item.text for item in read_texts(path, "review", CONFIG)] == [r for r, _ in rows]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "text,stars\nx,1\n", ("no column 'label'", "'text', 'stars'")),
        ("a.txt", "Novák\n", ("line 1", "no text after its label 'Novák'", 'layout="files"')),
        ("a.txt", "\n\n", ("no item",)),
        ("a.txt", "", ("empty",)),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    name: str, content: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(TextError) as error:
        labelled_items([tmp_path / name], CONFIG)
    assert [word for word in words if word not in str(error.value)] == []


def test_files_of_mixed_encodings_name_the_one_that_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Müller\n".encode())
    (tmp_path / "b.txt").write_bytes("Müller\n".encode("latin-1"))
    with pytest.raises(TextError, match=r"b\.txt.*0xfc"):
        labelled_items([tmp_path], CONFIG)

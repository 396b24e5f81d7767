"""The text of an experiment, by name and content."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextchar.errors import TextError
from nextchar.experiments.texts import described_text, differing_names


def test_a_text_is_known_by_its_names_and_its_content_but_not_by_its_folder(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text("same")
    first = described_text([tmp_path / "one" / "a.txt"])
    assert first == described_text([tmp_path / "two" / "a.txt"])
    assert str(tmp_path) not in str(first)
    (tmp_path / "two" / "a.txt").write_text("other")
    assert first != described_text([tmp_path / "two" / "a.txt"])


def test_a_folder_stands_for_its_files_and_a_missing_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("b")
    (tmp_path / "a.txt").write_text("a")
    assert [file["name"] for file in described_text([tmp_path])] == ["a.txt", "b.txt"]
    with pytest.raises(TextError, match=r"no such file or folder: .*gone\.txt"):
        described_text([tmp_path / "gone.txt"])


def test_an_older_list_of_paths_is_the_same_text_if_its_names_are() -> None:
    asked = {"text": [{"name": "a.txt", "sha256": "0"}], "folds": 3}
    older = {"text": ["/home/somebody/a.txt"], "folds": 3}
    assert differing_names(older, asked, ["texts/a.txt"]) == []
    assert differing_names(older, asked, ["texts/b.txt"]) == ["text"]
    assert differing_names({"text": 3, "folds": 2}, asked, ["a.txt"]) == ["text", "folds"]

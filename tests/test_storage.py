"""Files and folders that are whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextchar.errors import RunError, StorageError
from nextchar.storage import atomic_file, atomic_folder, read_json, write_bytes, write_json


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")

    def fail() -> None:
        with atomic_file(path) as file:
            file.write(b"new")
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_only_when_its_block_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "run"
    with atomic_folder(path) as folder:
        (folder / "a").write_text("x")
        assert not path.exists()
    assert (path / "a").read_text() == "x"

    def fail() -> None:
        with atomic_folder(tmp_path / "other") as folder:
            (folder / "a").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [entry.name for entry in tmp_path.iterdir()] == ["deep"]


def test_a_folder_takes_the_place_of_an_empty_one_and_of_no_other(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with atomic_folder(tmp_path / "empty") as folder:
        (folder / "a").write_text("x")
    assert (tmp_path / "empty" / "a").exists()

    def replace() -> None:
        with atomic_folder(tmp_path / "empty"):
            pass

    with pytest.raises(RunError, match="exists already"):
        replace()
    assert (tmp_path / "empty" / "a").exists()


def test_json_comes_back_and_is_readable_by_people(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"text": "한글", "number": 0.1})
    assert (tmp_path / "a.json").read_text("utf-8") == '{\n  "text": "한글",\n  "number": 0.1\n}\n'
    assert read_json(tmp_path / "a.json", RunError) == {"text": "한글", "number": 0.1}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"3"])
def test_anything_but_a_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(RunError, match=r"a\.json is damaged"):
        read_json(tmp_path / "a.json", RunError)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot write"):
        write_bytes(tmp_path / "file" / "below.txt", b"x")

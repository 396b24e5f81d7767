import os
from pathlib import Path

import pytest

from nextchar.errors import TextError
from nextchar.text import files
from nextchar.text.files import find_files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.txt", "a.txt", "sub/c.txt", "sub/deep/d.md", ".hidden", ".git/config"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def test_a_folder_means_its_files_sorted_without_the_hidden_ones(tree: Path) -> None:
    found = [path.relative_to(tree).as_posix() for path in find_files([tree])]
    assert found == ["a.txt", "b.txt", "sub/c.txt", "sub/deep/d.md"]


def test_a_pattern_means_the_files_that_match_sorted(tree: Path) -> None:
    assert find_files([f"{tree}/*"]) == [tree / "a.txt", tree / "b.txt"]
    assert find_files([f"{tree}/**/*.txt"]) == [
        tree / "a.txt",
        tree / "b.txt",
        tree / "sub/c.txt",
    ]


def test_inputs_keep_their_order(tree: Path) -> None:
    assert find_files([tree / "b.txt", str(tree / "a.txt")]) == [tree / "b.txt", tree / "a.txt"]


def test_a_hidden_file_that_is_named_is_read(tree: Path) -> None:
    assert find_files([tree / ".hidden"]) == [tree / ".hidden"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tree: Path) -> None:
    (tree / "[ab].txt").write_text("x")
    assert find_files([f"{tree}/[ab].txt"]) == [tree / "[ab].txt"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("missing.txt", "no such file or folder: .*missing.txt"),
        ("*.csv", r"no file matches .*\*\.csv"),
        ("empty", "folder .*empty has no files"),
    ],
)
def test_an_input_without_a_file_is_an_error(tree: Path, given: str, message: str) -> None:
    (tree / "empty").mkdir()
    with pytest.raises(TextError, match=message):
        find_files([f"{tree}/{given}"])


def test_no_input_is_an_error() -> None:
    with pytest.raises(TextError, match="no input"):
        find_files([])


def test_a_path_object_is_never_a_pattern(tree: Path) -> None:
    with pytest.raises(TextError, match="no such file"):
        find_files([tree / "*.txt"])


def test_an_unreadable_file_is_an_error(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "open_regular", refuse)
    with pytest.raises(TextError, match=r"cannot read .*a\.txt: Permission denied"):
        find_files([tree / "a.txt"])


def test_an_unreadable_folder_is_an_error(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: str) -> None:
        raise PermissionError(13, "Permission denied", os.fspath(folder))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(TextError, match=r"cannot read .*: Permission denied"):
        find_files([tree])


def test_a_pipe_is_refused_before_it_blocks(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(TextError, match="not a regular file; pipe it to standard input"):
        find_files([tree / "pipe"])

"""Files that are no text, too much text, or no file at all: one line, soon, and nothing is left.

Every command that reads a file is given each of them.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TINY, Run, contents
from tests.text.test_signatures import FILES, tar

GIVEN, RUN, TEXT, OUT = "{given}", "{run}", "{text}", "{out}"
TRAINING = ("--out", OUT, "--quiet")
COMMANDS: dict[str, tuple[str, ...]] = {
    "train": ("train", GIVEN, *TRAINING, *TINY),
    "train-validation": ("train", TEXT, GIVEN, *TRAINING, *TINY),
    "config": ("train", TEXT, "--config", GIVEN, *TRAINING),
    "synonyms": ("train", TEXT, "--augment-synonym", "0.1", "--synonyms", GIVEN, *TRAINING, *TINY),
    "bigram": ("bigram", GIVEN, "--quiet"),
    "augment": ("augment", GIVEN, "--augment-swap", "0.1", "--quiet"),
    "evaluate": ("evaluate", RUN, GIVEN, "--quiet"),
    "score": ("score", RUN, GIVEN, "--quiet"),
    "novelty": ("novelty", RUN, GIVEN, "--quiet"),
    "prompt": ("generate", RUN, "--prompt-file", GIVEN, "--quiet"),
    "compress": ("compress", RUN, GIVEN, OUT, "--quiet"),
    "decompress": ("decompress", RUN, GIVEN, OUT, "--quiet"),
    "classify": ("classify", "train", GIVEN, "--text", "text", "--label", "label", *TRAINING),
    "tag": ("tag", "train", GIVEN, "--columns", "text", "--restore", "spaces", *TRAINING),
    "transduce": ("transduce", "train", GIVEN, "--source", "a", "--target", "b", *TRAINING),
    "condition": ("condition", "train", GIVEN, "--text", "text", "--label", "label", *TRAINING),
    "embeddings": ("embeddings", "train", GIVEN, *TRAINING),
}
OF_TEXT = [name for name in COMMANDS if name not in ("config", "compress", "decompress")]
BYTES = 300_000_000  # of address space and files, beside what Python and torch have


@pytest.fixture
def refuse(
    nextchar: Run, finished: Path, texts: Path, tmp_path: Path
) -> Callable[[str, Path], str]:
    """Run a command on a file, and return the one line of its refusal."""
    english = texts / "english.txt"

    def command(name: str, given: Path) -> str:
        out = tmp_path / "out"
        values = {"given": given, "run": finished, "text": english, "out": out}
        before, run = sorted(tmp_path.iterdir()), contents(finished)
        line = nextchar(*(word.format(**values) for word in COMMANDS[name])).problem(2)
        assert len(line) < 3000
        assert sorted(tmp_path.iterdir()) == before
        assert contents(finished) == run
        return line

    return command


# What a file is


@pytest.mark.parametrize("name", OF_TEXT)
def test_every_command_names_what_is_not_a_text(
    refuse: Callable[[str, Path], str], tmp_path: Path, name: str
) -> None:
    given = tmp_path / "data.csv"
    for kind in ("a zip archive", "a Word document (.docx)", "a PDF document", "a PNG image"):
        given.write_bytes(FILES[kind])
        assert f"data.csv is {kind}, not a text: " in refuse(name, given)


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_is_named(refuse: Callable[[str, Path], str], tmp_path: Path, kind: str) -> None:
    given = tmp_path / "data.csv"
    given.write_bytes(FILES[kind])
    assert f"data.csv is {kind}, not a text: " in refuse("bigram", given)
    for name in ("config", "compress", "decompress"):
        assert "data.csv" in refuse(name, given)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", ["train", "classify"])
def test_an_archive_in_a_compressed_file_is_named(
    refuse: Callable[[str, Path], str],
    tmp_path: Path,
    compress: Callable[[bytes], bytes],
    name: str,
) -> None:
    given = tmp_path / "data.csv"
    given.write_bytes(compress(tar()))
    assert "data.csv is a tar archive in a " in refuse(name, given)
    given.write_bytes(compress(compress(b"text")))
    assert "data.csv is compressed twice, " in refuse(name, given)
    given.write_bytes(compress(b"text, and more text")[:-7])
    assert "data.csv is not a complete " in refuse(name, given)
    given.write_bytes(compress(b""))
    assert "data.csv" in refuse(name, given)


def test_a_byte_vocabulary_reads_an_archive_as_bytes(nextchar: Run, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(FILES["a zip archive"] * 9)
    result = nextchar("bigram", tmp_path / "a.zip", "--vocabulary", "byte", "--json", "--quiet")
    assert result.code == 0


def test_a_marked_encoding_and_an_expansion_are_told(nextchar: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("some text\n" * 20, encoding="utf-16")
    outcome = nextchar("bigram", tmp_path / "a.txt", "--json")
    assert outcome.err == f"note: {tmp_path}/a.txt: read as utf-16-le, by its byte order mark\n"
    text = b"".join(b"%d, some text\n" % number for number in range(800_000))
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(text, 1))
    size = (tmp_path / "a.txt.gz").stat().st_size
    outcome = nextchar("bigram", tmp_path / "a.txt.gz", "--json")
    assert outcome.err == (
        f"note: {tmp_path}/a.txt.gz: {size / 1e6:.1f} MB decompressed to {len(text) / 1e6:.0f} MB\n"
    )


# Too much


@pytest.mark.parametrize("name", OF_TEXT)
def test_every_command_stops_a_small_file_that_becomes_a_large_one(
    refuse: Callable[[str, Path], str], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nextchar.text.compressed.UNLIMITED_BYTES", 100_000)
    given = tmp_path / "data.csv.gz"
    row = b"text,label,a,b\n" + b"the dog,x,the dog,the cat\n" * 20_000
    given.write_bytes(gzip.compress(row, 9))
    assert given.stat().st_size < 5000
    line = refuse(name, given)
    assert "its compression ratio is above 100; decompress it first, or train with" in line


def test_a_larger_ratio_can_be_allowed(nextchar: Run, tmp_path: Path) -> None:
    given = tmp_path / "a.txt.gz"
    given.write_bytes(gzip.compress(b"the dog runs\n" * 1_000_000))
    options = ("--out", tmp_path / "run", *TINY, "--steps", "1")
    assert nextchar("train", given, *options).code == 2
    outcome = nextchar("train", given, "--max-compression-ratio", "2000", *options)
    assert outcome.code == 0, outcome
    assert "decompressed to 13 MB" in outcome.err


def bomb(path: Path, size: int) -> Path:
    """Write a gzip file of one line of this size."""
    with gzip.open(path, "wb", compresslevel=9) as file:
        block = b"a" * (1 << 20)
        for _ in range(size >> 20):
            file.write(block)
    return path


def measured(folder: Path, *args: object) -> tuple[int, str, float]:
    """Run a command in a process of its own; return its code, its message, and its memory in MB."""
    code = (
        "import resource, subprocess, sys\n"
        "p = subprocess.run([sys.executable, '-m', 'nextchar', *sys.argv[1:]],"
        " capture_output=True)\n"
        "sys.stderr.buffer.write(p.stderr)\n"
        "print(p.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    environment = {**os.environ, "NUMBA_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        capture_output=True, text=True, timeout=300, check=True, cwd=folder, env=environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES, BYTES)),
    )  # fmt: skip
    status, kilobytes = ended.stdout.split()
    return int(status), ended.stderr, int(kilobytes) / 1024


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.txt.gz", "a.csv.gz", "a.jsonl.gz", "a.tsv.gz"])
def test_ten_megabytes_that_become_ten_gigabytes_are_stopped(tmp_path: Path, name: str) -> None:
    given = bomb(tmp_path / name, 10_000 << 20)
    table = name != "a.txt.gz"
    command = ("classify", "train") if table else ("train",)
    columns = ("--text", "a", "--label", "b") if table else ()
    code, message, memory = measured(tmp_path, *command, given, "--out", "run", *columns)
    assert code == 2
    assert message.count("\n") == 1
    assert "its compression ratio is above 100" in message
    assert memory < 600
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.txt"])
def test_a_line_of_a_gibibyte_in_a_table_is_refused_in_little_memory(
    tmp_path: Path, name: str
) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(1 << 30)  # sparse: zeros
    command = ("tag", "train", tmp_path / name, "--restore", "spaces", "--out", "run")
    columns = () if name == "a.txt" else ("--columns", "a")
    code, message, memory = measured(tmp_path, *command, *columns)
    assert code == 2
    assert message.count("\n") == 1
    assert f"{name}, line 1 is too long: at most 16,777,216 characters are allowed" in message
    assert memory < 700


@pytest.mark.slow
def test_a_text_of_one_line_of_a_gibibyte_is_read_in_constant_memory(tmp_path: Path) -> None:
    with (tmp_path / "a.txt").open("wb") as file:
        file.write(b"abc" * 1000)
        file.truncate(1 << 30)
    code = (
        "import sys\n"
        "from nextchar.config import TextConfig\n"
        "from nextchar.text.reading import open_text\n"
        "from nextchar.text.vocabulary import learn\n"
        "from tests.memory import peak\n"
        "with open_text([sys.argv[1]], TextConfig()) as source:\n"
        "    print(len(learn('char', source.chunks(), 1)), sum(map(len, source.chunks())))\n"
        "print(peak())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.txt")],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    symbols, characters, used = map(int, ended.stdout.split())
    assert (symbols, characters) == (4, 1 << 30)
    assert used < 60 << 20


def test_a_quote_that_is_never_closed_does_not_hold_the_rest_of_a_file(
    refuse: Callable[[str, Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nextchar.text.fields.LONGEST_LINE", 10_000)
    given = tmp_path / "data.csv"
    given.write_text('text,label\na,b\nb,"c' + "\nthe dog,x" * 5000)
    line = refuse("classify", given)
    assert "data.csv, line 3: the record that starts here has a field of more than 10,000" in line
    given.write_text('text,label,"c' + "\nthe dog,x" * 5000)
    assert "data.csv, line 1: the record that starts here has a field of more" in refuse(
        "classify", given
    )


# No file


def make(kind: str, path: Path) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        before = Path.cwd()
        os.chdir(path.parent)  # The path of a socket must be short.
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
        os.chdir(before)
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        targets = {"broken link": "nowhere", "loop": path.name, "device": "/dev/zero"}
        path.symlink_to(targets[kind])


NO_FILES = ["pipe", "socket", "folder", "broken link", "loop", "device"]
AT_ONCE = [*((name, "pipe") for name in COMMANDS), *(("bigram", kind) for kind in NO_FILES[1:])]
LATER = [
    pytest.param(name, kind, marks=pytest.mark.slow)
    for name in COMMANDS
    for kind in NO_FILES
    if (name, kind) not in AT_ONCE
]


@pytest.mark.parametrize(("name", "kind"), [*AT_ONCE, *LATER])
def test_only_a_file_is_read_and_nothing_blocks(
    refuse: Callable[[str, Path], str], tmp_path: Path, name: str, kind: str
) -> None:
    given = tmp_path / "data.csv"
    make(kind, given)
    began = time.monotonic()
    assert "data.csv" in refuse(name, given)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_that_may_not_be_read_is_named(
    refuse: Callable[[str, Path], str], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "data.csv"
    given.write_text("text")
    usual = os.open

    def forbidden(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if os.fspath(path) == str(given):
            raise PermissionError(13, "Permission denied", str(given))
        return usual(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", forbidden)  # root may read everything
    assert "cannot read" in (line := refuse(name, given))
    assert "Permission denied" in line


@pytest.mark.parametrize("name", ["\ufdd0a\ufdd1", "\ufdd3", "\u202etxt.exe", "a|b#c", "한글 é"])
def test_any_name_is_told_as_it_is(nextchar: Run, tmp_path: Path, name: str) -> None:
    line = nextchar("bigram", tmp_path / name).problem(2)
    assert line.startswith("nextchar: no such file or folder: ")
    assert "--" not in line

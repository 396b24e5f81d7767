"""``nextchar tag``: what is missing in a text is put back."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run, Start, contents, english, korean

SMALL = (
    "--hidden-size", "16", "--embedding-size", "8", "--batch-size", "16", "--epochs", "8",
    "--learning-rate", "0.02", "--window", "64", "--ngram-buckets", "512",
)  # fmt: skip


@pytest.fixture(scope="module")
def spaced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that puts spaces back."""
    from nextchar.tasks.tagging.tagger import Tagger

    folder = tmp_path_factory.mktemp("tag")
    (folder / "text.txt").write_text(korean(4000), encoding="utf-8")
    options: dict[str, Any] = {
        "hidden_size": 16, "embedding_size": 8, "batch_size": 16, "epochs": 12,
        "learning_rate": 0.02, "window": 64, "ngram_buckets": 512,
    }  # fmt: skip
    Tagger.train(folder / "text.txt", folder / "run", restore="spaces", **options)
    return folder / "run"


def test_a_run_is_trained_measured_and_applied(nextchar: Run, tmp_path: Path) -> None:
    text, out = tmp_path / "text.txt", tmp_path / "run"
    text.write_text(english(8000))
    outcome = nextchar("tag", "train", text, "--restore", "case", "--out", out, *SMALL, "--json")
    figures = outcome.values()
    assert {
        "f1",
        "precision",
        "recall",
        "accuracy",
        "whole_items",
        "nats_per_label",
        "seconds",
    } <= (figures.keys())
    # The first training of an installation says that it compiles, and a slow one how long it takes.
    lines = ("step ", "ETA ", "note: compiling the loops of ")
    assert [line for line in outcome.err.splitlines() if not line.startswith(lines)] == []
    assert {path.name for path in out.iterdir()} == {
        "config.json", "vocabulary.json", "labels.json", "model.safetensors", "metrics.jsonl",
        "README.md", "items", "last",
    }  # fmt: skip
    measured = nextchar("tag", "evaluate", out, text, "--json").values()
    assert measured["labels"]["upper"]["f1"] == pytest.approx(measured["f1"])
    assert measured["f1"] > 0.95
    shown = nextchar("tag", "evaluate", out, text).succeeded()
    assert "upper" in shown
    assert "F1" in shown
    assert nextchar("tag", "apply", out, stdin=b"the dog runs.\n").succeeded() == "The dog runs.\n"


def test_spaces_are_put_back_and_all_else_stays(
    nextchar: Run, spaced: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes("\ufeff나는학교에간다.\r\n\r\n너는 집에온다.".encode())
    written = nextchar("tag", "apply", spaced, text).succeeded()
    assert written.replace(" ", "") == "\ufeff나는학교에간다.\r\n\r\n너는집에온다."
    assert written.endswith("나는 학교에 간다.\r\n\r\n너는 집에 온다.")


def test_spaces_that_are_there_can_be_kept(nextchar: Run, spaced: Path) -> None:
    text = "나는 학 교에간다.\n".encode()
    assert nextchar("tag", "apply", spaced, stdin=text).succeeded() == "나는 학교에 간다.\n"
    kept = nextchar("tag", "apply", spaced, "--keep", stdin=text).succeeded()
    assert kept == "나는 학 교에 간다.\n"


def test_bytes_of_another_encoding_can_be_refused(
    nextchar: Run, spaced: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes("나는간다.\n".encode() + "나는간다.\n".encode("cp949"))
    line = nextchar("tag", "apply", spaced, text, "--errors", "strict").problem()
    assert "text.txt is not utf-8: byte 0xb3 at offset 14" in line


def test_bytes_of_another_encoding_pass_as_they_are(
    start: Start, spaced: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes("나는간다.\n".encode() + "나는간다.\n".encode("cp949"))
    command = start("tag", "apply", spaced, text)
    assert command.code() == 0
    assert command.printed().startswith("나는 간다.\n".encode())
    assert command.printed().replace(b" ", b"") == text.read_bytes()
    bytes_note, symbol_note = command.said().splitlines(keepends=True)
    assert bytes_note == (
        b"note: 6 bytes are not utf-8 and passed on unchanged (--errors); the first at line 2, "
        b"column 1\n"
    )
    assert b"1 character is not in the vocabulary" in symbol_note  # Two of the bytes make one.


def test_unknown_characters_are_counted_and_the_first_is_named(
    nextchar: Run, spaced: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("나는 간다.\n나는☃ 간다 ☃Ω\n", encoding="utf-8")
    outcome = nextchar("tag", "apply", spaced, text)
    assert outcome.succeeded().replace(" ", "") == "나는간다.\n나는☃간다☃Ω\n"
    assert outcome.err == (
        "note: 3 characters are not in the vocabulary and read as <unk>: 'Ω', '☃'; the first at "
        f"{text}, line 2, column 3\n"
    )
    assert nextchar("tag", "apply", spaced, text, "--quiet").err == ""
    (tmp_path / "known.txt").write_text("나는 간다.\r\n", encoding="utf-8")
    assert nextchar("tag", "apply", spaced, tmp_path / "known.txt").err == ""


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_text_is_repaired_as_the_text_itself(
    nextchar: Run, spaced: Path, tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    text, packed = tmp_path / "text.txt", tmp_path / "text.txt.packed"
    text.write_text(korean(50))
    packed.write_bytes(compress(text.read_bytes()))
    wanted = nextchar("tag", "apply", spaced, text).succeeded()
    assert nextchar("tag", "apply", spaced, packed).succeeded() == wanted
    assert nextchar("tag", "apply", spaced, stdin=packed.read_bytes()).succeeded() == wanted
    packed.write_bytes(b"PK\x03\x04" + text.read_bytes())
    assert "is a zip archive" in nextchar("tag", "apply", spaced, packed).problem()


def test_a_million_characters_without_a_line_end_are_repaired(
    nextchar: Run, spaced: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    body = korean(100_000).replace("\n", "").replace(" ", "")
    text.write_text(body)
    began = time.monotonic()
    written = nextchar("tag", "apply", spaced, text).succeeded()
    assert written.replace(" ", "") == body
    assert written.count(" ") > 10_000
    assert time.monotonic() - began < 120


def test_labels_of_files_are_learned_and_written(nextchar: Run, tmp_path: Path) -> None:
    data, out = tmp_path / "data.tsv", tmp_path / "run"
    words = ["abba", "bab", "aab", "bbba", "a", "ab"] * 10
    data.write_text("\n\n".join("\n".join(f"{c}\t{c.upper()}" for c in word) for word in words))
    nextchar("tag", "train", data, "--out", out, *SMALL, "-q").succeeded()
    assert nextchar("tag", "apply", out, stdin=b"ab\nb").succeeded() == "a\tA\nb\tB\n\nb\tB\n\n"
    other = tmp_path / "other.tsv"
    other.write_text("a\tA\nc\tC\n")
    shown = nextchar("tag", "evaluate", out, other).succeeded()
    assert "1 character is not in the vocabulary" in shown
    assert "1 label unknown to the run and never predicted: 'C'" in shown
    assert "--keep is for runs" in nextchar("tag", "apply", out, "--keep", stdin=b"a").problem()
    seen = nextchar("tag", "apply", out, "--transitions", "seen", stdin=b"ab").succeeded()
    assert seen == "a\tA\nb\tB\n\n"
    assert "'bio' needs labels" in nextchar("tag", "apply", out, "--transitions", "bio").problem()


def test_tables_are_read_by_their_columns(nextchar: Run, tmp_path: Path) -> None:
    table, out = tmp_path / "data.csv", tmp_path / "run"
    table.write_text("Q,A\n" + "\n".join(f"a b c {n},b c a" for n in range(30)) + "\n")
    options = ("--columns", "Q,A", "--restore", "spaces", "--out", out, *SMALL)
    figures = nextchar("tag", "train", table, *options, "--json").values()
    assert figures["items"] + figures["held_out_items"] == 60
    table.write_text("\n".join(f"{n};a b c {n};b c a" for n in range(30)) + "\n")
    outcome = nextchar("tag", "evaluate", out, table, "--columns", "2,3", "--json")
    assert outcome.values()["items"] == 60
    assert "fields are separated by semicolons" in outcome.err
    table.write_text("Q,A\nb a,a\n")
    line = nextchar("tag", "evaluate", out, table, "--columns", "Q,B").problem()
    assert "no column 'B': it has 'Q', 'A'" in line


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("", ("--restore", "case"), ("empty", "data.txt")),
        ("\n\r\n\n", ("--restore", "case"), ("no items",)),
        ("abc\n", ("--restore", "spaces"), ("two labels", "nothing to restore")),
        ("a\tX\nb\tX\n", (), ("two labels", "got one: X")),
        ("a\tX\nb\n", (), ("line 2", "no second column")),
        (b"a b\n\xff\n", ("--restore", "spaces"), ("0xff", "offset 4", "--encoding")),
        ("a b\n", ("--restore", "umlauts"), ("restore must be", "'umlauts'")),
        ("a b\n", ("--restore", "spaces", "--columns", "a"), ("--columns is for tables",)),
        ("a b\n", ("--restore", "spaces", "--epochs", "2", "--steps", "3"), ("exclude",)),
        ("a b\n", ("--restore", "spaces", "--vocabulary", "word"), ("characters are labelled",)),
        ("a b\n", ("--restore", "spaces", "--min-count", "9"), ("--min-count",)),
    ],
    ids=lambda value: None if isinstance(value, bytes) else "",
)
def test_bad_data_are_one_line_and_leave_nothing(
    nextchar: Run, tmp_path: Path, content: str | bytes, options: tuple[str, ...],
    words: tuple[str, ...],
) -> None:  # fmt: skip
    data = tmp_path / "data.txt"
    data.write_bytes(content.encode() if isinstance(content, str) else content)
    out = tmp_path / "run"
    line = nextchar("tag", "train", data, "--out", out, "-q", *options).problem()
    assert [word for word in words if word not in line] == []
    assert list(tmp_path.iterdir()) == [data]


def test_a_training_needs_data_and_a_place(nextchar: Run, tmp_path: Path, spaced: Path) -> None:
    assert "no data" in nextchar("tag", "train", "--out", tmp_path / "run").problem()
    assert "--out" in nextchar("tag", "train", "text.txt").problem()
    line = nextchar("tag", "train", "--resume", spaced, "--epochs", "3", "--columns", "a").problem()
    assert "takes no --columns, --epochs" in line


def test_a_run_that_is_complete_resumes_to_the_same(nextchar: Run, spaced: Path) -> None:
    before = contents(spaced)
    outcome = nextchar("tag", "train", "--resume", spaced)
    assert "nothing is left to train" in outcome.err
    after = contents(spaced)
    assert {name for name in after if after[name] != before[name]} <= {"README.md"}


def test_a_run_in_the_way_is_not_overwritten(nextchar: Run, spaced: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("a b\n")
    before = contents(spaced)
    line = nextchar("tag", "train", text, "--restore", "spaces", "--out", spaced).problem()
    assert "exists" in line
    assert contents(spaced) == before


def test_a_missing_file_or_run_is_named(nextchar: Run, spaced: Path, tmp_path: Path) -> None:
    assert "gone.txt" in nextchar("tag", "apply", spaced, tmp_path / "gone.txt").problem()
    assert "cannot read" in nextchar("tag", "apply", spaced, tmp_path).problem()
    assert "does not exist" in nextchar("tag", "apply", tmp_path / "gone").problem()
    assert "gone.txt" in nextchar("tag", "evaluate", spaced, tmp_path / "gone.txt").problem()


def test_a_damaged_label_file_is_one_line(nextchar: Run, spaced: Path, tmp_path: Path) -> None:
    import shutil

    run = tmp_path / "run"
    shutil.copytree(spaced, run)
    (run / "labels.json").write_text(json.dumps({"labels": ["", " "]}))
    assert "labels of the run are damaged" in nextchar("tag", "apply", run).problem()
    (run / "labels.json").unlink()
    assert "labels.json" in nextchar("tag", "apply", run).problem()

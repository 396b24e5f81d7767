"""``nextchar transduce``, from files to texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run

SMALL = (
    "--hidden-size", "16", "--embedding-size", "8", "--batch-size", "16", "--steps", "20",
    "--precision", "float32",
)  # fmt: skip


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of words and the same in capitals."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    words = [f"{a}{b}{c}" for a in "abcde" for b in "abcd" for c in "abc"]
    path.write_text("word\tloud\n" + "".join(f"{word}\t{word.upper()}\n" for word in words))
    return path


@pytest.fixture(scope="module")
def run(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of it; tests only read it."""
    from nextchar.tasks.transduction.model import Transducer
    from nextchar.tasks.transduction.pairs import Columns

    out = tmp_path_factory.mktemp("runs") / "run"
    options: dict[str, Any] = {
        "hidden_size": 24, "steps": 300, "batch_size": 16, "precision": "float32",
        "learning_rate": 0.01, "dropout": 0.0,
    }  # fmt: skip
    Transducer.train(pairs, out, columns=Columns("word", "loud"), **options)
    return out


def test_training_reports_errors_of_symbols_and_of_sequences(
    nextchar: Run, pairs: Path, tmp_path: Path
) -> None:
    columns = ("--source", "word", "--target", "loud")
    outcome = nextchar("transduce", "train", pairs, "--out", tmp_path / "run", *columns, *SMALL)
    assert "sequence error rate" in outcome.succeeded()
    assert f"nextchar transduce apply {tmp_path / 'run'}" in outcome.out
    assert len(outcome.err.splitlines()) == 10
    again = nextchar("transduce", "train", "--resume", tmp_path / "run", "--json")
    values = again.values()
    assert values["steps"] == 20
    assert (values["items"], values["held_out_items"]) == (54, 6)
    assert {"symbol_error_rate", "sequence_error_rate", "nats_per_symbol"} <= values.keys()
    assert "is complete" in again.err


def test_texts_are_written_a_line_each(nextchar: Run, run: Path, tmp_path: Path) -> None:
    outcome = nextchar("transduce", "apply", run, "abc", "eda")
    assert outcome.succeeded().splitlines() == ["ABC", "EDA"]
    (tmp_path / "texts.txt").write_text("abc\r\neda\n")
    file = nextchar("transduce", "apply", run, "--input", tmp_path / "texts.txt")
    assert file.succeeded() == outcome.out
    assert nextchar("transduce", "apply", run, "--input", "-", stdin=b"abc\neda").out == outcome.out


def test_several_texts_come_with_their_log_probabilities(nextchar: Run, run: Path) -> None:
    lines = nextchar("transduce", "apply", run, "abc", "--count", "3").succeeded().splitlines()
    parts = [line.split("\t") for line in lines]
    assert [part[0] for part in parts] == ["abc"] * 3
    assert parts[0][1] == "ABC"
    nats = [float(part[2]) for part in parts]
    assert nats == sorted(nats, reverse=True)
    (item,) = nextchar("transduce", "apply", run, "abc", "--json").values()["items"]
    assert item["source"] == "abc"
    assert item["outputs"][0]["text"] == "ABC"
    assert item["outputs"][0]["reached_limit"] is False


def test_evaluation_is_of_what_was_held_out_or_of_files(
    nextchar: Run, run: Path, pairs: Path
) -> None:
    values = nextchar("transduce", "evaluate", run, "--json").values()
    assert values["items"] == 6
    assert values["symbol_error_rate"] < 0.5
    columns = ("--source", "word", "--target", "loud")
    outcome = nextchar("transduce", "evaluate", run, pairs, *columns, "--sample", "10")
    assert outcome.succeeded().splitlines()[0].split() == ["items", "10"]


def test_what_was_wrong_is_shown(nextchar: Run, run: Path, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("abc ABD\nabc ABC\n")
    data = ("evaluate", run, tmp_path / "t.txt", "--wrong", "5")
    table = "source\ttarget\twritten\nabc\tABD\tABC\n"
    assert nextchar("transduce", *data).succeeded().endswith(f"\n\n{table}")
    right = nextchar("transduce", "evaluate", run, tmp_path / "t.txt", "--wrong", "0").succeeded()
    assert "written" not in right
    values = nextchar("transduce", *data, "--json").values()
    assert values["wrong"] == [{"source": "abc", "target": "ABD", "written": "ABC"}]
    assert values["symbol_error_rate"] == pytest.approx(1 / 6)


def test_attention_is_a_table_a_picture_and_numbers(
    nextchar: Run, run: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "map.png"
    outcome = nextchar("transduce", "attention", run, "abc", "--picture", picture)
    lines = outcome.succeeded().splitlines()
    assert lines[0].split() == ["a", "b", "c"]
    assert [line[0] for line in lines[1:4]] == ["A", "B", "C"]
    assert lines[-1] == "ABC"
    assert picture.read_bytes().startswith(b"\x89PNG")
    values = nextchar("transduce", "attention", run, "abc", "--json").values()
    assert [len(row) for row in values["weights"]] == [3, 3, 3]


def test_dates_are_a_table_that_can_be_learned(nextchar: Run, tmp_path: Path) -> None:
    out = tmp_path / "dates.tsv"
    nextchar("transduce", "dates", "--count", "30", "--out", out).succeeded()
    assert len(out.read_text().splitlines()) == 31
    assert nextchar("transduce", "dates", "--count", "30").succeeded() == out.read_text()
    nextchar("transduce", "train", out, "--out", tmp_path / "run", *SMALL).succeeded()
    assert "is not overwritten" in nextchar("transduce", "dates", "--out", out).problem()


def test_a_dictionary_of_the_classic_layout_is_learned(nextchar: Run, tmp_path: Path) -> None:
    lines = [
        ";;; # CMUdict",
        *(f"{word}  {' '.join(word.lower())}" for word in ["AB", "BA", "ABA", "BB"]),
    ]
    lines += ["AB(1)  b a"]
    (tmp_path / "cmudict-0.7b").write_bytes("\r\n".join(lines).encode())
    command = ("transduce", "train", tmp_path / "cmudict-0.7b", "--out", tmp_path / "run")
    outcome = nextchar(*command, *SMALL, "--validation-fraction", "0", "--json")
    assert outcome.values()["items"] == 4
    assert "1 alternative pronunciation is left out (the first: " in outcome.err
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["transduction"]["target_vocabulary"] == "token"


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("a\tb\n1\t2\n", (), "has no column 'source': it has 'a', 'b'"),
        ("source\ttarget\n\tb\n", (), "line 2: the source is empty"),
        ("source\ttarget\na\t\n", (), "line 2: the target is empty"),
        ("source\ttarget\na\n", (), "line 2 has 1 fields; the first line has 2"),
        (b"source\ttarget\na\xff\tb\n", (), "byte 0xff at offset 15"),
        ("source\ttarget\na\tb\n", ("--format", "jsonl"), "line 1 must be a JSON object"),
        ("source\ttarget\na\tb\n", ("--target-vocabulary", "word"), "word"),
        ("", (), "empty"),
        ("a\tb\tc\n", ("--format", "pairs"), "line 1 has 3 columns separated by tabs"),
        ('source\ttarget\n"a\tb\nc"\td\te\n', (), "line 3 has 3 fields; the first line has 2"),
        ("a\tb\n", ("--format", "pairs", "--source", "a"), "has no named columns"),
    ],
)
def test_pairs_that_cannot_be_learned_are_refused(
    nextchar: Run, tmp_path: Path, content: str | bytes, options: tuple[str, ...], words: str
) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    line = nextchar(
        "transduce", "train", path, "--out", tmp_path / "run", "--quiet", *SMALL, *options
    ).problem()
    assert words in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("apply", "RUN"), "apply takes texts or --input; got neither"),
        (("apply", "RUN", "abc", "--input", "-"), "apply takes texts or --input; got one of both"),
        (("apply", "RUN", "abc", "--beam", "0"), "beam must be at least 1; got 0"),
        (("apply", "RUN", "abx"), "unknown symbols 'x'"),
        (("apply", "RUN", ""), "text 1 is empty"),
        (("apply", "RUN", "a" * 20_000), "text 1 has 20,000 characters"),
        (("apply", "nowhere", "abc"), "nowhere does not exist"),
        (("evaluate", "RUN", "--source", "word"), "are for files; none was given"),
        (("evaluate", "RUN", "--sample", "0"), "sample must be at least 1"),
        (("attention", "RUN", "abc", "--picture", "x.bmp"), "--picture is a file that ends in"),
        (("dates", "--count", "0"), "count must be 1 to 100,000; got 0"),
        (("dates", "--out", "x.csv"), "--out is a file that ends in .tsv"),
        (("train",), "no data was given"),
        (("train", "x.tsv"), "no run directory was given"),
        (("train", "--resume", "RUN", "--epochs", "5"), "takes no --epochs"),
        (("train", "--resume", "RUN", "--target", "a"), "takes no --target"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    nextchar: Run, run: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    given = [run if argument == "RUN" else argument for argument in arguments]
    assert words in nextchar("transduce", *given, cwd=tmp_path).problem()


def test_a_limit_that_was_reached_is_told(nextchar: Run, run: Path) -> None:
    outcome = nextchar("transduce", "apply", run, "abc", "--max-length", "1", "--beam", "1")
    assert outcome.succeeded() == "A\n"
    assert outcome.err == ("note: 1 of 1 outputs were cut at the maximum length (--max-length)\n")


def test_a_run_of_another_task_is_refused(nextchar: Run, run: Path, tmp_path: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(json.dumps({**config, "task": "tag"}))
    line = nextchar("transduce", "apply", tmp_path / "run", "abc").problem()
    assert "is a tagger, not a transducer: use `nextchar tag apply" in line

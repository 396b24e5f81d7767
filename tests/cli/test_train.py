"""``nextchar train``, from text files to a run directory."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import pytest

from tests.conftest import TINY, Run, contents, english, require_same_training, write_gzip


def test_a_run_directory_is_whole(finished: Path) -> None:
    names = {path.name for path in finished.iterdir()}
    assert names == {
        "config.json",
        "vocabulary.json",
        "model.safetensors",
        "experts.safetensors",
        "metrics.jsonl",
        "README.md",
        "corpus",
        "last",
    }
    assert (finished / "last" / "training.safetensors").is_file()
    assert json.loads((finished / "config.json").read_text())["format_version"] == 1


def test_training_leaves_nothing_beside_the_run(finished: Path) -> None:
    assert [path.name for path in finished.parent.iterdir()] == ["finished"]
    hidden = [path for path in finished.rglob(".*") if path.name.startswith(".")]
    assert hidden == []


def test_the_model_card_names_the_figures_of_the_result(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    result = nextchar("train", texts / "english.txt", "--out", out, "--json", *TINY).values()
    card = (out / "README.md").read_text()
    assert f"{result['bits_per_char']:.4f} bits/char" in card
    assert f"{result['parameters']:,} weights" in card
    assert "english.txt" in card


def test_results_stand_on_stdout_and_progress_on_stderr(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    outcome = nextchar("train", texts / "english.txt", "--out", tmp_path / "run", *TINY)
    assert "bits/char" in outcome.succeeded()
    assert "step" not in outcome.out.replace("steps", "")
    *steps, experts = outcome.err.splitlines()
    assert len(steps) == 10
    assert all(line.startswith("step ") for line in steps)
    assert experts.startswith("note: experts: counts of ")


def test_output_that_is_no_terminal_has_no_escape_codes(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    outcome = nextchar("train", texts / "english.txt", "--out", tmp_path / "run", *TINY)
    assert not {"\x1b", "\r"} & set(outcome.out + outcome.err)


def test_quiet_training_says_nothing_on_stderr(nextchar: Run, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    outcome = nextchar("train", texts / "english.txt", "--out", out, "--quiet", *TINY)
    assert outcome.err == ""
    assert "bits/char" in outcome.succeeded()


def test_json_of_training_carries_every_figure_with_its_unit(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    values = nextchar("train", texts / "english.txt", "--out", tmp_path / "run", "--json", *TINY)
    figures = values.values()
    assert {
        "nats_per_char",
        "bits_per_char",
        "perplexity",
        "characters",
        "chars_per_second",
        "parameters",
        "steps",
        "seconds",
    } <= figures.keys()
    assert figures["bits_per_char"] == pytest.approx(figures["nats_per_char"] / math.log(2))
    assert figures["perplexity"] == pytest.approx(math.exp(figures["nats_per_char"]))
    assert figures["steps"] == 30
    assert figures["characters"] == 30 * 4 * 16


def test_samples_appear_while_training(nextchar: Run, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = (*TINY, "--sample-length", "40", "--validate-every", "30")
    outcome = nextchar("train", texts / "english.txt", "--out", out, *options)
    outcome.succeeded()
    assert len(outcome.err) > 100


def test_several_files_a_folder_a_pattern_and_stdin_are_one_text(
    nextchar: Run, tmp_path: Path
) -> None:
    text = english(3000)
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "1.txt").write_text(text[:1000])
    write_gzip(parts / "2.txt.gz", text[1000:2000])
    (parts / "3.txt").write_text(text[2000:])
    ways: dict[str, tuple[object, ...]] = {
        "files": (parts / "1.txt", parts / "2.txt.gz", parts / "3.txt"),
        "folder": (parts,),
        "pattern": (f"{parts}/*",),
        "stdin": ("-",),
    }
    for name, inputs in ways.items():
        stdin = text.encode() if name == "stdin" else b""
        nextchar("train", *inputs, "--out", tmp_path / name, *TINY, stdin=stdin).succeeded()
    whole = text.encode()
    encoded = {name: (tmp_path / name / "corpus" / "ids.bin").read_bytes() for name in ways}
    assert len(encoded["files"]) == len(whole)
    assert all(ids == encoded["files"] for ids in encoded.values())


@pytest.mark.parametrize("vocabulary", ["char", "byte", "jamo"])
def test_every_vocabulary_learns_korean_and_writes(
    nextchar: Run, texts: Path, tmp_path: Path, vocabulary: str
) -> None:
    out = tmp_path / "run"
    options = (*TINY, "--vocabulary", vocabulary)
    nextchar("train", texts / "korean.txt", "--out", out, *options).succeeded()
    written = nextchar("generate", out, "--prompt", "오늘 ", "--length", "50", "--seed", "1")
    assert written.succeeded().startswith("오늘 ")
    assert len(written.out) == len("오늘 ") + 50 + 1
    measured = nextchar("evaluate", out, texts / "korean.txt", "--json").values()
    assert measured["characters"] == len((texts / "korean.txt").read_text()) - 1


@pytest.mark.parametrize("cell", ["rnn", "lstm", "peephole_lstm", "gru", "min_gru", "min_lstm"])
def test_every_cell_learns_and_writes(
    nextchar: Run, texts: Path, tmp_path: Path, cell: str
) -> None:
    out = tmp_path / "run"
    nextchar("train", texts / "english.txt", "--out", out, *TINY, "--cell", cell).succeeded()
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["validation_nats_per_char"] < rows[0]["validation_nats_per_char"]
    assert len(nextchar("generate", out, "--length", "20").succeeded()) == 21


def test_two_trainings_with_one_seed_agree_in_every_bit(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        nextchar("train", texts / "english.txt", "--out", tmp_path / name, *TINY).succeeded()
    require_same_training(tmp_path / "one", tmp_path / "two")


def test_another_seed_is_another_training(nextchar: Run, texts: Path, tmp_path: Path) -> None:
    for seed in (1, 2):
        out = tmp_path / str(seed)
        nextchar("train", texts / "english.txt", "--out", out, *TINY, "--seed", seed).succeeded()
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("1", "2")]
    assert models[0] != models[1]


def test_a_run_with_nothing_held_out_has_no_validation_part(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    options = (*TINY, "--validation-fraction", "0")
    nextchar("train", texts / "english.txt", "--out", out, *options).succeeded()
    assert "nothing held out" in (out / "README.md").read_text()
    assert "no validation part" in nextchar("evaluate", out).problem()
    nextchar("evaluate", out, "--part", "train").succeeded()
    nextchar("info", out).succeeded()


def test_missing_folders_above_the_run_are_made(nextchar: Run, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "not" / "there" / "run"
    nextchar("train", texts / "english.txt", "--out", out, *TINY).succeeded()
    assert (out / "model.safetensors").is_file()


def test_an_empty_folder_is_filled(nextchar: Run, texts: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    nextchar("train", texts / "english.txt", "--out", tmp_path / "empty", *TINY).succeeded()
    assert (tmp_path / "empty" / "model.safetensors").is_file()


def test_the_current_folder_is_no_run_to_be_made(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    # Making a run replaces its folder, and a shell that stands in it would stand nowhere.
    arguments = ("train", texts / "english.txt", "--out", ".", *TINY)
    assert "current folder" in nextchar(*arguments, cwd=tmp_path).problem()
    assert list(tmp_path.iterdir()) == []


def test_resuming_a_complete_run_says_so_and_changes_no_weight(nextchar: Run, run: Path) -> None:
    before = contents(run)
    outcome = nextchar("train", "--resume", run)
    assert "bits/char" in outcome.succeeded()
    assert "is complete" in outcome.err
    after = contents(run)
    kept = [name for name in before if name != "README.md"]
    assert [name for name in kept if before[name] != after[name]] == []


@pytest.mark.slow
def test_a_plan_of_a_few_seconds_is_kept(nextchar: Run, texts: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    values = nextchar(
        "train", texts / "english.txt", "--out", out, "--minutes", "0.15", "--json"
    ).values()
    assert values["steps"] >= 1
    assert json.loads((out / "config.json").read_text())["training"]["steps"] == values["steps"]


def test_a_budget_shorter_than_the_start_trains_for_a_moment_and_says_why(
    nextchar: Run, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The start takes all of the time.
    monkeypatch.setattr("nextchar.tasks.language_modeling.creation.PROBE_SHARE", 1.0)
    outcome = nextchar(
        "train", texts / "english.txt", "--out", tmp_path / "run", "--minutes", "0.01"
    )
    outcome.succeeded()
    notes = [
        line for line in outcome.err.splitlines() if "reading the text and measuring costs" in line
    ]
    assert len(notes) == 1
    assert notes[0].endswith(" s: the run takes longer than 0.01 min")


def test_compilation_is_no_part_of_the_budget(
    nextchar: Run, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = itertools.count(1000.0, 1000.0)  # a call of it compiles for 1,000 s more
    monkeypatch.setattr("nextchar.runs.task.compilation_seconds", lambda: next(compiled))
    values = nextchar(
        "train", texts / "english.txt", "--out", tmp_path / "run", "--minutes", "0.005", "--json",
        "--hidden-size", "8", "--embedding-size", "8", "--dropout", "0", "--batch-size", "64",
        "--precision", "float32",
    ).values()  # fmt: skip
    assert values["characters"] > 90 * 5_400  # all the epochs that any time is planned for

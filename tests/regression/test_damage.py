"""Damaged, truncated and foreign run directories: one line, and nothing wrong is believed."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nextchar.errors import NextcharError, RunError
from nextchar.language_model.model import LanguageModel
from nextchar.runs.training import history, resume
from nextchar.tasks.language_modeling.data import open_corpus
from nextchar.training.checkpoint import load_tensors, save_tensors
from tests.conftest import PROCESSES, Run, contents

TENSOR_FILES = ["model.safetensors", "last/training.safetensors"]


@pytest.mark.parametrize("command", ["generate", "evaluate", "info", "train --resume"])
def test_what_is_no_run_is_named(nextchar: Run, tmp_path: Path, command: str) -> None:
    words = command.split()
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    assert "does not exist" in nextchar(*words, tmp_path / "gone").problem()
    assert "is a file" in nextchar(*words, tmp_path / "file").problem()
    assert "not a run" in nextchar(*words, tmp_path / "folder").problem()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("name", TENSOR_FILES)
def test_no_flipped_bit_of_the_weights_goes_unnoticed(run: Path, finished: Path, name: str) -> None:
    expected, content = load_tensors(finished / name)
    whole = (finished / name).read_bytes()
    draw = random.Random(7)
    # Every place of the header, which is a small part of the file, and others anywhere.
    places = [draw.randrange(600) for _ in range(100)]
    places += [draw.randrange(len(whole)) for _ in range(100)]
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << draw.randrange(8)
        (run / name).write_bytes(changed)
        try:
            tensors, other = load_tensors(run / name)
        except RunError:
            continue
        assert other == content, place
        assert tensors.keys() == expected.keys(), place
        assert all(torch.equal(tensors[key], expected[key]) for key in expected), place


def replace_for_ever(path: Path) -> None:
    """Save other weights in the same place again and again, as training does."""
    for step in itertools.count():
        save_tensors(path, {name: torch.full((64,), step) for name in "abcdefgh"}, {"step": step})


def test_weights_that_are_replaced_while_they_are_read_are_the_old_or_the_new(
    tmp_path: Path,
) -> None:
    """As when a run is looked at while it trains."""
    path = tmp_path / "model.safetensors"
    save_tensors(path, {}, {"step": None})
    writer = PROCESSES.Process(target=replace_for_ever, args=(path,), daemon=True)
    writer.start()
    try:
        for _ in range(3000):
            found, content = load_tensors(path)
            assert {float(tensor.min()) for tensor in found.values()} <= {content["step"]}
    finally:
        writer.kill()
        writer.join()


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.01, 0.5, 0.999])
def test_truncated_weights_are_one_line(nextchar: Run, run: Path, share: float) -> None:
    for name in TENSOR_FILES:
        os.truncate(run / name, int((run / name).stat().st_size * share))
    before = contents(run)
    for command in (("generate",), ("evaluate",)):
        assert "model.safetensors is damaged" in nextchar(*command, run).problem()
    assert "training.safetensors is damaged" in nextchar("train", "--resume", run).problem()
    assert contents(run) == before


def test_a_run_shared_without_what_resuming_needs_is_not_trained_over(
    nextchar: Run, run: Path
) -> None:
    shutil.rmtree(run / "last")
    before = contents(run)
    assert "cannot be resumed" in nextchar("train", "--resume", run).problem()
    assert contents(run) == before


def test_a_run_without_weights_says_which_file_is_missing(nextchar: Run, run: Path) -> None:
    (run / "model.safetensors").unlink()
    nextchar("generate", run, "--length", "5").succeeded()
    shutil.rmtree(run / "last")
    assert "training.safetensors" in nextchar("generate", run).problem()


def test_weights_of_another_network_are_refused(nextchar: Run, run: Path) -> None:
    change_config(run, "network", hidden_size=24)
    assert "config.json was changed" in nextchar("generate", run).problem()
    nextchar("seal", run).succeeded()
    assert "shape" in nextchar("generate", run).problem()


def change_config(run: Path, part: str, **values: object) -> None:
    config = json.loads((run / "config.json").read_text())
    config[part].update(values)
    (run / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("part", "values"),
    [
        ("network", {"hidden_size": 24}),
        ("network", {"layers": 2}),
        ("network", {"cell": "gru"}),
        ("network", {"residual": True}),
        ("training", {"batch_size": 5}),
        ("training", {"ema_decay": 0.9}),
        ("training", {"optimizer": "sgd"}),
        ("training", {"steps": 3}),
        ("text", {"vocabulary": "byte"}),
    ],
    ids=str,
)
def test_a_checkpoint_of_other_choices_is_refused_or_taken_but_never_a_traceback(
    nextchar: Run, run: Path, part: str, values: dict[str, object]
) -> None:
    change_config(run, part, **values)
    assert "config.json was changed" in nextchar("train", "--resume", run, "-q").problem()
    nextchar("seal", run).succeeded()
    outcome = nextchar("train", "--resume", run, "-q")
    if outcome.code:
        outcome.problem()


CONFIGS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "unknown key": (lambda c: c["network"].update(hiden_size=3), "did you mean 'hidden_size'"),
    "unknown part": (lambda c: c.update(netwrk={}), "did you mean 'network'"),
    "missing part": (lambda c: c.pop("network"), "'network'"),
    "part of a wrong type": (lambda c: c.update(network=[1]), "'network'"),
    "text for a number": (lambda c: c["network"].update(hidden_size="16"), "hidden_size"),
    "fraction for a whole": (lambda c: c["network"].update(layers=1.5), "layers"),
    "true for a number": (lambda c: c["network"].update(layers=True), "layers"),
    "number for a flag": (lambda c: c["network"].update(tied=1), "tied"),
    "list for a choice": (lambda c: c["network"].update(cell=["lstm"]), "cell"),
    "null for a number": (lambda c: c["training"].update(steps=None), "steps"),
    "out of range": (lambda c: c["network"].update(dropout=1.0), "dropout"),
    "infinite": (lambda c: c["training"].update(learning_rate=float("inf")), "learning_rate"),
    "huge whole number": (lambda c: c["network"].update(hidden_size=10**400), "hidden_size"),
    "huge number": (lambda c: c["training"].update(learning_rate=10**400), "learning_rate"),
    "newer format": (lambda c: c.update(format_version=2), "supports up to"),
    "no format": (lambda c: c.pop("format_version"), "format_version"),
    "format of a wrong type": (lambda c: c.update(format_version="1"), "format_version"),
    "format zero": (lambda c: c.update(format_version=0), "format"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_changed_configuration_is_refused(nextchar: Run, run: Path, case: str) -> None:
    change, words = CONFIGS[case]
    config = json.loads((run / "config.json").read_text())
    change(config)
    (run / "config.json").write_text(json.dumps(config))
    for command in (("generate",), ("train", "--resume")):
        line = nextchar(*command, run).problem()
        assert "config.json" in line
        assert words in line


GARBAGE = {
    "empty": b"",
    "cut": b'{"format_version": 1, "te',
    "no object": b"[1, 2]",
    "a number": b"3",
    "null": b"null",
    "no text": b"\xff\xfe\x00",
    "nested": b"[" * 200_000,
    "nul": b"\x00" * 100,
    "other keys": b'{"cheese": 1}',
}


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("name", ["config.json", "vocabulary.json", "corpus/corpus.json"])
def test_a_garbled_json_file_is_named(nextchar: Run, run: Path, name: str, garbage: str) -> None:
    (run / name).write_bytes(GARBAGE[garbage])
    commands = [("evaluate",), ("train", "--resume")]
    if not name.startswith("corpus"):
        commands += [("generate",), ("info",)]
    before = contents(run)
    for command in commands:
        assert name.rpartition("/")[2] in nextchar(*command, run).problem()
    assert contents(run) == before


@pytest.mark.parametrize("garbage", [*sorted(GARBAGE.keys() - {"empty"}), "row of text"])
def test_a_garbled_history_is_named(nextchar: Run, run: Path, garbage: str) -> None:
    content = GARBAGE.get(garbage, b'{"step": "three"}')
    (run / "metrics.jsonl").write_bytes(content + b"\n")
    assert "metrics.jsonl" in nextchar("info", run).problem()
    (run / "metrics.jsonl").write_bytes((content + b"\n") * 3000)
    assert "metrics.jsonl" in nextchar("train", "--resume", run, "-q").problem()
    nextchar("generate", run, "--length", "5").succeeded()


def test_a_history_that_lost_rows_is_found_by_resume(nextchar: Run, run: Path) -> None:
    os.truncate(run / "metrics.jsonl", 100)
    assert "metrics.jsonl" in nextchar("train", "--resume", run).problem()
    (run / "metrics.jsonl").unlink()
    assert "metrics.jsonl" in nextchar("train", "--resume", run).problem()


def test_a_vocabulary_of_another_size_is_refused(nextchar: Run, run: Path) -> None:
    vocabulary = json.loads((run / "vocabulary.json").read_text())
    vocabulary["symbols"].append("Ω")
    (run / "vocabulary.json").write_text(json.dumps(vocabulary))
    assert "vocabulary.json was changed" in nextchar("generate", run).problem()
    nextchar("seal", run).succeeded()
    assert "shape" in nextchar("generate", run).problem()
    assert "shape" in nextchar("train", "--resume", run).problem()


@pytest.mark.parametrize(
    "change",
    [
        {"length": -1},
        {"length": 1e400},
        {"characters": "many"},
        {"characters": 1e400},
        {"characters": -1},
        {"dtype": "float64"},
        {"dtype": ["uint8"]},
        {"sha256": 3},
        {"names": 3},
        {"splits": {"train": [0, 1e400], "test": [0, 0], "validation": [0, 0]}},
        {"splits": []},
        {"splits": {"train": [0], "test": [0, 0], "validation": [0, 0]}},
        {"format_version": 9},
        {"format_version": None},
    ],
    ids=str,
)
def test_a_changed_header_of_the_corpus_is_refused(
    nextchar: Run, run: Path, change: dict[str, object]
) -> None:
    header = json.loads((run / "corpus" / "corpus.json").read_text())
    (run / "corpus" / "corpus.json").write_text(json.dumps(header | change))
    assert "corpus" in nextchar("evaluate", run).problem()
    assert "corpus" in nextchar("train", "--resume", run).problem()


@pytest.mark.parametrize(
    "name", ["config.json", "vocabulary.json", "metrics.jsonl", "corpus/corpus.json"]
)
def test_no_changed_byte_of_a_text_file_is_a_traceback(
    run: Path, finished: Path, name: str
) -> None:
    whole = (finished / name).read_bytes()
    draw = random.Random(3)
    for _ in range(100):
        changed = bytearray(whole)
        changed[draw.randrange(len(whole))] = draw.choice(b'0x"{}[],:-e\x00\xff\xc3\xed9tn')
        (run / name).write_bytes(changed)
        try:
            if name == "metrics.jsonl":
                history(run)
            elif name == "corpus/corpus.json":
                open_corpus(run)
            else:
                LanguageModel.load(run).generate("The", length=1, seed=1)
        except NextcharError:
            pass


def test_files_that_do_not_belong_to_a_run_are_left_alone(run: Path) -> None:
    (run / "notes.txt").write_text("mine")
    (run / "last" / "notes.txt").write_text("mine too")
    resume(run)
    assert (run / "notes.txt").read_text() == "mine"
    assert (run / "last" / "notes.txt").read_text() == "mine too"


@pytest.mark.parametrize("name", ["config.json", "vocabulary.json", "model.safetensors"])
def test_a_folder_in_the_place_of_a_file_is_one_line(nextchar: Run, run: Path, name: str) -> None:
    (run / name).unlink()
    (run / name).mkdir()
    assert nextchar("generate", run).problem()

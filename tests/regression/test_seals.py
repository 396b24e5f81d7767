"""No changed bit of a run's metadata or history goes unnoticed; a change on purpose is accepted."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import nextchar
from nextchar.embeddings.vectors import SymbolVectors
from nextchar.errors import InputError, RunError
from nextchar.runs.training import history
from nextchar.tasks.language_modeling.data import open_corpus
from nextchar.training.checkpoint import load_header, load_tensors
from nextchar.training.extension import load_extension
from tests.conftest import Run, contents, require_same_training

LAST, PREVIOUS = "last/training.safetensors", "last/previous.safetensors"
SLOW = pytest.mark.slow


def flips(data: bytes, count: int | None, seed: int) -> list[bytes]:
    """Return copies of data with one flipped bit: all of them, or ``count`` drawn ones."""
    places: Any = range(8 * len(data))
    if count is not None:
        places = random.Random(seed).sample(places, min(count, len(places)))
    copies = []
    for place in places:
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        copies.append(bytes(changed))
    return copies


def require_noticed(
    path: Path, read: Callable[[], object], count: int | None, *, spare: bytes = b""
) -> None:
    """Require that each flipped bit of a file is an error, or has no meaning.

    Parameters
    ----------
    spare
        An ending of the file whose changes have no meaning.
    """
    whole = path.read_bytes()
    expected = read()
    assert whole.endswith(spare)
    for changed in flips(whole[: len(whole) - len(spare)], count, seed=len(whole)):
        path.write_bytes(changed + spare)
        try:
            found = read()
        except InputError as error:
            lines = str(error).splitlines()
        else:
            lines = [""]
            assert found == expected, changed
        assert len(lines) == 1
    path.write_bytes(whole)
    assert read() == expected


def read_model(run: Path) -> Callable[[], object]:
    def read() -> object:
        model = nextchar.LanguageModel.load(run)
        return model.config, model.vocabulary.to_dict()

    return read


@pytest.mark.parametrize("count", [60, pytest.param(None, marks=SLOW)])
@pytest.mark.parametrize("name", ["config.json", "vocabulary.json"])
def test_no_flipped_bit_of_a_language_model_goes_unnoticed(
    run: Path, name: str, count: int | None
) -> None:
    require_noticed(run / name, read_model(run), count)


@pytest.mark.parametrize("count", [200, pytest.param(None, marks=SLOW)])
def test_no_flipped_bit_of_the_corpus_goes_unnoticed(run: Path, count: int | None) -> None:
    def read() -> object:
        corpus = open_corpus(run)
        return corpus.names, corpus.splits, corpus.fingerprint

    require_noticed(run / "corpus" / "corpus.json", read, count)


@pytest.mark.parametrize("count", [300, pytest.param(None, marks=SLOW)])
def test_no_flipped_bit_of_the_history_goes_unnoticed(run: Path, count: int | None) -> None:
    # Without its line break, the last row is that of a crash and is ignored.
    require_noticed(run / "metrics.jsonl", lambda: history(run), count, spare=b"\n")


def test_no_flipped_bit_of_an_extension_goes_unnoticed(run: Path) -> None:
    nextchar.resume(run, steps=2)
    assert load_extension(run) is not None
    require_noticed(run / "extension.json", lambda: load_extension(run), 400)


def test_no_flipped_bit_of_embeddings_goes_unnoticed(texts: Path, tmp_path: Path) -> None:
    nextchar.train_embeddings(texts / "english.txt", size=4, epochs=1).save(tmp_path / "vectors")

    def read() -> object:
        vectors = SymbolVectors.load(tmp_path / "vectors")
        return vectors.config, vectors.vocabulary.to_dict(), vectors.sources

    for name in ("embeddings.json", "vocabulary.json"):
        require_noticed(tmp_path / "vectors" / name, read, 200)


FIXTURES = Path(__file__).parent.parent / "fixtures" / "runs"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("interrupted_classifier", "labels.json"),
        ("interrupted_conditional", "conditions.json"),
        ("interrupted_tagger", "labels.json"),
        ("interrupted_transducer", "symbols.json"),
    ],
)
def test_no_flipped_bit_of_a_task_goes_unnoticed(kind: str, name: str, tmp_path: Path) -> None:
    """The runs are of an older version: resuming them writes the seal."""
    if not (FIXTURES / kind).exists():
        pytest.skip(f"there is no fixture {kind}")
    run = tmp_path / "run"
    shutil.copytree(FIXTURES / kind, run)
    nextchar.resume(run)
    assert name in load_header(run / LAST).seal
    path = run / name
    whole = path.read_bytes()
    for changed in flips(whole, 40, seed=1):
        path.write_bytes(changed)
        with pytest.raises(InputError):
            nextchar.load(run)
    path.write_bytes(whole)
    nextchar.load(run)


def test_a_change_on_purpose_is_accepted_by_a_command(nextchar: Run, run: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    config["training"]["sample_length"] = 7
    (run / "config.json").write_text(json.dumps(config))
    for command in (("generate",), ("info",), ("evaluate",), ("train", "--resume")):
        line = nextchar(*command, run).problem()
        assert "config.json was changed after it was saved" in line
        assert f"`nextchar seal {run}`" in line
    before = load_tensors(run / "model.safetensors")
    assert nextchar("seal", run).succeeded() == "accepted: config.json\n"
    after = load_tensors(run / "model.safetensors")
    assert all(torch.equal(before[0][name], after[0][name]) for name in before[0])
    assert before[1] == after[1]
    assert nextchar("seal", run).succeeded() == "nothing was changed\n"
    nextchar("generate", run, "--length", "5").succeeded()
    nextchar("train", "--resume", run, "--steps", "2").succeeded()


def test_a_sealed_file_that_disappears_or_appears_is_a_change(run: Path) -> None:
    (run / "origin.json").write_text(
        '{"format_version": 1, "run": "x", "sha256": "0", "first_known": 0, "symbols_known": 1}'
    )
    with pytest.raises(RunError, match=r"origin\.json was changed"):
        nextchar.resume(run)


def test_a_folder_without_weights_cannot_be_sealed(nextchar: Run, tmp_path: Path) -> None:
    assert "has no weights to seal" in nextchar("seal", tmp_path).problem()


@pytest.mark.parametrize("lost", [1, 40, 400, None])
def test_a_history_that_lost_rows_is_told(nextchar: Run, run: Path, lost: int | None) -> None:
    path = run / "metrics.jsonl"
    if lost is None:
        path.unlink()
    else:
        os.truncate(path, max(0, path.stat().st_size - lost))
    before = contents(run)
    for command in (("info",), ("train", "--resume")):
        line = nextchar(*command, run).problem()
        assert "metrics.jsonl is damaged: it has" in line
    assert contents(run) == before


def test_a_damaged_save_names_the_one_before_it_and_goes_on_from_there(
    nextchar: Run, run: Path, finished: Path
) -> None:
    steps = [load_header(run / name).content["step"] for name in (LAST, PREVIOUS)]
    assert steps[0] > steps[1] > 0
    os.truncate(run / LAST, 1000)
    line = nextchar("train", "--resume", run).problem()
    assert "training.safetensors is damaged" in line
    assert f"after step {steps[1]}, is intact: move {PREVIOUS} to {LAST}" in line
    (run / PREVIOUS).replace(run / LAST)
    nextchar("train", "--resume", run, "-q").succeeded()
    require_same_training(run, finished)


def test_both_saves_share_no_content(run: Path) -> None:
    assert (run / LAST).stat().st_ino != (run / PREVIOUS).stat().st_ino


@pytest.mark.parametrize("size", [3000, 10**9])
def test_a_network_that_the_weights_do_not_fit_is_refused_before_it_is_created(
    nextchar: Run, run: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    config = json.loads((run / "config.json").read_text())
    config["network"]["hidden_size"] = size
    (run / "config.json").write_text(json.dumps(config))
    nextchar("seal", run).succeeded()
    drawn = []
    uniform = torch.Tensor.uniform_

    def count(tensor: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        if tensor.device.type != "meta":
            drawn.append(tensor.numel())
        return uniform(tensor, *arguments, **options)

    monkeypatch.setattr(torch.Tensor, "uniform_", count)
    for command in (("generate",), ("train", "--resume")):
        line = nextchar(*command, run).problem()
        assert "cannot be used: the " in line
    assert sum(drawn) < 100_000

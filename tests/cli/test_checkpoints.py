"""``--checkpoint``: which weights of a run are used, and what is told of them."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

import nextchar as package
from tests.conftest import TINY, TINY_OPTIONS, Run, Start, contents, require_same_training

WRITING = ("--length", "30", "--seed", "1")


@pytest.fixture(scope="module")
def kept(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that has kept the weights of three validations; tests only read it."""
    out = tmp_path_factory.mktemp("kept") / "run"
    options = {**TINY_OPTIONS, "validate_every": 6, "keep_checkpoints": 3}
    package.train(texts / "english.txt", out, **options)
    return out


def test_the_newest_weights_and_those_of_a_step_can_be_used(nextchar: Run, kept: Path) -> None:
    assert sorted(path.name for path in (kept / "checkpoints").iterdir()) == [
        "18.safetensors", "24.safetensors", "30.safetensors",
    ]  # fmt: skip
    texts, notes = {}, {}
    for checkpoint in ("best", "last", "18", "30"):
        outcome = nextchar("generate", kept, *WRITING, "--checkpoint", checkpoint)
        texts[checkpoint], notes[checkpoint] = outcome.succeeded(), outcome.err
    assert texts["last"] == texts["30"] != texts["18"]
    assert notes["best"] == ""
    assert notes["18"] == (
        f"note: {kept} is at step 30 of 30: these are its weights, from step 18\n"
    )
    assert "its newest weights, from step 30" in notes["last"]
    model = package.LanguageModel.load(kept, checkpoint=18)
    assert model.generate(length=30, seed=1) + "\n" == texts["18"]


@pytest.mark.parametrize(
    "words", ["evaluate RUN", "score RUN TEXT", "complete RUN The", "play RUN", "generate RUN"]
)
def test_every_command_of_a_language_model_takes_a_checkpoint(
    words: str, nextchar: Run, kept: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_text("The dog runs.\n")
    call = words.replace("RUN", str(kept)).replace("TEXT", str(tmp_path / "text.txt")).split()
    outcome = nextchar(*call, "--checkpoint", "24")
    outcome.succeeded()
    assert outcome.err == f"note: {kept} is at step 30 of 30: these are its weights, from step 24\n"
    assert nextchar(*call, "--checkpoint", "24", "--quiet").err == ""


def test_a_checkpoint_that_is_not_there_brings_up_those_that_are(
    nextchar: Run, kept: Path, finished: Path
) -> None:
    line = nextchar("generate", kept, "--checkpoint", "12").problem()
    assert "which has the steps 18, 24, 30; got '12'" in line
    line = nextchar("generate", finished, "--checkpoint", "newest").problem()
    assert "which has no steps (--keep-checkpoints); got 'newest'" in line


@pytest.mark.parametrize("damaged", ["last/training.safetensors", "extension.json"])
def test_damage_beside_the_weights_is_told_and_blocks_nothing(
    damaged: str, nextchar: Run, kept: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(kept, tmp_path / "run")
    (run / damaged).write_bytes((kept / "last/training.safetensors").read_bytes()[:100])
    for checkpoint, name in (("best", "model"), ("18", "checkpoints/18")):
        words = (*WRITING, "--checkpoint", checkpoint)
        outcome = nextchar("generate", run, *words)
        assert outcome.succeeded() == nextchar("generate", kept, *words).succeeded()
        assert outcome.err.startswith(f"note: {run / damaged} is ")
        assert outcome.err.endswith(f"; the weights used are those in {name}.safetensors\n")
    line = nextchar("generate", run, "--checkpoint", "last").problem()
    assert damaged in line
    (run / "model.safetensors").unlink()
    assert damaged in nextchar("generate", run).problem()


def test_what_a_resumed_run_keeps_is_what_an_uninterrupted_one_does(
    start: Start, nextchar: Run, kept: Path, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    options = ("--validate-every", "6", "--keep-checkpoints", "3", "--quiet")
    command = start("train", texts / "english.txt", "--out", out, *TINY, *options)
    command.wait_until((out / "checkpoints" / "6.safetensors").exists)
    command.send(signal.SIGTERM)
    assert command.code() in (0, 128 + signal.SIGTERM)
    (out / "checkpoints").mkdir(exist_ok=True)
    shutil.copy(kept / "model.safetensors", out / "checkpoints" / "99.safetensors")
    nextchar("train", "--resume", out, "--quiet").succeeded()
    require_same_training(out, kept)
    assert contents(out / "checkpoints") == contents(kept / "checkpoints")


def test_an_unfinished_run_writes_with_its_best_so_far_and_says_so(
    start: Start, nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    options = (*TINY, "--steps", "100000", "--validate-every", "20", "--quiet")
    command = start("train", texts / "english.txt", "--out", out, *options)
    command.wait_until((out / "model.safetensors").exists)
    outcome = nextchar("generate", out, *WRITING)
    assert len(outcome.succeeded()) == 31
    assert "of 100,000: these are its best weights so far, from step " in outcome.err
    assert "newest" in nextchar("evaluate", out, "--checkpoint", "last").err
    command.stop()

"""Interrupt training anywhere, resume, and nothing is different from an uninterrupted run."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

import pytest

from nextchar.errors import Interrupted
from nextchar.language_model.model import LanguageModel
from nextchar.language_model.training import train
from nextchar.runs import training as runs
from nextchar.training.checkpoint import load_tensors
from nextchar.training.events import Event, Preparing
from nextchar.training.metrics import append_row
from nextchar.training.trainer import Trainer
from tests.conftest import (
    TINY,
    TINY_OPTIONS,
    Outcome,
    Run,
    Start,
    contents,
    require_same_training,
    rows_of,
)

# Everything that has a state of its own is on.
HARD_OPTIONS = dict(TINY_OPTIONS) | {
    "layers": 2,
    "dropout": 0.3,
    "ema_decay": 0.9,
    "steps": 1500,
    "schedule": "plateau",
}
HARD = tuple(
    word
    for name, value in HARD_OPTIONS.items()
    for word in (f"--{name.replace('_', '-')}", str(value))
)
ENDLESS = (*TINY, "--steps", "1000000", "--validate-every", "50", "--checkpoint-seconds", "0.1")
SLOW = pytest.mark.slow
SHORT_OPTIONS = HARD_OPTIONS | {"steps": 12, "validate_every": 3}


@pytest.fixture(scope="module")
def uninterrupted(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "uninterrupted"
    train(texts / "english.txt", folder, **HARD_OPTIONS)
    return folder


@pytest.fixture(scope="module")
def short(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "short"
    train(texts / "english.txt", folder, **SHORT_OPTIONS)
    return folder


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_training_after_a_save_and_resume_makes_it_whole(
    start: Start, nextchar: Run, texts: Path, tmp_path: Path, uninterrupted: Path,
    number: int, code: int,
) -> None:  # fmt: skip
    out = tmp_path / "run"
    options = (*HARD, "--checkpoint-seconds", "0.05", "--quiet")
    command = start("train", texts / "english.txt", "--out", out, *options)
    command.wait_until(lambda: bool(_step(out)))
    command.send(number)
    line = command.outcome().problem(code)
    assert "saved" in line
    assert f"nextchar train --resume {out}" in line
    LanguageModel.load(out).generate(length=5, seed=1)
    nextchar("info", out).succeeded()
    nextchar("train", "--resume", out).succeeded()
    require_same_training(out, uninterrupted)


def test_ctrl_c_while_the_text_is_counted_names_the_way_on(
    texts: Path, tmp_path: Path, short: Path
) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, Preparing) and event.stage == "counting the text":
            raise KeyboardInterrupt

    out = tmp_path / "run"
    with pytest.raises(Interrupted, match="is trained, but not complete") as caught:
        train(texts / "english.txt", out, listeners=[interrupt], **SHORT_OPTIONS)
    assert str(caught.value).endswith(f"Complete it with: nextchar train --resume {out}")
    assert not (out / "experts.safetensors").exists()
    LanguageModel.load(out).generate(length=5, seed=1)
    runs.resume(out)
    assert (out / "README.md").exists()
    assert (out / "experts.safetensors").read_bytes() == (
        short / "experts.safetensors"
    ).read_bytes()


def test_resume_goes_on_as_often_as_it_is_stopped(
    start: Start, nextchar: Run, texts: Path, tmp_path: Path, uninterrupted: Path
) -> None:
    out = tmp_path / "run"
    command = start("train", texts / "english.txt", "--out", out, *HARD, "--quiet")
    for _ in range(3):
        size = _size(out / "metrics.jsonl")
        command.wait_until(lambda size=size: _size(out / "metrics.jsonl") > size)  # type: ignore[misc]
        command.send(signal.SIGTERM)
        command.outcome().problem(143)
        command = start("train", "--resume", out, "--quiet")
    command.outcome().succeeded()
    require_same_training(out, uninterrupted)


def test_a_signal_to_a_new_interpreter_is_heard_as_well(texts: Path, tmp_path: Path) -> None:
    """As a user presses Ctrl-C: no server of forks between."""
    out = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "nextchar", "train", str(texts / "english.txt"),
         "--out", str(out), *ENDLESS],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stderr is not None
    assert "step " in process.stderr.readline()  # or, on a busy machine, the ETA with the step
    process.send_signal(signal.SIGINT)
    printed, progress = process.communicate(timeout=120)
    assert process.returncode == 130
    assert printed == ""
    assert progress.splitlines()[-1].startswith("nextchar: stopped after step ")
    assert "Traceback" not in progress


@pytest.mark.parametrize("kills", [5, pytest.param(30, marks=pytest.mark.slow)])
def test_kills_at_any_moment_change_nothing(
    start: Start, nextchar: Run, texts: Path, tmp_path: Path, uninterrupted: Path, kills: int
) -> None:
    out = tmp_path / "run"
    options = (*HARD, "--checkpoint-seconds", "0.01", "--quiet")
    draw = random.Random(kills)
    killed, steps = 0, set()
    while killed < kills:
        made = (out / "config.json").exists()
        how = ("--resume", out, "-q") if made else (texts / "english.txt", "--out", out, *options)
        command = start("train", *how)
        if killed % 2:  # once while it starts, once after it went on
            command.wait_until(lambda: _step(out) not in steps)
        steps.add(_step(out))
        command.wait_for_end(draw.uniform(0, 0.1))
        command.send(signal.SIGKILL)
        assert command.code() == -signal.SIGKILL
        killed += 1
        if _step(out) is not None:
            LanguageModel.load(out)
    nextchar("train", "--resume", out).succeeded()
    require_same_training(out, uninterrupted)
    assert len(steps) > kills // 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_writing_ends_with_one_line(
    start: Start, finished: Path, number: int
) -> None:
    command = start("generate", finished, "--length", "10000000", "--seed", "1")
    command.wait_until(lambda: len(command.printed()) > 0)
    command.send(number)
    ended = command.outcome()
    assert ended.code == 128 + number
    assert ended.err.count("\n") == 1
    assert ended.err.startswith("nextchar: ")


class Crash(BaseException):
    """Power failed."""


@pytest.mark.parametrize("save", [1, 2, 3, 4, 5])
def test_a_crash_between_the_row_and_the_save_leaves_no_row_twice(
    texts: Path, tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch, save: int
) -> None:
    out, saves = tmp_path / "run", 0
    save_as_usual = Trainer.save

    def save_or_crash(trainer: Trainer) -> None:
        nonlocal saves
        saves += 1
        if saves == save:
            raise Crash
        save_as_usual(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "save", save_or_crash)
        with pytest.raises(Crash):
            train(texts / "english.txt", out, **SHORT_OPTIONS)
    if save == 1:  # It is that of the start: there is no run without it.
        assert not out.exists()
        return
    assert len(rows_of(out)) == save - 1
    runs.resume(out)
    require_same_training(out, short)


@pytest.mark.parametrize("row", [1, 3])
def test_a_crash_in_the_middle_of_a_row_is_healed(
    nextchar: Run, texts: Path, tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch,
    row: int,
) -> None:  # fmt: skip
    out, rows = tmp_path / "run", 0

    def write_or_crash(path: Path, values: Mapping[str, float]) -> int:
        nonlocal rows
        rows += 1
        if rows == row:
            with path.open("ab") as file:
                file.write(b'{"step": 3, "pas')
            raise Crash
        return append_row(path, values)

    with monkeypatch.context() as patch:
        patch.setattr("nextchar.training.run_writer.append_row", write_or_crash)
        with pytest.raises(Crash):
            train(texts / "english.txt", out, **SHORT_OPTIONS)
    nextchar("info", out).succeeded()
    runs.resume(out)
    require_same_training(out, short)


def test_a_disk_that_fills_at_any_moment_loses_nothing(
    nextchar: Run, texts: Path, tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = tuple(
        word
        for name, value in SHORT_OPTIONS.items()
        for word in (f"--{name.replace('_', '-')}", str(value))
    )
    flush_as_usual = os.fsync
    moment, finished = 0, False
    while not finished:
        left, folder = moment, tmp_path / str(moment)
        out = folder / "run"
        folder.mkdir()

        def flush_or_fail(descriptor: int) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            flush_as_usual(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", flush_or_fail)
            outcome = nextchar("train", texts / "english.txt", "--out", out, "-q", *options)
        finished = outcome.code == 0
        if not finished:
            assert "No space left" in outcome.problem(1)
            assert list(folder.rglob(".*")) == []
        if out.exists():
            if (out / "last" / "training.safetensors").exists():
                LanguageModel.load(out)
            runs.resume(out)
            require_same_training(out, short)
        else:
            assert list(folder.iterdir()) == []
        shutil.rmtree(folder)
        moment += 1 if moment < 12 else 5
    assert moment > 20


def test_a_file_that_cannot_grow_is_a_failure_that_loses_nothing(
    texts: Path, tmp_path: Path
) -> None:
    """The kernel itself refuses the write of the checkpoint: it is larger than the limit."""
    command = [sys.executable, "-m", "nextchar", "train", str(texts / "english.txt"),
               "--out", "run", "--quiet", *TINY]  # fmt: skip
    ended = subprocess.run(
        ["bash", "-c", 'ulimit -f 16; exec "$@"', "bash", *command],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert Outcome(ended.returncode, ended.stdout, ended.stderr).problem(1)
    assert list(tmp_path.rglob(".*")) == []
    runs.resume(tmp_path / "run")


def test_resume_takes_no_other_options(nextchar: Run, run: Path, texts: Path) -> None:
    before = contents(run)
    for extra, named in (
        (("--hidden-size", "50"), "--hidden-size"),
        (("--out", "elsewhere"), "--out"),
        ((texts / "english.txt",), "takes no data"),
        (("--tied",), "--tied"),
    ):
        assert named in nextchar("train", "--resume", run, *extra).problem()
    assert contents(run) == before


def test_a_run_has_one_trainer_at_a_time(
    start: Start, nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = start("train", texts / "english.txt", "--out", out, "-q", *ENDLESS)
    command.wait_until((out / "last" / "training.safetensors").exists)
    line = nextchar("train", "--resume", out).problem()
    assert "another process is training in" in line
    command.send(signal.SIGTERM)
    command.outcome().problem(143)


@pytest.mark.parametrize("attempt", [0, *(pytest.param(n, marks=SLOW) for n in range(1, 20))])
def test_a_corpus_that_shrinks_during_training_is_an_error_line(
    start: Start, texts: Path, tmp_path: Path, attempt: int
) -> None:
    out = tmp_path / "run"
    command = start("train", texts / "english.txt", "--out", out, "-q", *ENDLESS)
    command.wait_until((out / "last" / "training.safetensors").exists)
    command.wait_for_end(0.05 * attempt / 20)
    os.truncate(out / "corpus" / "ids.bin", 100)
    assert "ids.bin" in command.outcome().problem()


@pytest.mark.parametrize("damage", ["truncated", "changed", "deleted", "header"])
def test_a_damaged_corpus_is_found_before_training_goes_on(
    nextchar: Run, run: Path, damage: str
) -> None:
    ids = run / "corpus" / "ids.bin"
    damages: dict[str, Callable[[], object]] = {
        "truncated": lambda: os.truncate(ids, 100),
        "changed": lambda: ids.write_bytes(b"\x01" + ids.read_bytes()[1:]),
        "deleted": ids.unlink,
        "header": (run / "corpus" / "corpus.json").unlink,
    }
    damages[damage]()
    before = contents(run)
    line = nextchar("train", "--resume", run).problem()
    assert "corpus" in line
    assert contents(run) == before


def _refuse(*_arguments: object, **_options: object) -> NoReturn:
    raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))


def test_a_place_that_cannot_be_written_is_one_line(
    nextchar: Run, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nextchar.storage.files.file_beside", _refuse)
    arguments = ("train", texts / "english.txt", "--out", tmp_path / "run", *TINY)
    assert "Read-only" in nextchar(*arguments).problem(1)
    assert list(tmp_path.iterdir()) == []


def test_a_resume_where_nothing_can_be_written_is_one_line(
    nextchar: Run, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nextchar.storage.files.file_beside", _refuse)
    before = contents(run)
    assert "Read-only" in nextchar("train", "--resume", run, "-q").problem(1)
    assert contents(run) == before


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _step(out: Path) -> int | None:
    """Give the step that was saved last."""
    last = out / "last" / "training.safetensors"
    return load_tensors(last)[1]["step"] if last.exists() else None

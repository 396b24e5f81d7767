"""TensorBoard: the logged events, also after resuming and crashes; examples of other trackers."""

from __future__ import annotations

import inspect
import math
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

import nextchar
from nextchar.errors import NextcharError, RunError
from nextchar.training.events import Event, StepDone, Validated
from nextchar.training.tensorboard import TensorBoard
from tests.conftest import TINY, TINY_OPTIONS, Run, contents, english, rows_of

OPTIONS = {**TINY_OPTIONS, "validate_every": 10, "sample_length": 20, "checkpoint_seconds": 1e6}
ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "how-to" / "trackers.md"
EXAMPLES = runpy.run_path(str(ROOT / "examples" / "trackers.py"))


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(english(3000))
    return path


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    """Return TensorBoard's values by tag and step; assert that no step occurs twice."""
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = module.EventAccumulator(str(folder))
    events.Reload()
    found = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
    values = {tag: {each.step: each.value for each in each_tag} for tag, each_tag in found.items()}
    assert all(len(values[tag]) == len(found[tag]) for tag in found)
    return values


def train_with(board: TensorBoard, text: Path, run: Path, *more: Any) -> None:
    nextchar.train(text, run, listeners=[board, *more], **OPTIONS)
    board.close()


def test_the_figures_are_those_of_the_history(text: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    train_with(TensorBoard(tmp_path / "board"), text, tmp_path / "run")
    shown = scalars(tmp_path / "board")
    rows = rows_of(tmp_path / "run")
    for unit in ("nats", "bits"):
        validation = shown[f"{unit}_per_char/validation"]
        expected = {row["step"]: row[f"validation_{unit}_per_char"] for row in rows}
        assert validation == pytest.approx(expected)
    assert list(shown["training/gradient_norm"]) == [1, 11, 21]
    for name in ("learning_rate", "chars_per_second"):
        assert all(value > 0 for value in shown[f"training/{name}"].values())


def test_samples_are_texts_with_their_line_breaks(text: Path, tmp_path: Path) -> None:
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    samples: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, Validated):
            samples.append(str(event.sample))

    train_with(TensorBoard(tmp_path / "board"), text, tmp_path / "run", note)
    events = module.EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    shown = [
        each.tensor_proto.string_val[0].decode() for each in events.Tensors("sample/text_summary")
    ]
    assert len(shown) == len(samples) == 3
    for written, sample in zip(shown, samples, strict=True):
        lines = written.split("\n")[:-1]
        assert [line.removeprefix("    ") for line in lines] == sample.split("\n")


@pytest.mark.parametrize("killed_at", [5, 10, 17, 30])
def test_a_killed_and_resumed_run_shows_each_step_once(
    killed_at: int, text: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")

    class Killed(Exception):  # noqa: N818
        pass

    def kill(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == killed_at:
            raise Killed

    board = TensorBoard(tmp_path / "board")
    with pytest.raises(Killed):
        train_with(board, text, tmp_path / "run", kill)
    board.close()  # The events after the last save outlive the crash; they must be superseded.
    again = TensorBoard(tmp_path / "board", resumes=True)
    nextchar.resume(tmp_path / "run", listeners=[again])
    again.close()
    shown = scalars(tmp_path / "board")
    expected = {row["step"]: row["validation_nats_per_char"] for row in rows_of(tmp_path / "run")}
    assert shown["nats_per_char/validation"] == pytest.approx(expected)
    assert max(shown["training/learning_rate"]) > 20


def test_runs_are_not_mixed_in_one_folder(nextchar: Run, texts: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    command = ("train", texts / "english.txt", *TINY, "--tensorboard", tmp_path / "board")
    nextchar(*command, "--out", tmp_path / "run").succeeded()
    assert "nats_per_char/validation" in scalars(tmp_path / "board")
    before = contents(tmp_path / "board")
    line = nextchar(*command, "--out", tmp_path / "other").problem()
    assert "already holds events of another run" in line
    assert not (tmp_path / "other").exists()
    nextchar("train", "--resume", tmp_path / "run", "--tensorboard", tmp_path / "board").succeeded()
    assert contents(tmp_path / "board") == before  # the run was complete


def test_a_folder_that_cannot_be_written_is_one_line(
    nextchar: Run, texts: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "file").write_text("")
    command = ("train", texts / "english.txt", *TINY, "--tensorboard", tmp_path / "file" / "board")
    line = nextchar(*command, "--out", tmp_path / "run", "--quiet").problem(code=1)
    assert "cannot write" in line


def test_without_tensorboard_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(NextcharError, match="pip install 'nextchar\\[tensorboard\\]'"):
        TensorBoard(tmp_path)


def test_an_mlflow_style_logger_gets_metrics_with_their_steps(text: Path, tmp_path: Path) -> None:
    logged: dict[int, dict[str, float]] = {}

    class MLflow:
        @staticmethod
        def log_metrics(metrics: dict[str, float], step: int) -> None:
            logged[step] = metrics

    listener = EXAMPLES["mlflow_listener"](MLflow)
    nextchar.train(text, tmp_path / "run", listeners=[listener], **OPTIONS)
    rows = rows_of(tmp_path / "run")
    assert list(logged) == [row["step"] for row in rows]
    for row in rows:
        assert logged[row["step"]] == {name: row[name] for name in logged[row["step"]]}
        assert {"train_nats_per_char", "validation_nats_per_char"} <= logged[row["step"]].keys()


def test_a_wandb_style_logger_gets_steps_in_order(text: Path, tmp_path: Path) -> None:
    logged: list[tuple[int, dict[str, float]]] = []

    class WandbRun:
        @staticmethod
        def log(values: dict[str, float], step: int) -> None:
            logged.append((step, values))

    listener = EXAMPLES["wandb_listener"](WandbRun)
    nextchar.train(text, tmp_path / "run", listeners=[listener], **OPTIONS)
    assert [step for step, _ in logged] == [10, 10, 20, 20, 30, 30]
    assert all(math.isfinite(value) for _, values in logged for value in values.values())


@pytest.mark.parametrize("name", ["mlflow_listener", "wandb_listener"])
def test_the_examples_stand_in_the_docs_as_they_run(name: str) -> None:
    assert inspect.getsource(EXAMPLES[name]) in DOCS.read_text(encoding="utf-8")


def test_events_of_another_run_are_seen_whatever_they_hold(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "events.out.tfevents.1.host").write_bytes(b"")
    with pytest.raises(RunError, match="choose another folder for TensorBoard"):
        TensorBoard(tmp_path)

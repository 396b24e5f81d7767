"""Further training of a finished run: exactness, its schedule, and the weights that are kept."""

from __future__ import annotations

import itertools
import json
import math
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nextchar
from nextchar.config import TrainingConfig
from nextchar.errors import ConfigError, Interrupted, RunError
from nextchar.run_files.model_files import load_config, save_config, weights_note
from nextchar.run_files.seals import reseal
from nextchar.training.checkpoint import LAST_FILE, load_tensors, save_tensors
from nextchar.training.events import Event, Noticed, StepDone
from nextchar.training.extension import (
    Extension,
    More,
    load_extension,
    progress_of,
    usual_rate,
)
from nextchar.training.optimization import scheduled_rate
from nextchar.training.planning import Cost
from tests.conftest import TINY_OPTIONS, require_same_training, rows_of

OUT_OF_RANGE = json.dumps(
    {"format_version": 1, "first_step": 30, "steps": 50, "learning_rate": -1.0}
)
TASK = "nextchar.tasks.language_modeling.task"


def told(run: Path, **more: Any) -> list[str]:
    """Train further, and return the notes."""
    notes: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Noticed):
            notes.append(event.message)

    nextchar.resume(run, listeners=[listen], **more)
    return notes


@pytest.mark.parametrize("stop_at", [31, 44])
@pytest.mark.parametrize("options", [{}, {"swa_share": 0.5, "schedule": "plateau"}])
def test_an_extension_that_was_interrupted_resumes_bit_for_bit(
    stop_at: int, options: dict[str, Any], texts: Path, tmp_path: Path
) -> None:
    nextchar.train(texts / "english.txt", tmp_path / "whole", **TINY_OPTIONS, **options)
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    whole = nextchar.resume(tmp_path / "whole", steps=20)
    assert (whole.steps, whole.steps_planned) == (50, 50)

    def stop(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == stop_at:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match=rf"after step {stop_at + 1} of 50; saved\. Resume with"):
        nextchar.resume(tmp_path / "cut", steps=20, listeners=[stop])
    with pytest.raises(RunError, match=rf"is not finished, but at step {stop_at + 1} of 50"):
        nextchar.resume(tmp_path / "cut", steps=20)
    assert nextchar.resume(tmp_path / "cut").steps == 50
    require_same_training(tmp_path / "whole", tmp_path / "cut")


def test_a_run_learns_more_and_can_be_extended_again(run: Path) -> None:
    before = rows_of(run)
    note = told(run, steps=60)[0]
    assert note == (
        "training further: 60 steps, from 30 to 90; the learning rate rises in 2 steps to 0.006 "
        "and falls linearly to 0"
    )
    rows = rows_of(run)
    assert rows[: len(before)] == before
    added = rows[len(before) :]
    assert [row["step"] for row in added] == list(range(36, 91, 6))
    assert 0 < added[-1]["learning_rate"] < added[0]["learning_rate"] < 0.006
    assert rows[-1]["validation_nats_per_char"] < before[-1]["validation_nats_per_char"]
    assert "from 90 to 95" in told(run, steps=5, learning_rate=0.001)[0]
    assert load_extension(run) == Extension(first_step=90, steps=95, learning_rate=0.001)
    assert json.loads((run / "config.json").read_text())["training"]["steps"] == 30
    assert nextchar.LanguageModel.load(run).generate(length=5, seed=1)


def test_the_best_weights_are_the_best_of_all(run: Path) -> None:
    kept = (run / "model.safetensors").read_bytes()
    result = nextchar.resume(run, steps=10, learning_rate=3.0)
    assert result.best_step <= 30
    assert result.nats_per_char == min(row["validation_nats_per_char"] for row in rows_of(run))
    assert (run / "model.safetensors").read_bytes() == kept


def test_a_training_that_stopped_early_goes_on_from_there(texts: Path, tmp_path: Path) -> None:
    options = {**TINY_OPTIONS, "patience": 1, "min_improvement": 9.0, "validate_every": 5}
    first = nextchar.train(texts / "english.txt", tmp_path / "run", **options)
    assert first.steps == 10
    second = nextchar.resume(tmp_path / "run", steps=30)
    assert second.steps == 15
    assert second.steps_planned == 40
    assert load_extension(tmp_path / "run") == Extension(
        first_step=10, steps=40, learning_rate=0.006
    )


def test_minutes_are_turned_into_the_steps_that_fit(run: Path) -> None:
    result = nextchar.resume(run, minutes=0.05)
    assert result.steps > 30
    assert result.steps == result.steps_planned


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, None),
        ({"minutes": 1.0, "validate_every": 4}, None),
        ({"validate_every": 4}, 4),
    ],
    ids=["as usual", "planned", "given"],
)
def test_added_minutes_validate_as_often_as_they_were_planned(
    options: dict[str, Any], kept: int | None, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_config(run, load_config(run).with_options(**options))
    reseal(run)
    cost = Cost(weights=1, step_seconds=1.0, validation_seconds=5.0)
    monkeypatch.setattr(f"{TASK}.measure_cost", lambda *_given, **_named: cost)
    before = len(rows_of(run))
    count = nextchar.resume(run, minutes=0.5).steps - 30
    added = rows_of(run)[before:]
    every = kept or count
    assert count > 4
    assert [row["step"] - 30 for row in added] == sorted({*range(every, count + 1, every), count})
    extension = load_extension(run)
    assert extension is not None
    assert extension.validate_every == every


def test_an_extension_without_an_interval_takes_that_of_the_run(run: Path) -> None:
    values = {"format_version": 1, "first_step": 30, "steps": 50, "learning_rate": 0.1}
    (run / "extension.json").write_text(json.dumps(values))
    extension = load_extension(run)
    assert extension == Extension(first_step=30, steps=50, learning_rate=0.1)
    intervals = [
        extension.applied(TrainingConfig(validate_every=7, minutes=minutes)).validate_every
        for minutes in (None, 1.0)
    ]
    assert intervals == [7, 0]


def test_the_least_that_would_do_holds_the_time_already_spent(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(*_given: object, **_named: object) -> Cost:
        time.sleep(0.7)
        return Cost(weights=1, step_seconds=0.1, validation_seconds=0.1)

    monkeypatch.setattr(f"{TASK}.measure_cost", measure)
    with pytest.raises(ConfigError, match=r"0\.01 minutes .* preparation took") as caught:
        nextchar.resume(run, minutes=0.01)
    assert float(str(caught.value).rpartition("=")[2]) >= (0.7 + 1.5 * 0.2) / 60
    assert not (run / "extension.json").exists()


def test_compilation_is_no_part_of_added_minutes(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = itertools.count(1000.0, 1000.0)  # a call of it compiles for 1,000 s more
    monkeypatch.setattr("nextchar.runs.task.compilation_seconds", lambda: next(compiled))
    cost = Cost(weights=1, step_seconds=100.0, validation_seconds=0.0)
    monkeypatch.setattr(f"{TASK}.measure_cost", lambda *_given, **_named: cost)
    assert nextchar.resume(run, minutes=0.01).steps > 30


def test_an_extension_that_was_never_saved_counts_as_unfinished(
    texts: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    options = {**TINY_OPTIONS, "patience": 1, "min_improvement": 9.0, "validate_every": 5}
    first = nextchar.train(texts / "english.txt", run, **options, schedule="plateau").steps
    assert first < 30
    tensors, content = load_tensors(run / LAST_FILE)
    save_tensors(run / LAST_FILE, tensors, {**content, "rate_factor": 0.5, "stale_validations": 1})
    Extension(first_step=first, steps=first + 4, learning_rate=0.01).save(run)
    progress = progress_of(run)
    assert progress is not None
    assert progress.rate_factor == 1
    assert progress.validations_waited == progress.stale_validations == 0
    note = weights_note(run, load_config(run).training, "best")
    assert note is not None
    assert f"is at step {first} of {first + 4}" in note
    with pytest.raises(RunError, match=f"is not finished, but at step {first} of {first + 4}"):
        nextchar.resume(run, steps=5)
    assert nextchar.resume(run).steps == first + 4


@pytest.mark.parametrize(
    "more",
    [
        {"steps": np.int64(3), "learning_rate": np.float32(0.5)},
        {"minutes": np.float32(1), "learning_rate": 0.5},
    ],
)
def test_numbers_of_numpy_are_numbers(
    more: dict[str, Any], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cost = Cost(weights=1, step_seconds=10.0, validation_seconds=0.0)
    monkeypatch.setattr(f"{TASK}.measure_cost", lambda *_given, **_named: cost)
    assert nextchar.resume(run, **more).steps > 30
    extension = load_extension(run)
    assert extension is not None
    assert extension.learning_rate == 0.5


def test_more_takes_no_flags_for_numbers() -> None:
    for value in (True, np.True_, np.float64(2)):
        with pytest.raises(ConfigError, match="steps must be an integer"):
            More(steps=value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"steps": 5, "minutes": 1.0}, "either steps or minutes; got both"),
        ({"learning_rate": 0.1}, "either steps or minutes; got neither"),
        ({"steps": 0}, "steps must be above 0; got 0"),
        ({"minutes": -1.0}, "minutes must be above 0; got -1.0"),
        ({"minutes": math.inf}, "minutes must be above 0; got inf"),
        ({"minutes": math.nan}, "minutes must be above 0; got nan"),
        ({"steps": "5"}, "steps must be an integer or None; got '5'"),
        ({"steps": 5.5}, "steps must be an integer or None; got 5.5"),
        ({"minutes": "1"}, "minutes must be a number or None; got '1'"),
        ({"steps": 5, "learning_rate": 1e300}, "learning_rate must be"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    more: dict[str, Any], reason: str, run: Path
) -> None:
    with pytest.raises(ConfigError, match=reason):
        nextchar.resume(run, **more)
    assert not (run / "extension.json").exists()


def test_a_shared_run_cannot_be_trained_further(run: Path) -> None:
    shutil.rmtree(run / "last")
    with pytest.raises(RunError, match=r"last/training\.safetensors is missing"):
        nextchar.resume(run, steps=5)


@pytest.mark.parametrize(
    "content", ["{}", '{"format_version": 1, "steps": 3}', "no JSON", OUT_OF_RANGE]
)
def test_a_damaged_extension_is_named(content: str, run: Path) -> None:
    (run / "extension.json").write_text(content)
    with pytest.raises(RunError, match=r"extension\.json"):
        nextchar.resume(run)


def test_a_short_extension_begins_with_the_rate_of_as_many_steps_before_the_end() -> None:
    config = TrainingConfig(steps=100, warmup=0.1, learning_rate=0.9)
    rates = {steps: usual_rate(config, steps) for steps in (1, 9, 45, 90, 100, 500)}
    assert rates == pytest.approx({1: 0.01, 9: 0.09, 45: 0.45, 90: 0.9, 100: 0.9, 500: 0.9})
    assert usual_rate(TrainingConfig(steps=10, schedule="cosine"), 10) == pytest.approx(6e-3)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_an_extension_of_a_schedule_that_only_rises_has_its_peak(schedule: Any) -> None:
    config = TrainingConfig(steps=20, warmup=1.0, schedule=schedule, learning_rate=0.5)
    assert usual_rate(config, 5) == 0.5


def test_the_schedule_begins_anew() -> None:
    config = TrainingConfig(steps=150, warmup=0.1, learning_rate=0.5)
    rates = [scheduled_rate(config, step, 50) for step in range(50, 150)]
    alone = TrainingConfig(steps=100, warmup=0.1, learning_rate=0.5)
    assert rates == [scheduled_rate(alone, step) for step in range(100)]


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("constant", "the learning rate is 0.006"),
        ("plateau", "the learning rate is 0.006, less at each plateau"),
        ("cosine", "falls along half a cosine to 0"),
    ],
)
def test_each_schedule_is_told_in_its_words(schedule: Any, words: str) -> None:
    extension = Extension(first_step=5, steps=9, learning_rate=0.006)
    assert words in extension.description(TrainingConfig(schedule=schedule))


def test_more_is_asked_only_where_something_is() -> None:
    assert More.of(None, None, None) is None
    assert More.of(3, None, None) == More(steps=3)

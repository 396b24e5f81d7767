"""Training a finished run further: exactly, on a schedule of its own, and the best of all kept."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

import nextchar
from nextchar.config import TrainingConfig
from nextchar.errors import ConfigError, Interrupted, RunError
from nextchar.training.events import Event, Noticed, StepDone
from nextchar.training.extension import Extension, More, load_extension, usual_rate
from nextchar.training.optimization import scheduled_rate
from tests.conftest import TINY_OPTIONS, require_same_training, rows_of


def told(run: Path, **more: Any) -> list[str]:
    """Train further, and give what was told."""
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

    with pytest.raises(Interrupted, match=rf"after step {stop_at + 1} of 50; saved\. Go on"):
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
    ("more", "reason"),
    [
        ({"steps": 5, "minutes": 1.0}, "for steps or for minutes: got both"),
        ({"learning_rate": 0.1}, "for steps or for minutes: got neither"),
        ({"steps": 0}, "steps must be above 0; got 0"),
        ({"minutes": -1.0}, "minutes must be above 0; got -1.0"),
        ({"minutes": math.nan}, "minutes must be above 0; got nan"),
        ({"steps": "5"}, "steps must be a whole number or None; got '5'"),
        ({"steps": 5.5}, "steps must be a whole number or None; got 5.5"),
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


@pytest.mark.parametrize("content", ["{}", '{"format_version": 1, "steps": 3}', "no JSON"])
def test_a_damaged_extension_is_named(content: str, run: Path) -> None:
    (run / "extension.json").write_text(content)
    with pytest.raises(RunError, match=r"extension\.json"):
        nextchar.resume(run)


def test_a_short_extension_begins_with_the_rate_of_as_many_steps_before_the_end() -> None:
    config = TrainingConfig(steps=100, warmup=0.1, learning_rate=0.9)
    rates = {steps: usual_rate(config, steps) for steps in (1, 9, 45, 90, 100, 500)}
    assert rates == pytest.approx({1: 0.01, 9: 0.09, 45: 0.45, 90: 0.9, 100: 0.9, 500: 0.9})
    assert usual_rate(TrainingConfig(steps=10, schedule="cosine"), 10) == pytest.approx(6e-3)


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
        ("cosine", "falls on half a cosine to 0"),
    ],
)
def test_each_schedule_is_told_in_its_words(schedule: Any, words: str) -> None:
    extension = Extension(first_step=5, steps=9, learning_rate=0.006)
    assert words in extension.description(TrainingConfig(schedule=schedule))


def test_more_is_asked_only_where_something_is() -> None:
    assert More.of(None, None, None) is None
    assert More.of(3, None, None) == More(steps=3)

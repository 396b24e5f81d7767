"""Early stopping: its condition, its message, and the weights that it keeps."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nextchar
from nextchar.config import Config, TrainingConfig
from nextchar.errors import ConfigError
from nextchar.training.events import Event, Noticed
from nextchar.training.stopping import note_validation, reason_of, stops_early
from nextchar.training.trainer_state import TrainerState
from tests.conftest import TINY_OPTIONS, english, rows_of

LOSSES = st.lists(st.sampled_from([1.0, 1.05, 1.1, 1.2, 1.5]), min_size=1, max_size=12)


def ends_after(losses: list[float], config: TrainingConfig) -> int | None:
    """Return the number of validations after which training stops, or ``None``."""
    progress = TrainerState()
    for number, loss in enumerate(losses, 1):
        note_validation(progress, config, loss)
        if stops_early(progress, config):
            return number
    return None


@given(LOSSES, st.integers(1, 3), st.sampled_from([0.0, 0.06]))
def test_it_stops_once_so_many_validations_in_a_row_brought_too_little(
    losses: list[float], patience: int, least: float
) -> None:
    config = TrainingConfig(patience=patience, min_improvement=least)
    reference, expected = math.inf, None
    for number in range(len(losses)):
        if losses[number] < reference - least:
            reference, last = losses[number], number
        elif number - last >= patience:
            expected = number + 1
            break
    assert ends_after(losses, config) == expected


@given(LOSSES)
def test_without_patience_it_never_stops(losses: list[float]) -> None:
    assert ends_after(losses, TrainingConfig(min_improvement=10.0)) is None


@pytest.mark.parametrize(("patience", "words"), [(1, "last validation did"), (3, "3 validations")])
def test_the_reason_names_what_was_and_what_is_kept(patience: int, words: str) -> None:
    progress = TrainerState(step=120, improved_nats=1.25, best_step=90)
    reason = reason_of(progress, TrainingConfig(patience=patience, steps=500, min_improvement=0.01))
    for part in (words, "step 120 of 500", "by more than 0.01 nats", "1.2500", "step 90"):
        assert part in reason


def test_patience_needs_something_that_is_held_out() -> None:
    with pytest.raises(ConfigError, match="patience 2 needs a validation loss"):
        Config.from_options({"patience": 2, "validation_fraction": 0})


OVERFITTING: dict[str, Any] = {
    **TINY_OPTIONS,
    "hidden_size": 48,
    "steps": 2000,
    "validate_every": 20,
    "patience": 3,
    "schedule": "constant",
    "learning_rate": 2e-2,
}


def test_a_training_that_overfits_stops_and_keeps_its_best_weights(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(english(1200))
    heard: list[Event] = []
    result = nextchar.train(
        tmp_path / "text", tmp_path / "run", listeners=[heard.append], **OVERFITTING
    )
    rows = rows_of(tmp_path / "run")
    losses = [row["validation_nats_per_char"] for row in rows]
    assert result.steps == rows[-1]["step"] < 2000
    assert result.steps - result.best_step == 3 * 20
    assert min(losses) == losses[-4] == result.nats_per_char
    notices = [event.message for event in heard if isinstance(event, Noticed)]
    assert sum("stopped early" in message for message in notices) == 1
    model = nextchar.LanguageModel.load(tmp_path / "run")
    held_out = (tmp_path / "text").read_text()[-120:]
    assert model.evaluate(held_out, experts="none").nats_per_char == pytest.approx(
        min(losses), rel=1e-4
    )


def test_a_run_that_has_stopped_early_is_complete(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(english(1200))
    first = nextchar.train(tmp_path / "text", tmp_path / "run", **OVERFITTING)
    heard: list[Event] = []
    again = nextchar.resume(tmp_path / "run", listeners=[heard.append])
    assert (again.steps, again.nats_per_char) == (first.steps, first.nats_per_char)
    assert any(isinstance(event, Noticed) and "is complete" in event.message for event in heard)

"""A run that keeps to its time budget: revisions of its plan, simulated and in real training."""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nextchar
from nextchar.config import TrainingConfig
from nextchar.errors import Interrupted, RunError
from nextchar.runs import training as run_training
from nextchar.training.checkpoint import LAST_FILE, load_tensors, save_tensors
from nextchar.training.clock import Clock
from nextchar.training.events import Event, StepDone, Validated
from nextchar.training.extension import More, extend, progress_of
from nextchar.training.optimization import scheduled_rate
from nextchar.training.pacing import (
    Pace,
    position_of,
    revise,
    total_steps,
    validations_done,
    validations_left,
)
from nextchar.training.plans import Plan
from nextchar.training.trainer_state import TrainerState
from tests.conftest import TINY_OPTIONS, require_same_training, rows_of

BUDGET = 60.0
VALIDATION = 0.4


class FakeTime:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def fake_time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr("nextchar.training.clock.time", fake)
    return fake


def simulated(
    time: FakeTime,
    step_seconds: Callable[[float], float],
    *,
    planned: int,
    most_steps: int | None = None,
) -> tuple[float, TrainerState, TrainingConfig]:
    """Return the seconds that a run takes, and its state at the end.

    ``step_seconds`` returns the duration of a step that begins at a time.
    """
    every = max(1, planned // 10)
    config = TrainingConfig(steps=planned, validate_every=every)
    state = TrainerState(deadline=BUDGET, validation_seconds=VALIDATION)
    clock = Clock(checkpoint_seconds=1e9)
    clock.start(0.0, VALIDATION)
    pace = Pace(clock, state, config, first_step=0, validate_every=every, most_steps=most_steps)
    while state.step < total_steps(state, config):
        proposal = pace.proposal()
        before = position_of(state.step, state, config)
        time.now += step_seconds(clock.seconds())
        clock.count(1)
        state.step += 1
        after = position_of(state.step, state, config)
        if validations_done(before, 0, every) < validations_done(after, 0, every):
            with clock.validating():
                time.now += VALIDATION
        if proposal is not None and proposal > state.step:
            revise(state, config, proposal)
    return clock.seconds(), state, config


@pytest.mark.parametrize("planned", [300, 1000, 2900, 3300, 9000])
def test_a_plan_that_was_wrong_at_the_start_ends_in_time(planned: int, fake_time: FakeTime) -> None:
    seconds, state, _ = simulated(fake_time, lambda _now: 0.018, planned=planned)
    assert seconds == pytest.approx(BUDGET, rel=0.02)
    assert state.step == pytest.approx((BUDGET - 10 * VALIDATION) / 0.018, rel=0.03)


@pytest.mark.parametrize("slower", [0.5, 2.0, 10.0])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_change_of_the_speed_is_met(slower: float, share: float, fake_time: FakeTime) -> None:
    def step_seconds(now: float) -> float:
        return 0.018 * (slower if now > share * BUDGET else 1.0)

    seconds, _, _ = simulated(fake_time, step_seconds, planned=3100)
    assert seconds == pytest.approx(BUDGET, rel=0.05)


def test_a_plan_that_fits_is_left_alone(fake_time: FakeTime) -> None:
    seconds, state, _ = simulated(fake_time, lambda _now: 0.018, planned=3110)
    assert state.planned_steps is None
    assert seconds == pytest.approx(BUDGET, rel=0.01)


def test_a_long_delay_leaves_steps_for_the_fall_of_the_learning_rate(
    fake_time: FakeTime,
) -> None:
    def step_seconds(now: float) -> float:
        return 40.0 if 29 < now < 31 else 0.018

    seconds, state, _ = simulated(fake_time, step_seconds, planned=3111)
    assert seconds > BUDGET
    assert 1500 + 0.07 * 1500 < state.step < 1500 + 0.25 * 1500


def test_the_limit_of_the_steps_is_kept(fake_time: FakeTime) -> None:
    _, state, _ = simulated(fake_time, lambda _now: 0.001, planned=4000, most_steps=5000)
    assert state.step == 5000


@given(
    st.integers(10, 500),
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 300)), max_size=6),
    st.integers(1, 60),
)
def test_positions_rise_from_the_first_step_to_the_end_of_the_schedule(
    steps: int, revisions: list[tuple[int, int]], every: int
) -> None:
    config = TrainingConfig(steps=steps, learning_rate=1.0, warmup=0.1)
    state, pending = TrainerState(), list(revisions)
    positions, rates, validations = [0.0], [], 0
    wait, left = pending.pop(0) if pending else (10**9, 0)
    while state.step < total_steps(state, config):
        position = position_of(state.step, state, config)
        rates.append(scheduled_rate(config, position))
        state.step += 1
        after = position_of(state.step, state, config)
        positions.append(after)
        validations += validations_done(position, 0, every) < validations_done(
            after, 0, every
        ) or state.step == total_steps(state, config)
        wait -= 1
        if wait <= 0 and left and state.step < total_steps(state, config):
            revise(state, config, state.step + left)
            wait, left = pending.pop(0) if pending else (10**9, 0)
    assert all(a < b for a, b in itertools.pairwise(positions))
    assert positions[-1] == steps
    assert all(0 < rate <= 1 for rate in rates)
    assert validations <= validations_left(0, config, 0, every)


def test_without_a_revision_a_position_is_the_step() -> None:
    config, state = TrainingConfig(steps=7), TrainerState()
    assert [position_of(step, state, config) for step in range(8)] == list(range(8))


@pytest.fixture
def revised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Revise a run of 30 steps at fixed steps, as if its speed had changed."""
    at = {7: 50, 11: 44, 25: 36, 33: 35}
    monkeypatch.setattr(run_training, "_seconds_of", lambda *_given: 1e4)
    monkeypatch.setattr(Pace, "proposal", lambda self: at.get(self._state.step))


@pytest.mark.usefixtures("revised")
@pytest.mark.parametrize("stop_at", [6, 7, 8, 11, 20, 25, 26, 33])
def test_a_revised_run_that_was_interrupted_resumes_bit_for_bit(
    stop_at: int, texts: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {**TINY_OPTIONS, "swa_share": 0.5, "validate_every": 4}
    result = nextchar.train(texts / "english.txt", tmp_path / "whole", **options)
    assert (result.steps, result.steps_planned) == (35, 35)

    def stop(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == stop_at:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        nextchar.train(texts / "english.txt", tmp_path / "cut", **options, listeners=[stop])
    assert nextchar.resume(tmp_path / "cut").steps == 35
    require_same_training(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.usefixtures("revised")
def test_a_revised_run_validates_as_often_as_planned_and_its_rate_falls_to_zero(
    texts: Path, tmp_path: Path
) -> None:
    rates, validated = [], []

    def listen(event: Event) -> None:
        if isinstance(event, StepDone):
            rates.append(event.learning_rate)
            assert event.seconds_left >= 0
        if isinstance(event, Validated):
            validated.append((event.step, event.steps))

    nextchar.train(
        texts / "english.txt",
        tmp_path / "run",
        **{**TINY_OPTIONS, "validate_every": 3, "warmup": 0.0},
        listeners=[listen],
    )
    assert len(validated) == 10
    assert validated[-1] == (35, 35)
    assert all(a > b > 0 for a, b in itertools.pairwise(rates))
    assert rates[-1] < 0.1 * rates[0]
    assert [row["step"] for row in rows_of(tmp_path / "run")] == [step for step, _ in validated]


@pytest.mark.usefixtures("revised")
def test_further_training_begins_at_the_rate_of_the_steps_that_were_done(
    texts: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    nextchar.train(texts / "english.txt", run, **TINY_OPTIONS)
    config = TrainingConfig(steps=30, learning_rate=0.03, warmup=0.0, schedule="linear")
    extension = extend(run, config, More(steps=7), lambda *_given: Plan(1, 1))
    assert extension.learning_rate == pytest.approx(0.03 * 7 / 35)
    assert (extension.first_step, extension.steps) == (35, 42)
    state = progress_of(run)
    assert state is not None
    assert state.planned_steps is state.deadline is None
    assert nextchar.resume(run).steps == 42


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"planned_steps": 20, "revised_step": 20}, "planned_steps is 20, but revised_step 20"),
        ({"planned_steps": 29}, "of step 30, but the run has 29 steps"),
        ({"planned_steps": 40, "revised_step": 31}, "revised_step is 31, but step is 30"),
        ({"planned_steps": 40, "revised_position": 30.5}, "at position 30.5, but the schedule"),
        ({"planned_steps": 0}, "planned_steps must be at least 1"),
        ({"revised_position": -1.0}, "revised_position must be at least 0"),
        ({"deadline": -1.0}, "deadline must be at least 0"),
    ],
)
def test_an_impossible_revision_is_refused(
    change: dict[str, Any], reason: str, texts: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    nextchar.train(texts / "english.txt", run, **TINY_OPTIONS)
    tensors, content = load_tensors(run / LAST_FILE)
    save_tensors(run / LAST_FILE, tensors, {**content, **change})
    with pytest.raises(RunError, match=reason):
        nextchar.resume(run)


def test_a_run_with_minutes_saves_its_deadline_and_goes_on_with_it(
    texts: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    options = {**TINY_OPTIONS, "minutes": 0.05}
    del options["steps"]

    def stop(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        nextchar.train(texts / "english.txt", run, **options, listeners=[stop])
    state = progress_of(run)
    assert state is not None
    assert state.deadline is not None
    assert 0 < state.seconds < state.deadline <= 3.0
    result = nextchar.resume(run)
    after = progress_of(run)
    assert after is not None
    assert after.deadline == state.deadline
    assert result.steps == result.steps_planned


def test_the_state_of_an_unrevised_run_has_no_revision() -> None:
    values = dataclasses.asdict(TrainerState())
    assert values["deadline"] is values["planned_steps"] is None
    assert values["revised_step"] == values["revised_position"] == 0

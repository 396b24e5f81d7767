"""Keeping a run to its time budget: the number of steps, revised while the run trains.

The plan before the first step rests on a short measurement, and other work may take or release the
processor later. ``Pace`` measures the speed of the recent steps, and proposes the number of steps
with which the run ends at its deadline.

Everything that depends on the length of a run uses the *position* of a step in the schedule, from
the first step of the schedule to ``TrainingConfig.steps``: the learning rate, the validations and
the averaging of weights. Without a revision, the position of a step is its number. A revision
changes how far a step advances, so the learning rate has no jump and the last step ends the
schedule. The state of the run contains the latest revision. A resumed run therefore continues with
it, and the next step is the same as without the interruption.
"""

from __future__ import annotations

import math
from collections import deque

from nextchar.config import TrainingConfig
from nextchar.training.clock import Clock
from nextchar.training.trainer_state import TrainerState

LOOKS = 50  # measurements of the speed in a run
WINDOW = 5  # the measurements between which the speed is computed
SHORTEST_LOOK = 0.1  # seconds
TOLERANCE = 0.005  # share of the remaining budget at the start
LEAST_SHARE = 0.1  # of the steps left in the plan, even if no time is left


def total_steps(state: TrainerState, config: TrainingConfig) -> int:
    """Return the number of steps of a run, as last revised."""
    return config.steps if state.planned_steps is None else state.planned_steps


def position_of(step: int, state: TrainerState, config: TrainingConfig) -> float:
    """Return the position in the schedule before a step, for steps since the last revision."""
    if state.planned_steps is None:
        return step
    left = state.planned_steps - step
    if left <= 0:
        return config.steps
    whole = state.planned_steps - state.revised_step
    return config.steps - (config.steps - state.revised_position) * left / whole


def revise(state: TrainerState, config: TrainingConfig, steps: int) -> None:
    """Change the number of steps of a run from here on; it must be above the current step."""
    position = position_of(state.step, state, config)
    state.planned_steps, state.revised_step, state.revised_position = steps, state.step, position


def start_schedule(state: TrainerState) -> None:
    """Forget the revisions and the deadline of an earlier schedule."""
    state.deadline = state.planned_steps = None
    state.revised_step, state.revised_position = 0, 0.0


class Pace:
    """Proposes the number of steps with which a run ends at its deadline.

    Parameters
    ----------
    clock
        The clock of the run, already started.
    state
        The state of the run; its ``deadline`` is set.
    config
        The configuration of the run.
    first_step
        Steps done before the schedule of ``config`` began.
    validate_every
        Positions between two validations.
    most_steps
        The largest number of steps to propose; ``None`` for no limit.

    Attributes
    ----------
    budget
        The rest of the time budget at the start of this process, in seconds.
    """

    def __init__(
        self,
        clock: Clock,
        state: TrainerState,
        config: TrainingConfig,
        *,
        first_step: int,
        validate_every: int,
        most_steps: int | None,
    ) -> None:
        self._clock = clock
        self._state = state
        self._config = config
        self._first_step = first_step
        self._validate_every = validate_every
        self._most_steps = math.inf if most_steps is None else most_steps
        self.budget = max(0.0, self._seconds_left())
        self._looks = deque([clock.training()], maxlen=WINDOW + 1)
        self._looked_at = clock.seconds()

    def proposal(self) -> int | None:
        """Return the number of steps that fits the deadline, if it differs from the plan's."""
        now = self._clock.seconds()
        if now - self._looked_at < max(SHORTEST_LOOK, self.budget / LOOKS):
            return None
        self._looked_at = now
        self._looks.append(self._clock.training())
        (began, steps_before), (ended, steps_after) = self._looks[0], self._looks[-1]
        if steps_after == steps_before:
            return None
        each = (ended - began) / (steps_after - steps_before)
        state = self._state
        planned = total_steps(state, self._config)
        fitting = state.step + self._seconds_for_steps() / max(each, 1e-9)
        steps = round(min(self._most_steps, max(state.step + self._least(planned), fitting)))
        differs = abs(steps - planned) * each > TOLERANCE * self.budget
        return steps if differs and steps > state.step else None

    def _seconds_left(self) -> float:
        return (self._state.deadline or 0.0) - self._clock.seconds()

    def _seconds_for_steps(self) -> float:
        position = position_of(self._state.step, self._state, self._config)
        left = validations_left(position, self._config, self._first_step, self._validate_every)
        return self._seconds_left() - left * self._clock.seconds_per_validation()

    def _least(self, planned: int) -> float:
        """Return the fewest steps left, to let the learning rate fall after a long delay."""
        position = position_of(self._state.step, self._state, self._config)
        share = (self._config.steps - position) / (self._config.steps - self._first_step)
        return max(1.0, LEAST_SHARE * share * (planned - self._first_step))


def validations_left(
    position: float, config: TrainingConfig, first_step: int, validate_every: int
) -> int:
    """Return the number of validations after a position; the last one is at the end."""
    whole = math.ceil((config.steps - first_step) / validate_every)
    return whole - validations_done(position, first_step, validate_every)


def validations_done(position: float, first_step: int, validate_every: int) -> int:
    """Return the number of validations up to a position of the schedule."""
    return int((position - first_step) // validate_every)

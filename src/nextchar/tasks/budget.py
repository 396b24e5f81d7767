"""How many steps of a training on items fit into minutes, found by trying some."""

from __future__ import annotations

import copy
import math
import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from nextchar.errors import ConfigError
from nextchar.tasks.examples import Examples
from nextchar.tasks.item_model import ItemModel
from nextchar.tasks.objective import ItemObjective
from nextchar.training.planning import TRAINING_SHARE
from nextchar.training.plans import Plan
from nextchar.training.stepper import Stepper
from nextchar.training.trainer import VALIDATIONS

# A processor is faster in its first second of work than later.
PROBE_SHARE, LEAST_PROBE_SECONDS, MOST_PROBE_SECONDS = 0.05, 1.0, 15.0
PROBE_STEPS = 3
VALIDATION_SHARE = 0.1
_PREPARING_ITEMS = 8


@dataclass(frozen=True)
class Costs:
    """The seconds of a step, of a validation, and of everything before the first step.

    The extra time of the very first step, in which loops are compiled, is not counted.
    """

    step: float
    validation: float
    before: float


def planned(
    model: ItemModel[Any],
    train: Examples,
    validation: Examples,
    *,
    minutes: float,
    began: float,
    world: int = 1,
) -> Plan:
    """Fill minutes with training, everything before its first step included.

    Parameters
    ----------
    model
        A copy of it is trained for a twentieth of the time, 1 to 15 s, and measured.
    train, validation
        The encoded items; the second may be empty.
    minutes
        Above 0.
    began
        Start of the time (``time.monotonic``).
    world
        Processes that share a batch; one share is trained on.

    Raises
    ------
    ConfigError
        The minutes do not hold one step and one validation.
    """
    trial = copy.copy(model)
    trial.network = copy.deepcopy(model.network)
    longest = min(MOST_PROBE_SECONDS, max(LEAST_PROBE_SECONDS, PROBE_SHARE * minutes * 60))
    step_seconds, compiling_seconds = _seconds_per_step(
        ItemObjective(trial, train, world=world), trial, longest
    )
    validation_seconds = _seconds_per_validation(trial, validation)
    before = time.monotonic() - began - compiling_seconds
    costs = Costs(step_seconds, validation_seconds, before)
    return plan_within(minutes, costs, model.config.training.validate_every)


def plan_within(minutes: float, costs: Costs, validate_every: int) -> Plan:
    """Fill the remaining minutes with steps and validations; errors are those of ``planned``.

    However long the preparation took, a fifth of the minutes is left for training.
    Validations are ``validate_every`` steps apart. If that is 0, there is the usual number of
    them, or fewer if they took more than a tenth of the time.
    """
    seconds = max(minutes * 60 - costs.before, TRAINING_SHARE * minutes * 60)
    needed = costs.step + costs.validation
    if seconds < needed:
        least = math.ceil(min(costs.before + needed, needed / TRAINING_SHARE) / 0.6) / 100
        raise ConfigError(
            f"{minutes:g} minutes are too short: preparation took {costs.before:.2g} s, a step "
            f"takes {costs.step:.2g} s and a validation {costs.validation:.2g} s; the least is "
            f"about {least:g} minutes"
        )
    if validate_every > 0:
        each = costs.step + costs.validation / validate_every
        return Plan(max(1, int(seconds / each)), validate_every)
    affordable = int(VALIDATION_SHARE * seconds / max(costs.validation, 1e-9))
    times = max(1, min(VALIDATIONS, affordable))
    steps = max(1, int((seconds - times * costs.validation) / costs.step))
    return Plan(steps, 0 if times == VALIDATIONS else math.ceil(steps / times))


def _seconds_per_step(
    objective: ItemObjective, model: ItemModel[Any], seconds: float
) -> tuple[float, float]:
    """Return the seconds of a step, and the extra time of the first one."""
    training = model.config.training
    stepper = Stepper(model.network.train(), objective, training, grown=model.grown)
    times: list[float] = []
    ends = math.inf
    while time.monotonic() < ends or len(times) < PROBE_STEPS:
        before = time.monotonic()
        stepper.step()
        times.append(time.monotonic() - before)
        if len(times) == 1:
            ends = time.monotonic() + seconds
    # The first steps are slower than all that follow; the others differ by the items' lengths.
    usual = statistics.mean(times[len(times) // 2 :])
    return usual, max(0.0, times[0] - usual)


def _seconds_per_validation(model: ItemModel[Any], validation: Examples) -> float:
    if not len(validation):
        return 0.0
    # The first time includes torch's one-off preparation.
    model.rehearse(validation.subset(np.arange(min(_PREPARING_ITEMS, len(validation)))))
    began = time.monotonic()
    model.rehearse(validation)
    return time.monotonic() - began

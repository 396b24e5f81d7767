"""The number of training steps that fit into a time budget, from the measured cost of a step."""

from __future__ import annotations

import copy
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nextchar.errors import ConfigError
from nextchar.nn.threads import quick_threads
from nextchar.tasks.examples import Examples
from nextchar.tasks.item_model import ItemModel
from nextchar.tasks.objective import ItemObjective
from nextchar.training.planning import TRAINING_SHARE
from nextchar.training.plans import Plan
from nextchar.training.stepper import Stepper
from nextchar.training.trainer import VALIDATIONS

# At least a second, because processors clock higher in the first second of work.
PROBE_SHARE, LEAST_PROBE_SECONDS, MOST_PROBE_SECONDS = 0.05, 1.0, 15.0
PROBE_STEPS = 3
VALIDATION_SHARE = 0.1
_PREPARING_ITEMS = 8


@dataclass(frozen=True)
class Costs:
    """The seconds of a step, of a validation, and of everything before the first step."""

    step: float
    validation: float
    before: float


def planned(
    model: ItemModel[Any],
    train: Examples,
    validation: Examples,
    *,
    minutes: float,
    spent: Callable[[], float],
    world: int = 1,
) -> Plan:
    """Return a plan for a time budget, which includes all preparation.

    Parameters
    ----------
    model
        The model to train. Costs are measured on a copy, for 5 % of the budget, 1 to 15 s.
    train, validation
        The encoded items; ``validation`` may be empty.
    minutes
        The time budget, above 0.
    spent
        Returns the seconds of the budget spent so far (``Start.spent``).
    world
        Number of processes that share a batch. The measurement uses one share.

    Raises
    ------
    ConfigError
        The budget is too short for one step and one validation.
    """
    trial = copy.copy(model)
    trial.network = copy.deepcopy(model.network)
    longest = min(MOST_PROBE_SECONDS, max(LEAST_PROBE_SECONDS, PROBE_SHARE * minutes * 60))
    with quick_threads():
        step_seconds = _seconds_per_step(ItemObjective(trial, train, world=world), trial, longest)
        validation_seconds = _seconds_per_validation(trial, validation)
    costs = Costs(step_seconds, validation_seconds, spent())
    return plan_within(minutes, costs, model.config.training.validate_every)


def plan_within(minutes: float, costs: Costs, validate_every: int) -> Plan:
    """Return a plan for the remaining time; errors are those of ``planned``.

    At least a fifth of the budget is used for training, even if preparation took longer.
    Validations are ``validate_every`` steps apart. If that is 0, their number is the default one,
    or a smaller one if they would exceed a tenth of the time.
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
        return Plan(max(1, int(seconds / each)), validate_every, costs.validation)
    affordable = int(VALIDATION_SHARE * seconds / max(costs.validation, 1e-9))
    times = max(1, min(VALIDATIONS, affordable))
    steps = max(1, int((seconds - times * costs.validation) / costs.step))
    every = 0 if times == VALIDATIONS else math.ceil(steps / times)
    return Plan(steps, every, costs.validation)


def _seconds_per_step(objective: ItemObjective, model: ItemModel[Any], seconds: float) -> float:
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
    # The first steps are slower. The mean of the others averages over the lengths of items.
    return statistics.mean(times[len(times) // 2 :])


def _seconds_per_validation(model: ItemModel[Any], validation: Examples) -> float:
    if not len(validation):
        return 0.0
    # A warm-up: the first call includes one-off initialisation in torch.
    model.rehearse(validation.subset(np.arange(min(_PREPARING_ITEMS, len(validation)))))
    began = time.monotonic()
    model.rehearse(validation)
    return time.monotonic() - began

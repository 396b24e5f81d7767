"""How many steps of a training on items fit into minutes, found by trying some."""

from __future__ import annotations

import copy
import statistics
import time
from pathlib import Path
from typing import Any

from nextchar.tasks.examples import Examples
from nextchar.tasks.item_model import ItemModel
from nextchar.tasks.lessons import ItemLessons
from nextchar.training.trainer import VALIDATIONS, Trainer

# A processor is faster in its first second of work than later.
PROBE_SHARE, LEAST_PROBE_SECONDS, MOST_PROBE_SECONDS = 0.01, 1.0, 15.0
PROBE_STEPS = 3


def steps_in_time(
    model: ItemModel[Any], train: Examples, validation: Examples, *, seconds: float
) -> int:
    """Give the steps that fit into the time, with their validations; at least 1.

    Parameters
    ----------
    model
        Untrained; a copy of it is trained for about a hundredth of the time and measured once.
    train, validation
        The encoded items; the second may be empty.
    seconds
        For all, what is tried here counted in.
    """
    began = time.monotonic()
    trial = copy.copy(model)
    trial.network = copy.deepcopy(model.network)
    longest = min(MOST_PROBE_SECONDS, max(LEAST_PROBE_SECONDS, PROBE_SHARE * seconds))
    step_seconds = _seconds_per_step(trial, train, longest)
    before = time.monotonic()
    if len(validation):
        trial.measure(validation)
    left = seconds - (time.monotonic() - began)
    every = model.choices.training.validate_every
    return steps_within(left, step_seconds, time.monotonic() - before, every)


def steps_within(
    seconds: float, step_seconds: float, validation_seconds: float, validate_every: int
) -> int:
    """Give how many steps take so long with their validations; at least 1.

    A validation is due after every so many steps; where that is 0, the usual number of times.
    """
    if validate_every > 0:
        return max(1, int(seconds / (step_seconds + validation_seconds / validate_every)))
    return max(1, int((seconds - VALIDATIONS * validation_seconds) / step_seconds))


def _seconds_per_step(model: ItemModel[Any], train: Examples, seconds: float) -> float:
    lessons, training = ItemLessons(model, train), model.choices.training
    trainer = Trainer(model.network, lessons, training, Path(), grown=model.grown)
    times: list[float] = []
    began = time.monotonic()
    while time.monotonic() - began < seconds or len(times) < PROBE_STEPS:
        before = time.monotonic()
        trainer.step()
        times.append(time.monotonic() - before)
    # The first steps are slower than all that follow; the others differ by the items' lengths.
    return statistics.mean(times[len(times) // 3 :])

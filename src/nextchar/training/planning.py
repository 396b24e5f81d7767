"""From minutes to sizes and steps.

A rule of thumb: take the largest network that still reads about five symbols for each of its
weights within the time, and that has not more than three weights for each symbol of the text; and
the more often a weight sees the same text, the more dropout it gets. The constants are first
choices that do well on texts of about a million characters, not the result of a search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

from nextchar.config import Config
from nextchar.errors import ConfigError

HIDDEN_SIZES = (64, 128, 192, 256, 384, 512, 768, 1024)
SYMBOLS_PER_WEIGHT = 5
WEIGHTS_PER_SYMBOL = 3
VALIDATIONS = 10
VALIDATION_SHARE = 0.1


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a configuration was measured to cost.

    Attributes
    ----------
    weights
        Parameters of the network.
    step_seconds
        One optimiser step.
    validation_seconds
        One pass over the validation part; 0 where nothing is held out.
    """

    weights: int
    step_seconds: float
    validation_seconds: float


def plan(
    config: Config,
    given: Collection[str],
    *,
    symbols: int,
    seconds_left: Callable[[], float],
    measure: Callable[[Config], Cost],
    count_weights: Callable[[Config], int],
) -> Config:
    """Choose sizes that suit corpus and budget, and the steps that fill it.

    Parameters
    ----------
    config
        What was asked for.
    given
        The names of the options that the user set; the plan leaves them as they are.
    symbols
        Length of the training part.
    seconds_left
        Gives what is left of the budget, asked anew after each measurement.
    measure
        Trains briefly and gives the cost.
    count_weights
        Gives the number of weights without training.

    Raises
    ------
    ConfigError
        The budget does not hold a single step.
    """
    if not _size_is_given(config, given):
        cost = measure(config)
        config = _with_size(config, symbols, seconds_left(), cost, count_weights)
    config = _with_steps(config, given, seconds_left(), measure(config))
    if "dropout" not in given:
        dropout = _dropout(config, count_weights(config), symbols)
        if dropout > 0:  # It takes time of its own.
            config = config.with_options(dropout=dropout)
            config = _with_steps(config, given, seconds_left(), measure(config))
    return config


def _size_is_given(config: Config, given: Collection[str]) -> bool:
    return "hidden_size" in given or (config.network.tied and "embedding_size" in given)


def _with_steps(config: Config, given: Collection[str], seconds: float, cost: Cost) -> Config:
    """Fill the time with steps and the validations between them."""
    if "validate_every" in given and config.training.validate_every > 0:
        share = cost.validation_seconds / config.training.validate_every
        steps = int(seconds / (cost.step_seconds + share))
    else:
        validations = _validations(cost, seconds)
        steps = int((seconds - validations * cost.validation_seconds) / cost.step_seconds)
        config = config.with_options(validate_every=max(1, math.ceil(steps / validations)))
    if steps < 1:
        raise ConfigError(
            f"{config.training.minutes:g} minutes do not hold one step: a step takes "
            f"{cost.step_seconds:.2g} s and a validation {cost.validation_seconds:.2g} s"
        )
    return config.with_options(steps=steps)


def _with_size(
    config: Config,
    symbols: int,
    seconds: float,
    cost: Cost,
    count_weights: Callable[[Config], int],
) -> Config:
    """Take the largest size that the budget and the corpus feed, from one measured cost."""
    training = config.training
    each = training.batch_size * training.sequence_length
    fitting = config
    for size in HIDDEN_SIZES:
        options: dict[str, int] = {"hidden_size": size}
        if config.network.tied:
            options["embedding_size"] = size
        candidate = config.with_options(**options)
        weights = count_weights(candidate)
        read = each * seconds / (cost.step_seconds * weights / cost.weights)
        fits = read >= SYMBOLS_PER_WEIGHT * weights and weights <= WEIGHTS_PER_SYMBOL * symbols
        if fits or size == HIDDEN_SIZES[0]:
            fitting = candidate
    return fitting


def _validations(cost: Cost, seconds: float) -> int:
    """Validate ten times, less often where that took more than a tenth of the budget."""
    affordable = VALIDATION_SHARE * seconds / max(cost.validation_seconds, 1e-9)
    return max(1, min(VALIDATIONS, int(affordable)))


def _dropout(config: Config, weights: int, symbols: int) -> float:
    training = config.training
    read = training.steps * training.batch_size * training.sequence_length
    pressure = (read / symbols) * (weights / symbols)
    return round(min(0.5, max(0.0, 0.16 * math.log2(max(pressure, 1e-9) / 3.6))), 2)

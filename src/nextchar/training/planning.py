"""From minutes to sizes and steps.

The rule of thumb comes from experiments on Tiny Shakespeare (docs/planning.md): within a budget
the best network is the largest one that still reads about five symbols for each of its weights;
and the more often a weight sees the same text, the more dropout it needs.
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
    seconds: float,
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
    seconds
        What is left of the budget.
    measure
        Trains briefly and gives the cost.
    count_weights
        Gives the number of weights without training.

    Raises
    ------
    ConfigError
        The budget does not hold a single step.
    """
    if "hidden_size" not in given:
        config = _with_size(config, given, symbols, seconds, measure(config), count_weights)
    cost = measure(config)
    validations = _validations(cost, seconds)
    steps = int((seconds - validations * cost.validation_seconds) / cost.step_seconds)
    if steps < 1:
        raise ConfigError(
            f"{config.training.minutes:g} minutes do not hold one step: a step takes "
            f"{cost.step_seconds:.2g} s and a validation {cost.validation_seconds:.2g} s"
        )
    config = config.with_options(steps=steps)
    if "validate_every" not in given:
        config = config.with_options(validate_every=math.ceil(steps / validations))
    if "dropout" not in given:
        config = config.with_options(dropout=_dropout(config, cost.weights, symbols))
    return config


def _with_size(
    config: Config,
    given: Collection[str],
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
        if config.network.tied and "embedding_size" not in given:
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

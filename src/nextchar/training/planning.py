"""Planning for a time budget: network size, learning rate, steps and dropout.

The rules, in order; the experiments behind them are in docs/benchmarks.md:

- The network is the largest one that reads at least six symbols per weight within the time and
  has at most 3,000 weights times the square root of the text's length. Beyond a few hundred
  thousand symbols, the time is the tighter limit.
- The learning rate is inversely proportional to the square root of the width.
- The budget is filled with steps, up to a hundred epochs over the text.
- Windows of 16 symbols or more grow during most of the steps (``training.window_growth``).
- Dropout grows with the epochs and with the weights per symbol of text. It applies to the outputs
  and, at a quarter of the probability, to the embedding. Strong dropout also applies to the
  recurrent weights, with a probability that grows with the epochs to nearly that of the outputs.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

from nextchar.config import Config, TrainingConfig
from nextchar.errors import ConfigError, as_option
from nextchar.training.plans import Plan

HIDDEN_SIZES = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
SYMBOLS_PER_WEIGHT = 6
WEIGHTS_PER_ROOT_SYMBOL = 3000
MAX_EPOCHS = 100
RATE_AT_256 = 1e-2
STRONG_DROPOUT = 0.2
EPOCHS_FOR_WEIGHT_DROPOUT = 70
WINDOW_GROWTH = 0.6
LEAST_WINDOW_TO_GROW = 16
VALIDATIONS = 10
VALIDATION_SHARE = 0.1
TRAINING_SHARE = 0.2  # minimum share of the budget, even if preparation then makes it overrun


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The measured cost of a configuration.

    Attributes
    ----------
    weights
        Number of parameters of the network.
    step_seconds
        Time of one optimiser step.
    validation_seconds
        Time of one validation; 0 without a validation part.
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
) -> tuple[Config, Cost]:
    """Return a configuration whose sizes and steps suit the time budget, and its cost.

    Parameters
    ----------
    config
        The requested configuration.
    given
        The names of the options that the user set; the plan does not change them. With ``dropout``
        among them, it changes no kind of dropout.
    symbols
        Length of the training part.
    seconds_left
        Returns the rest of the budget; called again after each measurement.
    measure
        Trains briefly and returns the cost.
    count_weights
        Returns the number of weights, without training.

    Raises
    ------
    ConfigError
        The budget is too short for a single step and its validation.
    """

    def left() -> float:
        # After a long preparation, a short budget is exceeded rather than rejected.
        return max(seconds_left(), TRAINING_SHARE * _budget(config))

    if not _size_is_given(config, given):
        cost = measure(config)
        config = _with_size(config, symbols, left(), cost, count_weights)
    config = _with_rate(config, given)
    cost = measure(config)
    config = _with_steps(config, given, symbols, left(), cost)
    regularized = _with_dropout(config, given, count_weights(config), symbols)
    if regularized.network != config.network:  # Dropout makes a step slower.
        cost = measure(regularized)
        config = _with_steps(regularized, given, symbols, left(), cost)
    return _with_growth(config, given), cost


def most_steps(symbols: int, training: TrainingConfig) -> int:
    """Return the largest number of steps of a plan for a training part of this length."""
    return max(1, MAX_EPOCHS * symbols // (training.batch_size * training.sequence_length))


def steps_within(cost: Cost, seconds: float, training: TrainingConfig) -> int:
    """Return the number of steps that fit into a time with their validations; 0 if none fits."""
    if training.validate_every > 0:
        share = cost.validation_seconds / training.validate_every
        return max(0, int(seconds / (cost.step_seconds + share)))
    left = seconds - _validations(cost, seconds) * cost.validation_seconds
    return max(0, int(left / cost.step_seconds))


def plan_within(cost: Cost, seconds: float, training: TrainingConfig) -> Plan:
    """Return the plan for a time: at the configured validation interval, or at a planned one."""
    steps = steps_within(cost, seconds, training)
    every = training.validate_every or math.ceil(steps / _validations(cost, seconds))
    return Plan(steps, max(1, every))


def too_short(minutes: float, cost: Cost, spent: float = 0.0) -> ConfigError:
    """Return the error for a budget too short for a step; its message has the minimum.

    Parameters
    ----------
    minutes
        The budget.
    cost
        The cost of a step and a validation.
    spent
        Seconds of the budget spent before the first step.
    """
    least = spent + 1.5 * (cost.step_seconds + cost.validation_seconds)
    before = f"preparation took {spent:.2g} s, " if spent else ""
    return ConfigError(
        f"{minutes:g} minutes are too short here: {before}a step takes "
        f"{cost.step_seconds:.2g} s and a validation {cost.validation_seconds:.2g} s; the minimum "
        "is about "
        f"{as_option('minutes', _rounded_up(least / 60))}"
    )


def _budget(config: Config) -> float:
    return 60 * (config.training.minutes or 0.0)


def _size_is_given(config: Config, given: Collection[str]) -> bool:
    return "hidden_size" in given or (config.network.tied and "embedding_size" in given)


def _with_rate(config: Config, given: Collection[str]) -> Config:
    """Return the configuration with its learning rate, smaller for wider networks.

    Each output of a wider network depends on more weights, all of which change in a step.
    """
    if "learning_rate" in given or config.training.optimizer not in ("adam", "adamw"):
        return config
    rate = RATE_AT_256 * math.sqrt(256 / config.network.hidden_size)
    return config.with_options(learning_rate=float(f"{min(rate, RATE_AT_256):.2g}"))


def _with_growth(config: Config, given: Collection[str]) -> Config:
    """Return the configuration with windows that grow; the pace follows their slower steps."""
    if "window_growth" in given or config.training.sequence_length < LEAST_WINDOW_TO_GROW:
        return config
    return config.with_options(window_growth=WINDOW_GROWTH)


def _with_steps(
    config: Config,
    given: Collection[str],
    symbols: int,
    seconds: float,
    cost: Cost,
) -> Config:
    """Return the configuration with the steps that fill a time, up to ``MAX_EPOCHS``."""
    training = config.training
    is_given = "validate_every" in given and training.validate_every > 0
    if not is_given:
        training = dataclasses.replace(training, validate_every=0)
    steps = min(most_steps(symbols, training), steps_within(cost, seconds, training))
    if not is_given:
        every = math.ceil(steps / _validations(cost, seconds))
        config = config.with_options(validate_every=max(1, every))
    if steps < 1 and cost.step_seconds + cost.validation_seconds > _budget(config):
        raise too_short(training.minutes or 0.0, cost)
    return config.with_options(steps=max(1, steps))


def _rounded_up(minutes: float) -> float:
    """Return a number rounded upwards, with two significant digits."""
    unit = 10.0 ** (math.floor(math.log10(minutes)) - 1)
    return float(f"{math.ceil(minutes / unit) * unit:.2g}")


def _with_size(
    config: Config,
    symbols: int,
    seconds: float,
    cost: Cost,
    count_weights: Callable[[Config], int],
) -> Config:
    """Return the configuration with the largest size that suits the budget and the corpus.

    The costs of all sizes are extrapolated from one measurement.
    """
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
        fits = (
            read >= SYMBOLS_PER_WEIGHT * weights
            and weights <= WEIGHTS_PER_ROOT_SYMBOL * math.sqrt(symbols)
        )
        if fits or size == HIDDEN_SIZES[0]:
            fitting = candidate
    return fitting


def _validations(cost: Cost, seconds: float) -> int:
    """Return the number of validations: ten, or fewer if they would exceed a tenth of the time."""
    affordable = VALIDATION_SHARE * seconds / max(cost.validation_seconds, 1e-9)
    return max(1, min(VALIDATIONS, int(affordable)))


def _with_dropout(config: Config, given: Collection[str], weights: int, symbols: int) -> Config:
    """Return the configuration with dropout, stronger for more epochs and weights per symbol."""
    network, training = config.network, config.training
    if "dropout" in given:
        return config
    read = training.steps * training.batch_size * training.sequence_length
    pressure = (read / symbols) * (weights / symbols)
    dropout = min(0.5, max(0.0, 0.13 * math.log2(max(pressure, 1e-9) / 3.6)))
    choices = {"dropout": dropout}
    if network.input == "embedding":
        choices["embedding_dropout"] = dropout / 4
    if network.cell not in ("min_gru", "min_lstm"):
        grown = min(1.0, read / symbols / EPOCHS_FOR_WEIGHT_DROPOUT)
        choices["weight_dropout"] = grown * (dropout - 0.1) if dropout >= STRONG_DROPOUT else 0.0
    new = {name: round(p, 2) for name, p in choices.items() if name not in given}
    return config.with_options(**new)

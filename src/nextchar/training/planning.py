"""From minutes to sizes, rates and steps.

The rule, in the order in which it decides; the experiments behind it are in docs/benchmarks.md:

- the largest network that still reads six symbols for each of its weights within the time,
  and has no more weights than 3,000 times the square root of the text's length: beyond a few
  hundred thousand symbols, time limits it first;
- a learning rate that falls with the root of its width;
- as many steps as fit, but no more than a hundred epochs over the text;
- the more often a weight sees the same text, the more dropout: on outputs, a quarter of that on
  the embedding, and where it is strong, on the recurrent weights too, growing with the epochs to
  nearly as much.
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
MOST_PASSES = 100
RATE_AT_256 = 1e-2
STRONG_DROPOUT = 0.2
PASSES_FOR_WEIGHTS = 70
VALIDATIONS = 10
VALIDATION_SHARE = 0.1
TRAINING_SHARE = 0.2  # minimum share of the budget: preparation may make a short one overrun


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
        The names of the options that the user set; the plan leaves them as they are, and with
        ``dropout`` all kinds of dropout.
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
        The budget is too short for a single step and its validation.
    """

    def left() -> float:
        # However long preparation took: a short budget is exceeded, not refused.
        return max(seconds_left(), TRAINING_SHARE * _budget(config))

    if not _size_is_given(config, given):
        cost = measure(config)
        config = _with_size(config, symbols, left(), cost, count_weights)
    config = _with_rate(config, given)
    cost = measure(config)
    config = _with_steps(config, given, symbols, left(), cost)
    regularized = _with_dropout(config, given, count_weights(config), symbols)
    if regularized.network != config.network:  # It takes time of its own.
        cost = measure(regularized)
        config = _with_steps(regularized, given, symbols, left(), cost)
    return config


def steps_within(cost: Cost, seconds: float, training: TrainingConfig) -> int:
    """Return the steps that fit into a time with the validations between them; 0 if none does."""
    if training.validate_every > 0:
        share = cost.validation_seconds / training.validate_every
        return max(0, int(seconds / (cost.step_seconds + share)))
    left = seconds - _validations(cost, seconds) * cost.validation_seconds
    return max(0, int(left / cost.step_seconds))


def plan_within(cost: Cost, seconds: float, training: TrainingConfig) -> Plan:
    """Fill a time with steps and validations, as often as was chosen, or as is affordable."""
    steps = steps_within(cost, seconds, training)
    every = training.validate_every or math.ceil(steps / _validations(cost, seconds))
    return Plan(steps, max(1, every))


def too_short(minutes: float, cost: Cost, spent: float = 0.0) -> ConfigError:
    """Return the error for a budget too short for a step, with the minimum.

    Parameters
    ----------
    minutes
        The budget.
    cost
        What its steps and validations take.
    spent
        Seconds that are taken from the budget before its first step.
    """
    least = spent + 1.5 * (cost.step_seconds + cost.validation_seconds)
    before = f"preparation took {spent:.2g} s, " if spent else ""
    return ConfigError(
        f"{minutes:g} minutes are too short here: {before}a step takes "
        f"{cost.step_seconds:.2g} s and a validation {cost.validation_seconds:.2g} s; the least "
        "that works is about "
        f"{as_option('minutes', _rounded_up(least / 60))}"
    )


def _budget(config: Config) -> float:
    return 60 * (config.training.minutes or 0.0)


def _size_is_given(config: Config, given: Collection[str]) -> bool:
    return "hidden_size" in given or (config.network.tied and "embedding_size" in given)


def _with_rate(config: Config, given: Collection[str]) -> Config:
    """Take a smaller step in a wider network, where each output has more weights that move."""
    if "learning_rate" in given or config.training.optimizer not in ("adam", "adamw"):
        return config
    rate = RATE_AT_256 * math.sqrt(256 / config.network.hidden_size)
    return config.with_options(learning_rate=float(f"{min(rate, RATE_AT_256):.2g}"))


def _with_steps(
    config: Config,
    given: Collection[str],
    symbols: int,
    seconds: float,
    cost: Cost,
) -> Config:
    """Fill the time with steps and the validations between them, up to ``MOST_PASSES``."""
    training = config.training
    most = max(1, MOST_PASSES * symbols // (training.batch_size * training.sequence_length))
    is_given = "validate_every" in given and training.validate_every > 0
    if not is_given:
        training = dataclasses.replace(training, validate_every=0)
    steps = min(most, steps_within(cost, seconds, training))
    if not is_given:
        every = math.ceil(steps / _validations(cost, seconds))
        config = config.with_options(validate_every=max(1, every))
    if steps < 1 and cost.step_seconds + cost.validation_seconds > _budget(config):
        raise too_short(training.minutes or 0.0, cost)
    return config.with_options(steps=max(1, steps))


def _rounded_up(minutes: float) -> float:
    """Round up to two significant digits."""
    unit = 10.0 ** (math.floor(math.log10(minutes)) - 1)
    return float(f"{math.ceil(minutes / unit) * unit:.2g}")


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
        fits = (
            read >= SYMBOLS_PER_WEIGHT * weights
            and weights <= WEIGHTS_PER_ROOT_SYMBOL * math.sqrt(symbols)
        )
        if fits or size == HIDDEN_SIZES[0]:
            fitting = candidate
    return fitting


def _validations(cost: Cost, seconds: float) -> int:
    """Validate ten times, less often where that took more than a tenth of the budget."""
    affordable = VALIDATION_SHARE * seconds / max(cost.validation_seconds, 1e-9)
    return max(1, min(VALIDATIONS, int(affordable)))


def _with_dropout(config: Config, given: Collection[str], weights: int, symbols: int) -> Config:
    """Regularise the more, the more epochs and the more weights a symbol of text there are."""
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
        grown = min(1.0, read / symbols / PASSES_FOR_WEIGHTS)
        choices["weight_dropout"] = grown * (dropout - 0.1) if dropout >= STRONG_DROPOUT else 0.0
    new = {name: round(p, 2) for name, p in choices.items() if name not in given}
    return config.with_options(**new)

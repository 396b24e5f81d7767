"""Search spaces: a range of numbers or a choice of values for each searched option.

On the command line or in a TOML file, they are written as text::

    learning_rate = "1e-4..3e-2:log"
    dropout = "0..0.5:step=0.1"
    hidden_size = [64, 128, 256]        or "64,128,256"
    cell = "lstm,gru"
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from nextchar.config import Config
from nextchar.config.toml import read_table
from nextchar.errors import ConfigError, as_option
from nextchar.experiments.variants import parse_values

LARGEST_GRID = 10_000
# Options that the search sets itself, and options that change the text used for evaluation.
_NOT_SEARCHED: Mapping[str, str] = {
    "seed": "all trials share it",
    "minutes": "it is the budget of a trial",
    **dict.fromkeys(
        (
            "min_count",
            "normalization",
            "encoding",
            "errors",
            "validation_fraction",
            "test_fraction",
            "folds",
            "fold",
        ),
        "it changes the evaluated text, and losses would not be comparable",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    Attributes
    ----------
    log
        Whether values are sampled uniformly on a logarithmic scale.
    step
        Distance between two values; ``None`` allows any value (for an int: any integer).
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def points(self) -> list[Any]:
        """Return the values of the range for a grid.

        Raises
        ------
        ConfigError
            The range has no step.
        """
        step = 1 if self.step is None and isinstance(self.low, int) and not self.log else self.step
        if step is None:
            raise ConfigError(f"a grid needs values, or a range with a step; got {self}")
        low, distance = Fraction(str(self.low)), Fraction(str(step))
        count = int((Fraction(str(self.high)) - low) / distance)
        return [type(self.low)(low + place * distance) for place in range(count + 1)]

    def contains(self, value: Any) -> bool:  # noqa: ANN401
        """Return whether a value is in the range."""
        if value is None or not self.low <= value <= self.high:
            return False
        return self.step is None or not _remainder(self.low, value, self.step)

    def __str__(self) -> str:
        step = "" if self.step is None else f":step={self.step}"
        return f"{self.low}..{self.high}{':log' if self.log else ''}{step}"


@dataclass(frozen=True)
class Choice:
    """An unordered set of values."""

    values: tuple[Any, ...]

    def points(self) -> list[Any]:
        """Return the values."""
        return list(self.values)

    def contains(self, value: Any) -> bool:  # noqa: ANN401
        """Return whether a value is one of the values."""
        return value in self.values

    def __str__(self) -> str:
        return ",".join(map(str, self.values))


Dimension = Range | Choice
Space = Mapping[str, Dimension]


def parse_space(search: Mapping[str, object]) -> dict[str, Dimension]:
    """Return a search space, given a text as above, a list or a dimension for each option.

    Raises
    ------
    ConfigError
        An option is unknown or cannot be searched, a bound or a value is invalid for the option,
        or a range is empty.
    """
    return {name: _dimension(name, values) for name, values in search.items()}


def read_space(path: Path) -> dict[str, Dimension]:
    """Read a search space from a TOML file.

    Raises
    ------
    ConfigError
        The file cannot be read, or its contents are invalid; see ``parse_space``.
    """
    table = read_table(path)
    if not table:
        raise ConfigError(f"{path} has no options to search")
    try:
        return parse_space(table)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.in_both_terms}") from error


def require_unset(space: Space, options: Collection[str]) -> None:
    """Raise ``ConfigError`` if an option is both searched and set."""
    for name in space:
        if name in options:
            raise ConfigError(f"{name} cannot be searched and set at the same time")


def default_space(options: Mapping[str, Any], *, by_time: bool) -> dict[str, Dimension]:
    """Return the default search space: the most important options, except those that are set.

    With a time budget per trial, the space includes sizes, because a larger network makes fewer
    steps. With a budget of steps, the search would simply favour larger networks.
    """
    training = Config.from_options(options).training
    rate = training.learning_rate
    search: dict[str, object] = {"learning_rate": f"{rate / 10:g}..{rate * 5:g}:log"}
    search["dropout"] = "0..0.5"
    if by_time:
        search |= {"hidden_size": "64..512:step=32", "batch_size": "16,32,64"}
    else:
        search |= {"warmup": "0..0.2"}
        if training.optimizer == "adamw":
            search["weight_decay"] = "0.01..1:log"
    space = parse_space({name: each for name, each in search.items() if name not in options})
    if not space:
        raise ConfigError(f"nothing to search: use {as_option('search')}, or set fewer options")
    return space


def grid_of(space: Space) -> list[dict[str, Any]]:
    """Return every combination of the values; the last option varies fastest.

    Raises
    ------
    ConfigError
        A range has no step, or there are more than ``LARGEST_GRID`` combinations.
    """
    points: list[list[Any]] = []
    for name, dimension in space.items():
        try:
            points.append(dimension.points())
        except ConfigError as error:
            raise ConfigError(f"{name}: {error.in_both_terms}") from error
    size = math.prod(map(len, points))
    if size > LARGEST_GRID:
        raise ConfigError(
            f"the grid has {size:,} combinations, {LARGEST_GRID:,} are allowed: use fewer values"
        )
    return [dict(zip(space, each, strict=True)) for each in itertools.product(*points)]


def _dimension(name: str, values: object) -> Dimension:
    if name in _NOT_SEARCHED:
        raise ConfigError(f"{name} cannot be searched: {_NOT_SEARCHED[name]}")
    if isinstance(values, Range | Choice):
        return values
    if isinstance(values, str):
        return _range(name, values) if ".." in values else _choice(name, parse_values(name, values))
    return _choice(name, values if isinstance(values, Sequence) else [values])


def _choice(name: str, values: Sequence[Any]) -> Choice:
    checked = tuple(Config.check_option(name, value) for value in values)
    if not checked or len(set(checked)) < len(checked):
        raise ConfigError(f"{name} needs one or more distinct values; got {list(values)}")
    return Choice(checked)


def _range(name: str, text: str) -> Range:
    bounds, *marks = (part.strip() for part in text.split(":"))
    lowest, _, highest = bounds.partition("..")
    low, high = (_number(name, bound.strip()) for bound in (lowest, highest))
    if low >= high:
        raise ConfigError(f"{name} needs a range from a lower to a higher number; got {bounds}")
    steps = [mark.removeprefix("step=") for mark in marks if mark.startswith("step=")]
    log = "log" in marks
    if len(marks) != len(steps) + log or len(steps) + log > 1:
        raise ConfigError(
            f"{name}: a range is LOW..HIGH, LOW..HIGH:log or LOW..HIGH:step=NUMBER; got {text}"
        )
    if log and low <= 0:
        raise ConfigError(f"{name}: a logarithmic range must be above 0; got {text}")
    if not steps:
        return Range(low=low, high=high, log=log)
    [step] = parse_values(name, steps[0])
    if not 0 < step < math.inf:
        raise ConfigError(f"{name}: the step of a range must be above 0; got {text}")
    if _remainder(low, high, step):
        raise ConfigError(
            f"{name}: the distance from {low} to {high} must be a multiple of {step}; got {text}"
        )
    return Range(low=low, high=high, step=step)


def _number(name: str, text: str) -> Any:  # noqa: ANN401  (int or float, by the option's type)
    [value] = parse_values(name, text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{name} is not numeric: list its values, as {name}=A,B; got {text!r}")
    return Config.check_option(name, value)


def _remainder(low: float, value: float, step: float) -> bool:
    return bool((Fraction(str(value)) - Fraction(str(low))) % Fraction(str(step)))

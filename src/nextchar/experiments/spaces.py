"""Search spaces: for each option that is searched, a range of numbers or a choice of values.

As text, on a command line or in a TOML file::

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
# What a search sets itself, and what decides which text is measured.
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
        "it changes the text that is measured, so that losses would not compare",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    Attributes
    ----------
    log
        Whether they are drawn evenly in their logarithm.
    step
        Distance between two of them, or ``None`` for any (of an int: 1).
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def points(self) -> list[Any]:
        """List the values that are a step apart.

        Raises
        ------
        ConfigError
            There is no step.
        """
        step = 1 if self.step is None and isinstance(self.low, int) and not self.log else self.step
        if step is None:
            raise ConfigError(f"a grid needs values, or a range with a step; got {self}")
        low, distance = Fraction(str(self.low)), Fraction(str(step))
        count = int((Fraction(str(self.high)) - low) / distance)
        return [type(self.low)(low + place * distance) for place in range(count + 1)]

    def holds(self, value: Any) -> bool:  # noqa: ANN401
        """Tell whether a value is one of the range's."""
        if value is None or not self.low <= value <= self.high:
            return False
        return self.step is None or not _remainder(self.low, value, self.step)

    def __str__(self) -> str:
        step = "" if self.step is None else f":step={self.step}"
        return f"{self.low}..{self.high}{':log' if self.log else ''}{step}"


@dataclass(frozen=True)
class Choice:
    """One of some values, in no order."""

    values: tuple[Any, ...]

    def points(self) -> list[Any]:
        """List the values."""
        return list(self.values)

    def holds(self, value: Any) -> bool:  # noqa: ANN401
        """Tell whether a value is one of these."""
        return value in self.values

    def __str__(self) -> str:
        return ",".join(map(str, self.values))


Dimension = Range | Choice
Space = Mapping[str, Dimension]


def parse_space(search: Mapping[str, object]) -> dict[str, Dimension]:
    """Read what is searched: for each option a text, as above, a list of values, or a dimension.

    Raises
    ------
    ConfigError
        An option is unknown or cannot be searched, a bound or a value is not one of the
        option's, or a range is empty.
    """
    return {name: _dimension(name, values) for name, values in search.items()}


def read_space(path: Path) -> dict[str, Dimension]:
    """Read a search space from a TOML file.

    Raises
    ------
    ConfigError
        As ``parse_space``, or the file cannot be read.
    """
    table = read_table(path)
    if not table:
        raise ConfigError(f"{path} names no option to search")
    try:
        return parse_space(table)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.in_both_terms}") from error


def require_unset(space: Space, options: Collection[str]) -> None:
    """Raise ``ConfigError`` where an option is searched and set."""
    for name in space:
        if name in options:
            raise ConfigError(f"{name} cannot be searched and set at the same time")


def default_space(options: Mapping[str, Any], *, by_time: bool) -> dict[str, Dimension]:
    """Give the space of a search that names none: what matters most, less the options that are set.

    With a budget of time for each trial that includes sizes, as a larger network makes fewer
    steps; with a budget of steps it would mostly find that more computing is better.
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
        raise ConfigError(f"nothing is searched: give {as_option('search')}, or set fewer options")
    return space


def grid_of(space: Space) -> list[dict[str, Any]]:
    """List every combination, the last option moving fastest.

    Raises
    ------
    ConfigError
        A range has no step, or there are more than ``LARGEST_GRID``.
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
            f"the grid has {size:,} combinations, {LARGEST_GRID:,} are allowed: name fewer values"
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
        raise ConfigError(f"{name} must be searched over different values; got {list(values)}")
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
        raise ConfigError(f"{name}: a range in logarithms begins above 0; got {text}")
    if not steps:
        return Range(low=low, high=high, log=log)
    [step] = parse_values(name, steps[0])
    if not 0 < step < math.inf:
        raise ConfigError(f"{name}: the step of a range must be above 0; got {text}")
    if _remainder(low, high, step):
        raise ConfigError(
            f"{name}: from {low} to {high} must be a whole number of steps of {step}; got {text}"
        )
    return Range(low=low, high=high, step=step)


def _number(name: str, text: str) -> Any:  # noqa: ANN401  (an int or a float, as the option is)
    [value] = parse_values(name, text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{name} has no range: name its values, as {name}=A,B; got {text!r}")
    return Config.check_option(name, value)


def _remainder(low: float, value: float, step: float) -> bool:
    return bool((Fraction(str(value)) - Fraction(str(low))) % Fraction(str(step)))

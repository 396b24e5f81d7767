"""Variants of an experiment: every combination of the values of the varied options."""

from __future__ import annotations

import itertools
import types
from collections.abc import Mapping, Sequence
from typing import Any

from nextchar.config import Config, allowed_types, reject_unknown
from nextchar.errors import ConfigError

Variant = Mapping[str, Any]


def variants_of(vary: Mapping[str, Sequence[Any]], fixed: Mapping[str, Any]) -> list[Variant]:
    """Return every combination of the values; the last option varies fastest.

    Parameters
    ----------
    vary
        The values of each varied option.
    fixed
        The options of all runs.

    Raises
    ------
    ConfigError
        An option is unknown, has no values or duplicate values, or is also fixed, or a
        combination is invalid.
    """
    reject_unknown(vary, Config.option_names())
    for name, values in vary.items():
        if not values or len(set(values)) < len(values):
            raise ConfigError(f"{name} needs one or more distinct values; got {list(values)}")
        if name == "seed":
            raise ConfigError("seed cannot be varied: set the number of seeds")
        if name in fixed:
            raise ConfigError(f"{name} cannot be varied and set at the same time")
    combined: list[Variant] = [
        dict(zip(vary, each, strict=True)) for each in itertools.product(*vary.values())
    ]
    for variant in combined:
        Config.from_options({**fixed, **variant})
    return combined


def name_of(variant: Variant) -> str:
    """Return the name of a variant for tables and folders: its values, as ``lstm onehot``."""
    return " ".join(
        value if isinstance(value, str) else f"{name}={value}" for name, value in variant.items()
    )


def parse_values(name: str, text: str) -> list[Any]:
    """Return values written as on the command line: ``rnn,lstm`` or ``0.1,0.2``.

    Raises
    ------
    ConfigError
        The option is unknown, or a value has the wrong type.
    """
    reject_unknown({name: text}, Config.option_names())
    allowed = allowed_types(Config.options()[name][0], name)
    return [_parsed(name, value.strip(), allowed) for value in text.split(",")]


def _parsed(name: str, text: str, allowed: tuple[Any, ...]) -> Any:  # noqa: ANN401
    if isinstance(allowed[0], str):
        if text not in allowed:
            raise ConfigError(f"{name} must be one of {', '.join(allowed)}; got {text!r}")
        return text
    if text == "none" and types.NoneType in allowed:
        return None
    kind = next(each for each in allowed if each is not types.NoneType)
    if kind is bool and text in ("true", "false"):
        return text == "true"
    try:
        if kind is not bool:
            return kind(text)
    except ValueError:
        pass
    words = {int: "integers", float: "numbers", bool: "true or false", str: "strings"}
    raise ConfigError(f"{name} must be {words[kind]}; got {text!r}")

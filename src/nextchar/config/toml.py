"""Options in a TOML file: flat names and values, as on the command line.

    learning_rate = 0.004
    hidden_size = 192
    cell = "gru"

This file knows no tensors.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nextchar.config import Config, RunConfig, reject_unknown
from nextchar.errors import ConfigError
from nextchar.storage import write_bytes

_BUDGETS = ("epochs", "steps", "minutes")


def read_table(path: Path, config_type: type[RunConfig] = Config) -> dict[str, Any]:
    """Read a TOML file whose names are those of options.

    Raises
    ------
    ConfigError
        It cannot be read, is not TOML, or has an unknown name (with the nearest known one).
    """
    try:
        table = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    section = next((name for name, value in table.items() if isinstance(value, dict)), None)
    if section is not None:
        raise ConfigError(f"{path}: options stand without sections; got [{section}]")
    try:
        reject_unknown(table, config_type.option_names())
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return table


def read_options(path: Path, config_type: type[RunConfig] = Config) -> dict[str, Any]:
    """Read options, each of its type and in its range.

    Raises
    ------
    ConfigError
        As ``read_table``, or a value that its option does not take.
    """
    try:
        table = read_table(path, config_type)
        return {name: config_type.check_option(name, value) for name, value in table.items()}
    except ConfigError as error:
        message = error.in_both_terms
        raise ConfigError(message if str(path) in message else f"{path}: {message}") from error


def write_options(path: Path, options: Mapping[str, Any], *, heading: str = "") -> None:
    """Write options whole, below a comment; ``None`` is left out, as TOML has no such value."""
    lines = [f"# {line}" for line in heading.splitlines()]
    lines += [f"{name} = {_written(value)}" for name, value in options.items() if value is not None]
    write_bytes(path, ("\n".join(lines) + "\n").encode())


def overridden(options: Mapping[str, Any], by: Mapping[str, Any]) -> dict[str, Any]:
    """Put options over others; one budget (steps, minutes, epochs) takes another's place."""
    replaced = _BUDGETS if any(name in by for name in _BUDGETS) else ()
    return {name: value for name, value in options.items() if name not in replaced} | dict(by)


def _written(value: object) -> str:
    """Write a value as TOML, which is as in JSON but for DEL and characters beyond U+FFFF."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")

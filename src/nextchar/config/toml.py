"""Options in a TOML file: flat names and values, as on the command line.

    learning_rate = 0.004
    hidden_size = 192
    cell = "gru"

This module does not import tensor libraries.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nextchar.config import Config, RunConfig, reject_unknown
from nextchar.config.checking import SHOWN
from nextchar.errors import ConfigError
from nextchar.storage import read_regular, write_bytes

MAX_BYTES = 1 << 16
MAX_LINE = 5000  # bytes; a path has up to 4096. The time of a long dotted name grows as its square.
_BUDGETS = ("epochs", "steps", "minutes")


def read_table(path: Path, config_type: type[RunConfig] = Config) -> dict[str, Any]:
    """Return the contents of a TOML file with options as names.

    Raises
    ------
    ConfigError
        The file cannot be read, is larger than ``MAX_BYTES``, has a line longer than
        ``MAX_LINE``, is not TOML, or has an unknown name (the message suggests the closest one).
    """
    try:
        table = tomllib.loads(_text(path))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    section = next((name for name, value in table.items() if isinstance(value, dict)), None)
    if section is not None:
        raise ConfigError(f"{path}: options must not be in sections; got [{section:.{SHOWN}}]")
    try:
        reject_unknown(table, config_type.option_names())
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return table


def _text(path: Path) -> str:
    data = read_regular(path, MAX_BYTES)
    for number, line in enumerate(data.split(b"\n"), 1):
        if len(line) > MAX_LINE:
            raise ValueError(
                f"line {number} has {len(line):,} bytes, and at most {MAX_LINE:,} are allowed"
            )
    return data.decode("utf-8-sig")


def read_options(path: Path, config_type: type[RunConfig] = Config) -> dict[str, Any]:
    """Return the validated options in a TOML file.

    Raises
    ------
    ConfigError
        As for ``read_table``, or a value is invalid.
    """
    try:
        table = read_table(path, config_type)
        return {name: config_type.check_option(name, value) for name, value in table.items()}
    except ConfigError as error:
        message = error.in_both_terms
        raise ConfigError(message if str(path) in message else f"{path}: {message}") from error


def write_options(path: Path, options: Mapping[str, Any], *, heading: str = "") -> None:
    """Write options below a comment, atomically; ``None``, which TOML lacks, is omitted."""
    lines = [f"# {line}" for line in heading.splitlines()]
    lines += [f"{name} = {_written(value)}" for name, value in options.items() if value is not None]
    write_bytes(path, ("\n".join(lines) + "\n").encode())


def overridden(options: Mapping[str, Any], by: Mapping[str, Any]) -> dict[str, Any]:
    """Return options overridden by others; a budget (steps, minutes, epochs) replaces any other."""
    replaced = _BUDGETS if any(name in by for name in _BUDGETS) else ()
    return {name: value for name, value in options.items() if name not in replaced} | dict(by)


def _written(value: object) -> str:
    """Return a value in TOML, which equals JSON except for DEL and characters beyond U+FFFF."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")

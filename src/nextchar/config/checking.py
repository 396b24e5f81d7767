"""Sections of a configuration, which validate the type and the range of each option."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from nextchar.errors import ConfigError
from nextchar.suggestions import nearest

SHOWN = 80  # characters of a value in a message
_LISTED = 5  # names


def option(
    default: object,
    text: str,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> Any:  # noqa: ANN401  (as dataclasses.field: the annotation of the field has the type)
    """Return a dataclass field with a help text and a range."""
    bounds = {"at_least": at_least, "above": above, "at_most": at_most, "below": below}
    return dataclasses.field(default=default, metadata={"help": text, **bounds})


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of the configuration that validates its options on creation.

    Attributes
    ----------
    IN_OLDER_RUNS
        Options missing from older runs, with the values used for their training.
    OLDER_NAMES
        Former names of options, with their current names.
    """

    IN_OLDER_RUNS: ClassVar[Mapping[str, Any]] = {}
    OLDER_NAMES: ClassVar[Mapping[str, str]] = {}

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = check_value(
                field, allowed_types(type(self), field.name), getattr(self, field.name)
            )
            object.__setattr__(self, field.name, value)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the section of a mapping from a run; ``ConfigError`` for unknown keys."""
        if not isinstance(values, Mapping):
            raise ConfigError(f"a section must be an object; got {values!r:.{SHOWN}}")
        values = {cls.OLDER_NAMES.get(name, name): value for name, value in values.items()}
        reject_unknown(values, [field.name for field in dataclasses.fields(cls)])
        return cls(**{**cls.IN_OLDER_RUNS, **values})


@functools.cache
def _hints(part: type) -> dict[str, Any]:
    """Return the annotations of a class as types; cached for the command line."""
    return typing.get_type_hints(part)


def allowed_types(part: type, name: str) -> tuple[Any, ...]:
    """Return the alternatives of a field's annotation: types, ``NoneType``, or literal strings."""
    annotation = _hints(part)[name]
    union = isinstance(annotation, types.UnionType)
    alternatives = typing.get_args(annotation) if union else (annotation,)
    return tuple(
        literal
        for alternative in alternatives
        for literal in (
            typing.get_args(alternative)
            if typing.get_origin(alternative) is Literal
            else (alternative,)
        )
    )


def reject_unknown(values: Mapping[str, Any], known: list[str]) -> None:
    """Raise ``ConfigError`` for keys that are not in ``known``; suggest the closest known key."""
    unknown = [name for name in values if name not in known]
    if not unknown:
        return
    near = nearest(str(unknown[0])[:SHOWN], known)
    hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
    names = ", ".join(f"'{name!s:.{SHOWN}}'" for name in unknown[:_LISTED])
    names += f" and {len(unknown) - _LISTED} more" if len(unknown) > _LISTED else ""
    raise ConfigError(f"unknown option{'s' if len(unknown) > 1 else ''} {names}: {hint}")


def check_value(field: dataclasses.Field[Any], allowed: tuple[Any, ...], value: object) -> object:
    """Return a value converted to the type of its field; ``ConfigError`` if it is invalid."""
    if value is None and types.NoneType in allowed:
        return value
    if isinstance(allowed[0], str):
        if value not in allowed:
            raise ConfigError(
                f"{field.name} must be one of {', '.join(allowed)}; got {value!r:.{SHOWN}}"
            )
        return value
    kind = allowed[0]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        # Treat an integer too large for a float like infinity.
        value = float(value) if abs(value) < 1 << 1000 else math.inf
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        words = {int: "an integer", float: "a number", bool: "true or false", str: "text"}
        raise ConfigError(f"{field.name} must be {words[kind]}; got {value!r:.{SHOWN}}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        _check_range(field, value)
    return value


def _check_range(field: dataclasses.Field[Any], value: float) -> None:
    bounds = {name: bound for name, bound in field.metadata.items() if name != "help"}
    holds = {
        "at_least": lambda bound: value >= bound,
        "above": lambda bound: value > bound,
        "at_most": lambda bound: value <= bound,
        "below": lambda bound: value < bound,
    }
    stated = {name: bound for name, bound in bounds.items() if bound is not None}
    is_finite = isinstance(value, int) or math.isfinite(value)
    if not is_finite or not all(holds[name](stated[name]) for name in stated):
        words = " and ".join(f"{name.replace('_', ' ')} {bound}" for name, bound in stated.items())
        finite = "" if is_finite else "finite" + " and " * bool(words)
        raise ConfigError(f"{field.name} must be {finite}{words}; got {value}")

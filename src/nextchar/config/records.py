"""Records in JSON files: dataclasses whose fields set the type and the range of each value."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from nextchar.config.checking import allowed_types, check_value, reject_unknown
from nextchar.errors import ConfigError, InputError

RecordT = TypeVar("RecordT")


def bounded(
    *,
    default: Any = dataclasses.MISSING,  # noqa: ANN401
    default_factory: Any = dataclasses.MISSING,  # noqa: ANN401
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
) -> Any:  # noqa: ANN401  (as dataclasses.field: the annotation of the field has the type)
    """Return a dataclass field with a range, which ``record_of`` verifies."""
    bounds = {"at_least": at_least, "above": above, "at_most": at_most}
    given: dict[str, Any] = {"default": default, "default_factory": default_factory}
    return dataclasses.field(metadata=bounds, **given)


def record_of(
    kind: type[RecordT],
    values: Mapping[str, Any],
    place: Path,
    error: type[InputError],
    *,
    later: Collection[str] = (),
) -> RecordT:
    """Return a dataclass from a JSON object, which may come from a stranger.

    Parameters
    ----------
    kind
        The dataclass. A field has one of the types of an option: int, float, bool, str, literals,
        or ``None``. Numbers must be finite and in the range of the field. The elements of a list
        are checked by the class, with a ``ConfigError``.
    values
        The object: a value for each field, and no others.
    place
        The file, for messages.
    error
        The type of the error to raise if the object is invalid.
    later
        Fields that files of older versions do not have.
    """
    fields = [field for field in dataclasses.fields(kind) if field.init]  # type: ignore[arg-type]
    missing = [f.name for f in fields if f.name not in values and f.name not in later]
    try:
        reject_unknown(values, [field.name for field in fields])
        given = {
            field.name: _checked(field, allowed_types(kind, field.name), values[field.name])
            for field in fields
            if field.name in values
        }
        if not missing:
            return kind(**given)
    except ConfigError as problem:
        raise error(f"{place} is damaged: {problem.in_both_terms}") from problem
    raise error(f"{place} is damaged: {missing[0]} is missing")


def _checked(
    field: dataclasses.Field[Any],
    allowed: tuple[Any, ...],
    value: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    if typing.get_origin(allowed[0]) is not list:
        return check_value(field, allowed, value)
    if not isinstance(value, list):
        raise ConfigError(f"{field.name} must be a list; got {value!r:.80}")
    return value


def versioned(
    values: Mapping[str, Any], newest: int, place: Path, error: type[InputError]
) -> dict[str, Any]:
    """Return a JSON object without its ``format_version``, which must be known.

    Raises
    ------
    InputError
        ``error``: the version is missing, invalid, or newer than ``newest``.
    """
    rest = dict(values)
    version = rest.pop("format_version", None)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise error(
            f"{place} is damaged: format_version must be an integer of at least 1; got "
            f"{version!r:.80}"
        )
    if version > newest:
        raise error(
            f"{place} has format {version}, but this version of nextchar supports up to {newest}: "
            "update nextchar"
        )
    return rest

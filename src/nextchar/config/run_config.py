"""Configurations with several sections, created from flat options or from JSON."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from nextchar.config.checking import SHOWN, Section, allowed_types, check_value, reject_unknown
from nextchar.errors import ConfigError

PartT = TypeVar("PartT", bound=Section)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The configuration of a kind of run; each field is a section of options.

    Option names are unique across sections: a flat set of options is unambiguous.

    Attributes
    ----------
    USUAL
        Defaults that override those of the fields.
    WITHOUT
        Options of the sections that this kind of run does not support.
    LATER_PARTS
        Sections missing from older runs.
    """

    USUAL: ClassVar[Mapping[str, Any]] = {}
    WITHOUT: ClassVar[frozenset[str]] = frozenset()
    LATER_PARTS: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def sections(cls) -> dict[str, type[Section]]:
        """Return the types of the sections by name."""
        hints = typing.get_type_hints(cls)
        return {field.name: hints[field.name] for field in dataclasses.fields(cls)}

    @classmethod
    def options(cls) -> dict[str, tuple[type[Section], dataclasses.Field[Any]]]:
        """Return the section and the field of each option by name, in the order of the sections."""
        return {
            field.name: (part, field)
            for part in cls.sections().values()
            for field in dataclasses.fields(part)
            if field.name not in cls.WITHOUT
        }

    @classmethod
    def option_names(cls) -> list[str]:
        """Return the names of all options, in the order of the sections."""
        return list(cls.options())

    @classmethod
    def default(cls, name: str) -> Any:  # noqa: ANN401
        """Return the default of an option."""
        return cls.USUAL.get(name, cls.options()[name][1].default)

    @classmethod
    def check_option(cls, name: str, value: object) -> object:
        """Return the value of an option converted to the type of its field.

        Raises
        ------
        ConfigError
            The name is unknown, or the value has the wrong type or is out of range.
        """
        reject_unknown({name: value}, cls.option_names())
        part, field = cls.options()[name]
        return check_value(field, allowed_types(part, name), value)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Return a configuration with the given options, and defaults for all others.

        Raises
        ------
        ConfigError
            A name is unknown (the message suggests the closest one), a value is out of range, or
            options are incompatible.
        """
        reject_unknown(options, cls.option_names())
        return cls._from_flat({**cls.USUAL, **cls.completed(options)})

    @classmethod
    def completed(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the given options, with the settings that they imply."""
        return options

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the configuration of a ``to_dict`` mapping; keys, types and ranges are checked."""
        parts = cls.sections()
        reject_unknown(values, list(parts))
        values = {**{name: {} for name in cls.LATER_PARTS}, **values}
        for name in parts:
            if not isinstance(values.get(name), Mapping):
                raise ConfigError(
                    f"key '{name}' must be an object, got {values.get(name)!r:.{SHOWN}}"
                )
        made: dict[str, Any] = {name: part.from_dict(values[name]) for name, part in parts.items()}
        return cls(**made)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return all values as nested dictionaries, for JSON."""
        return dataclasses.asdict(self)

    def with_options(self, **options: object) -> Self:
        """Return a copy with new values for the named options."""
        reject_unknown(options, self.option_names())
        flat = {name: value for part in self.to_dict().values() for name, value in part.items()}
        return self._from_flat({**flat, **options})

    @classmethod
    def _from_flat(cls, options: Mapping[str, Any]) -> Self:
        made: dict[str, Any] = {name: _pick(part, options) for name, part in cls.sections().items()}
        return cls(**made)


def _pick(part: type[PartT], options: Mapping[str, Any]) -> PartT:
    names = {field.name for field in dataclasses.fields(part)}
    return part(**{name: value for name, value in options.items() if name in names})

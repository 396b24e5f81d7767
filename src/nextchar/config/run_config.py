"""Groups of options as one object: distributed from a flat set, and read back from JSON."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from nextchar.config.checking import Section, allowed_types, check_value, reject_unknown
from nextchar.errors import ConfigError

PartT = TypeVar("PartT", bound=Section)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """All choices of a kind of run: each field is a part, with the options that it owns.

    No name of an option occurs in two parts, so that a flat set of options finds its part by
    itself.

    Attributes
    ----------
    USUAL
        What options have where nothing else is said, in place of their fields' own defaults.
    WITHOUT
        Options of the parts that this kind of run does not have.
    LATER_PARTS
        Parts that older runs do not have.
    """

    USUAL: ClassVar[Mapping[str, Any]] = {}
    WITHOUT: ClassVar[frozenset[str]] = frozenset()
    LATER_PARTS: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def sections(cls) -> dict[str, type[Section]]:
        """Return the sections by name."""
        hints = typing.get_type_hints(cls)
        return {field.name: hints[field.name] for field in dataclasses.fields(cls)}

    @classmethod
    def options(cls) -> dict[str, tuple[type[Section], dataclasses.Field[Any]]]:
        """Give each option's part and field by its name, in the order of the parts."""
        return {
            field.name: (part, field)
            for part in cls.sections().values()
            for field in dataclasses.fields(part)
            if field.name not in cls.WITHOUT
        }

    @classmethod
    def option_names(cls) -> list[str]:
        """List the names of all options, in the order of the parts."""
        return list(cls.options())

    @classmethod
    def default(cls, name: str) -> Any:  # noqa: ANN401
        """Give what an option is where nothing is said."""
        return cls.USUAL.get(name, cls.options()[name][1].default)

    @classmethod
    def check_option(cls, name: str, value: object) -> object:
        """Give one option's value in its field's type.

        Raises
        ------
        ConfigError
            The name is unknown, or the value is of another type or out of its range.
        """
        reject_unknown({name: value}, cls.option_names())
        part, field = cls.options()[name]
        return check_value(field, allowed_types(part, name), value)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Distribute flat options over the parts; what is not given has its usual value.

        Raises
        ------
        ConfigError
            An unknown name (with the nearest known one), a value out of its range, or options
            that do not go together.
        """
        reject_unknown(options, cls.option_names())
        return cls._from_flat({**cls.USUAL, **cls.completed(options)})

    @classmethod
    def completed(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add to the given options what follows from them."""
        return options

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read back what ``to_dict`` wrote; strict about keys, types and ranges."""
        parts = cls.sections()
        reject_unknown(values, list(parts))
        values = {**{name: {} for name in cls.LATER_PARTS}, **values}
        for name in parts:
            if not isinstance(values.get(name), Mapping):
                raise ConfigError(f"key '{name}' must hold an object, got {values.get(name)!r}")
        made: dict[str, Any] = {name: part.from_dict(values[name]) for name, part in parts.items()}
        return cls(**made)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Give all values as nested dictionaries that JSON can hold."""
        return dataclasses.asdict(self)

    def with_options(self, **options: object) -> Self:
        """Give a copy in which the named options have new values."""
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

"""Every choice of a run, as frozen keyword-only dataclasses that are checked when they are made.

``TextConfig`` (how text becomes symbols), ``AugmentationConfig`` (what is added to it in training),
``NetworkConfig`` (what the network is) and ``TrainingConfig`` (how it learns) together are a
``Config``. The field names are the options of the command line and the keyword arguments of
``nextchar.train``; no name occurs twice, so that a flat set of options finds its part by itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar

from nextchar.config.checking import Checked, allowed_types, check_value, reject_unknown
from nextchar.config.network import (
    Activation,
    CellName,
    Initialization,
    InputKind,
    NetworkConfig,
    Peepholes,
    Reset,
)
from nextchar.config.text import (
    CHARACTER_EDITS,
    WORD_EDITS,
    AugmentationConfig,
    DecodingErrors,
    Edit,
    SymbolKind,
    TextConfig,
    VocabularyKind,
)
from nextchar.config.training import TrainingConfig
from nextchar.errors import ConfigError

__all__ = [
    "CHARACTER_EDITS",
    "PARTS",
    "WORD_EDITS",
    "Activation",
    "AugmentationConfig",
    "CellName",
    "Config",
    "DecodingErrors",
    "Edit",
    "Initialization",
    "InputKind",
    "NetworkConfig",
    "Peepholes",
    "Pruning",
    "Reset",
    "SearchMethod",
    "SymbolKind",
    "TextConfig",
    "TrainingConfig",
    "VocabularyKind",
    "allowed_types",
    "check_option",
    "option_names",
    "reject_unknown",
]

SearchMethod = Literal["tpe", "random", "grid"]
Pruning = Literal["median", "halving", "none"]


@dataclass(frozen=True, kw_only=True)
class Config:
    """All choices of a run.

    Attributes
    ----------
    text, augmentation, network, training
        The parts, each with the options that it owns.
    """

    text: TextConfig = dataclasses.field(default_factory=TextConfig)
    augmentation: AugmentationConfig = dataclasses.field(default_factory=AugmentationConfig)
    network: NetworkConfig = dataclasses.field(default_factory=NetworkConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        levels = self.network.level_names
        if self.training.freeze >= len(levels):
            raise ConfigError(
                f"freeze must be below {len(levels)}, so that something learns (the network has "
                f"{', '.join(levels)}); got {self.training.freeze}"
            )
        if (
            self.network.batch_norm
            and self.training.batch_size == self.training.sequence_length == 1
        ):
            raise ConfigError(
                "batch_norm needs at least 2 positions in a step; got batch_size 1 and "
                "sequence_length 1"
            )
        if self.text.holds_out:
            return
        for name, follows in (
            ("schedule 'plateau'", self.training.schedule == "plateau"),
            (f"patience {self.training.patience}", self.training.patience > 0),
        ):
            if follows:
                raise ConfigError(
                    f"{name} follows the validation loss, and validation_fraction is 0"
                )

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Distribute flat options over the parts; what is not given has its usual value.

        Raises
        ------
        ConfigError
            An unknown name (with the nearest known one), a value out of its range, or both
            ``steps`` and ``minutes``.
        """
        reject_unknown(options, option_names())
        if options.get("minutes") is not None and "steps" in options:
            raise ConfigError(
                f"steps and minutes exclude each other, got {options['steps']} steps and "
                f"{options['minutes']} minutes"
            )
        usual = _USUAL_BY_OPTIMIZER.get(options.get("optimizer", ""), {})
        return cls(
            text=_pick(TextConfig, _fold_fractions(options)),
            augmentation=_pick(AugmentationConfig, options),
            network=_pick(NetworkConfig, _tied_sizes(options)),
            training=_pick(TrainingConfig, {**usual, **options}),
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read back what ``to_dict`` wrote; strict about keys, types and ranges.

        Only the part ``augmentation`` may be missing, as it is from older runs.
        """
        reject_unknown(values, ["text", "augmentation", "network", "training"])
        values = {"augmentation": {}, **values}
        for name in ("text", "augmentation", "network", "training"):
            if not isinstance(values.get(name), Mapping):
                raise ConfigError(f"key '{name}' must hold an object, got {values.get(name)!r}")
        return cls(
            text=TextConfig.from_dict(values["text"]),
            augmentation=AugmentationConfig.from_dict(values["augmentation"]),
            network=NetworkConfig.from_dict(values["network"]),
            training=TrainingConfig.from_dict(values["training"]),
        )

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Give all values as nested dictionaries that JSON can hold."""
        return dataclasses.asdict(self)

    def with_options(self, **options: Any) -> Self:  # noqa: ANN401
        """Give a copy in which the named options have new values."""
        flat = {name: value for part in self.to_dict().values() for name, value in part.items()}
        reject_unknown(options, option_names())
        flat.update(options)
        return type(self)(
            text=_pick(TextConfig, flat),
            augmentation=_pick(AugmentationConfig, flat),
            network=_pick(NetworkConfig, flat),
            training=_pick(TrainingConfig, flat),
        )


# What an optimiser takes where nothing else is said; adamw's are the fields' own defaults.
_USUAL_BY_OPTIMIZER: Mapping[str, Mapping[str, float]] = {
    "adam": {"weight_decay": 0.0},
    "rmsprop": {"weight_decay": 0.0, "learning_rate": 2e-3},
    "sgd": {"weight_decay": 0.0, "learning_rate": 0.5},
}

PartT = TypeVar("PartT", bound=Checked)
PARTS: tuple[type[Checked], ...] = (
    TextConfig,
    AugmentationConfig,
    NetworkConfig,
    TrainingConfig,
)


def option_names() -> list[str]:
    """List the names of all options, in the order of the parts."""
    return [field.name for part in PARTS for field in dataclasses.fields(part)]


def _fold_fractions(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Hold out no share of the text beside a fold, unless one was asked for."""
    if options.get("folds"):
        return {"validation_fraction": 0.0, **options}
    return options


def check_option(name: str, value: object) -> object:
    """Give one option's value in its field's type.

    Raises
    ------
    ConfigError
        The name is unknown, or the value is of another type or out of its range.
    """
    reject_unknown({name: value}, option_names())
    part = next(p for p in PARTS if name in p.__dataclass_fields__)
    return check_value(part.__dataclass_fields__[name], allowed_types(part, name), value)


def _tied_sizes(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the one of two tied sizes that was not set the value of the other."""
    if options.get("tied") and "embedding_size" not in options:
        size = options.get("hidden_size", NetworkConfig().hidden_size)
        return {**options, "embedding_size": size}
    if options.get("tied") and "hidden_size" not in options:
        return {**options, "hidden_size": options["embedding_size"]}
    return options


def _pick(part: type[PartT], options: Mapping[str, Any]) -> PartT:
    names = {field.name for field in dataclasses.fields(part)}
    return part(**{name: value for name, value in options.items() if name in names})

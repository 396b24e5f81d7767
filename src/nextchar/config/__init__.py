"""The configuration of a run, as frozen keyword-only dataclasses validated on creation.

A ``Config`` has the sections ``TextConfig`` (encoding of text as symbols), ``AugmentationConfig``
(augmented copies of the training text), ``NetworkConfig`` (architecture), ``TrainingConfig``
(optimisation) and ``ExpertsConfig`` (counts of the training text beside the network). The field
names are the options of the command line and the keyword arguments of ``nextchar.train``. They are
unique across sections: a flat set of options is unambiguous.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from nextchar.config.checking import Section, allowed_types, reject_unknown
from nextchar.config.classification import ClassifierConfig, ClassifierRunConfig, KeptBy, Pooling
from nextchar.config.experts import CountedExperts, ExpertsConfig, ExpertUse
from nextchar.config.items import ItemRunConfig, ItemsConfig
from nextchar.config.network import (
    Activation,
    CellName,
    Initialization,
    InputKind,
    NetworkConfig,
    Peepholes,
    Reset,
)
from nextchar.config.run_config import RunConfig
from nextchar.config.tagging import (
    RESTORATION_KINDS,
    RestorationKind,
    TaggerRunConfig,
    TaggingConfig,
    Transitions,
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
from nextchar.config.training import USUAL_BY_OPTIMIZER, TrainingConfig
from nextchar.config.transduction import (
    AttentionName,
    TargetKind,
    TransducerRunConfig,
    TransductionConfig,
)
from nextchar.errors import ConfigError

__all__ = [
    "CHARACTER_EDITS",
    "RESTORATION_KINDS",
    "WORD_EDITS",
    "Activation",
    "AttentionName",
    "AugmentationConfig",
    "CellName",
    "ClassifierConfig",
    "ClassifierRunConfig",
    "Config",
    "CountedExperts",
    "DecodingErrors",
    "Edit",
    "ExpertUse",
    "ExpertsConfig",
    "Initialization",
    "InputKind",
    "ItemRunConfig",
    "ItemsConfig",
    "KeptBy",
    "NetworkConfig",
    "Peepholes",
    "Pooling",
    "Pruning",
    "Reset",
    "RestorationKind",
    "RunConfig",
    "SearchMethod",
    "Section",
    "SymbolKind",
    "TaggerRunConfig",
    "TaggingConfig",
    "TargetKind",
    "TextConfig",
    "TrainingConfig",
    "TransducerRunConfig",
    "TransductionConfig",
    "Transitions",
    "VocabularyKind",
    "allowed_types",
    "reject_unknown",
]

SearchMethod = Literal["tpe", "random", "grid"]
Pruning = Literal["median", "halving", "none"]


@dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The configuration of a language model's run.

    Attributes
    ----------
    text, augmentation, network, training, experts
        The sections with their options.
    """

    LATER_PARTS: ClassVar[frozenset[str]] = frozenset({"augmentation", "experts"})

    text: TextConfig = dataclasses.field(default_factory=TextConfig)
    augmentation: AugmentationConfig = dataclasses.field(default_factory=AugmentationConfig)
    network: NetworkConfig = dataclasses.field(default_factory=NetworkConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    experts: ExpertsConfig = dataclasses.field(default_factory=ExpertsConfig)

    def __post_init__(self) -> None:
        levels = self.network.level_names
        if self.training.freeze >= len(levels):
            raise ConfigError(
                f"freeze must be below {len(levels)}, to leave weights to train (the network has "
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
                raise ConfigError(f"{name} needs a validation loss, but validation_fraction is 0")

    @classmethod
    def completed(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add the defaults implied by folds, tied weights and the optimiser.

        Raises
        ------
        ConfigError
            Both ``steps`` and ``minutes`` are set.
        """
        if options.get("minutes") is not None and "steps" in options:
            raise ConfigError(
                f"steps and minutes exclude each other, got {options['steps']} steps and "
                f"{options['minutes']} minutes"
            )
        usual = USUAL_BY_OPTIMIZER.get(options.get("optimizer", ""), {})
        return {**usual, **_tied_sizes(_fold_fractions(options))}


def _fold_fractions(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """With folds, set the validation fraction to 0 by default."""
    if options.get("folds"):
        return {"validation_fraction": 0.0, **options}
    return options


def _tied_sizes(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """With tied weights, set the embedding size and the hidden size to the same value."""
    if options.get("tied") and "embedding_size" not in options:
        size = options.get("hidden_size", NetworkConfig().hidden_size)
        return {**options, "embedding_size": size}
    if options.get("tied") and "hidden_size" not in options:
        return {**options, "hidden_size": options["embedding_size"]}
    return options

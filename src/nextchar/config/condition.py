"""The choices about text that is written from a condition: a label, or numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from nextchar.config.checking import Section, option
from nextchar.config.items import ItemRunConfig
from nextchar.config.text import TextConfig
from nextchar.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class ConditionConfig(Section):
    """How a condition enters the network."""

    condition_size: int = option(
        32, "Size of the vector that a condition becomes (C).", at_least=1, at_most=1 << 20
    )
    condition_dropout: float = option(
        0.1,
        "Share of the items that are read without their condition, so that it may be left out.",
        at_least=0, at_most=1,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ConditionRunConfig(ItemRunConfig):
    """All choices of a run that learns to write from a condition."""

    # A condition stands beside an embedded symbol, in the same vector.
    WITHOUT: ClassVar[frozenset[str]] = ItemRunConfig.WITHOUT | {"input"}
    USUAL: ClassVar[Mapping[str, Any]] = {
        "batch_size": 64,
        "cell": "gru",
        "dropout": 0.4,
        "embedding_size": 64,
        "learning_rate": 4e-3,
    }

    condition: ConditionConfig

    def __post_init__(self) -> None:
        _ = self.text  # What cannot be written is refused now.

    @property
    def text(self) -> TextConfig:
        """What a language model of one condition has; ``ConfigError`` for words."""
        if self.items.vocabulary == "word":
            raise ConfigError(
                "vocabulary must be char, byte or jamo where text is written; got 'word'"
            )
        return TextConfig(vocabulary=self.items.vocabulary)

"""Configuration of conditional text generation, from a label or numbers."""

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
    """Encoding of the condition in the network."""

    condition_size: int = option(
        32, "Size of the condition vector (C).", at_least=1, at_most=1 << 20
    )
    condition_dropout: float = option(
        0.1,
        "Probability of training on an item without its condition, for unconditional generation.",
        at_least=0, at_most=1,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ConditionRunConfig(ItemRunConfig):
    """The configuration of a run of ``nextchar condition``."""

    # The condition vector is concatenated with the embedding of each symbol.
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
        _ = self.text  # raises for a vocabulary that cannot generate text

    @property
    def text(self) -> TextConfig:
        """The text section of an equivalent language model; ``ConfigError`` for words."""
        if self.items.vocabulary == "word":
            raise ConfigError("vocabulary must be char, byte or jamo to generate text; got 'word'")
        return TextConfig(vocabulary=self.items.vocabulary)

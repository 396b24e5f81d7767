"""The choices about items: texts learned one by one, each with what is to be said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from nextchar.config.checking import Section, option
from nextchar.config.network import NetworkConfig
from nextchar.config.run_config import RunConfig
from nextchar.config.text import DecodingErrors, Normalization, SymbolKind, TextConfig
from nextchar.config.training import USUAL_BY_OPTIMIZER, TrainingConfig
from nextchar.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class ItemsConfig(Section):
    """How items are read and become symbols, and how often they are learned from."""

    OLDER_NAMES: ClassVar[Mapping[str, str]] = {"passes": "epochs"}

    vocabulary: SymbolKind = option(
        "char",
        "Symbols: char (code points), byte (256), jamo (Hangul decomposed), word (and spaces).",
    )
    min_count: int = option(1, "Symbols rarer than this become <unk>.", at_least=1, at_most=1 << 50)
    normalization: Normalization = option("none", "Unicode normalisation of the texts.")
    encoding: str = option("utf-8", "Encoding of the files.")
    errors: DecodingErrors = option("strict", "What to do with bytes that cannot be decoded.")
    validation_fraction: float = option(
        0.1, "Share of the items held out for validation.", at_least=0, below=1
    )
    max_length: int = option(
        10_000, "Characters of the longest text that is taken.", at_least=1, at_most=1 << 30
    )
    epochs: float | None = option(
        20.0, "Times that each item is learned from, unless --steps or --minutes says how long.",
        above=0, at_most=1e9,
    )  # fmt: skip
    pool: int = option(
        32, "Batches that are sorted by length together: more is faster, and less mixed.",
        at_least=1, at_most=1 << 30,
    )  # fmt: skip

    @property
    def reading(self) -> TextConfig:
        """How the bytes of a file are read."""
        return TextConfig(
            encoding=self.encoding, errors=self.errors, normalization=self.normalization
        )


@dataclass(frozen=True, kw_only=True)
class ItemRunConfig(RunConfig):
    """All choices of a run that learns from items; a task adds a part of its own."""

    # What is of running text alone, or of one continuous state.
    WITHOUT: ClassVar[frozenset[str]] = frozenset(
        {
            "activation_regularization",
            "batch_norm",
            "reset_probability",
            "sample_length",
            "sequence_length",
            "temporal_activation_regularization",
            "tied",
        }
    )

    items: ItemsConfig
    network: NetworkConfig
    training: TrainingConfig

    @classmethod
    def completed(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Let one budget take the place of the others, and add what the optimiser brings.

        Raises
        ------
        ConfigError
            Two of ``epochs``, ``steps`` and ``minutes``.
        """
        budgets = [name for name in ("epochs", "steps", "minutes") if options.get(name) is not None]
        if len(budgets) > 1:
            raise ConfigError(
                f"{' and '.join(budgets)} exclude each other, got "
                f"{' and '.join(str(options[name]) for name in budgets)}"
            )
        if budgets and budgets != ["epochs"]:
            options = {**options, "epochs": None}
        return {**USUAL_BY_OPTIMIZER.get(options.get("optimizer", ""), {}), **options}

"""Configuration of tasks on items: independent texts with labels or other targets."""

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
    """Reading, encoding and batching of items."""

    OLDER_NAMES: ClassVar[Mapping[str, str]] = {"passes": "epochs"}

    vocabulary: SymbolKind = option(
        "char",
        "Symbols: char (code points), byte (256), jamo (Hangul decomposed), word (and spaces).",
    )
    min_count: int = option(1, "Symbols rarer than this become <unk>.", at_least=1, at_most=1 << 50)
    normalization: Normalization = option("none", "Unicode normalisation of the texts.")
    encoding: str = option("utf-8", "Encoding of the files.")
    errors: DecodingErrors = option("strict", "Treatment of bytes that cannot be decoded.")
    max_compression_ratio: int = option(
        100, "Maximum compression ratio of a compressed file, beyond 10 MB.",
        at_least=1, at_most=1 << 50,
    )  # fmt: skip
    validation_fraction: float = option(
        0.1, "Share of the items held out for validation.", at_least=0, below=1
    )
    max_length: int = option(
        10_000, "Maximum length of a text in characters.", at_least=1, at_most=1 << 30
    )
    epochs: float | None = option(
        20.0, "Training epochs, unless --steps or --minutes is set.",
        above=0, at_most=1e9,
    )  # fmt: skip
    pool: int = option(
        32, "Batches sorted by length together; larger pools mean less padding but less shuffling.",
        at_least=1, at_most=1 << 30,
    )  # fmt: skip

    @property
    def reading(self) -> TextConfig:
        """The configuration for reading the files."""
        return TextConfig(
            encoding=self.encoding,
            errors=self.errors,
            max_compression_ratio=self.max_compression_ratio,
            normalization=self.normalization,
        )


@dataclass(frozen=True, kw_only=True)
class ItemRunConfig(RunConfig):
    """The configuration of a run on items; each task adds its own section."""

    # Options for continuous text or a carried state.
    WITHOUT: ClassVar[frozenset[str]] = frozenset(
        {
            "activation_regularization",
            "batch_norm",
            "reset_probability",
            "sample_length",
            "sequence_length",
            "temporal_activation_regularization",
            "tied",
            "window_growth",
        }
    )

    items: ItemsConfig
    network: NetworkConfig
    training: TrainingConfig

    @classmethod
    def completed(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Replace the default budget by the given one, and add the defaults of the optimiser.

        Raises
        ------
        ConfigError
            More than one of ``epochs``, ``steps`` and ``minutes`` is set.
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

"""Configuration of classification: reading, pooling and weighting of items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from nextchar.config.checking import Section, option
from nextchar.config.items import ItemRunConfig
from nextchar.errors import ConfigError

Pooling = Literal["last", "mean", "max", "mean_max", "attention"]
KeptBy = Literal["accuracy", "macro_f1", "loss"]


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig(Section):
    """Architecture and training of a classifier."""

    bidirectional: bool = option(True, "Read every text in both directions.")
    pooling: Pooling = option(
        "mean_max",
        "Pooling of the outputs over all positions; mean_max concatenates mean and max.",
    )
    members: int = option(
        1, "Networks in the ensemble; their mean probabilities are the prediction.",
        at_least=1, at_most=1000,
    )  # fmt: skip
    ngrams: int = option(
        1, "Maximum length of embedded n-grams of symbols; 1 disables them.", at_least=1, at_most=16
    )
    ngram_buckets: int = option(
        1 << 17, "Rows of the hashed n-gram embedding table.", at_least=1, at_most=1 << 30
    )
    ngram_dropout: float = option(
        0.5, "Probability of dropping an n-gram in a training step.", at_least=0, below=1
    )
    ngram_bag: int = option(
        4, "Maximum length of n-grams with a direct linear path to the labels; 0 disables them.",
        at_least=0, at_most=16,
    )  # fmt: skip
    linear_rows: int | None = option(
        0,
        "Rows of the hashed linear model, rounded up to a power of two; chosen from the data if "
        "not set; 0 disables it.",
        at_least=0, at_most=1 << 22,
    )  # fmt: skip
    most_symbols: int = option(
        0,
        "Maximum symbols read in the default number of epochs (at least one epoch); 0 means no "
        "limit. Ignored if epochs, steps or minutes are set.",
        at_least=0, at_most=1 << 50,
    )  # fmt: skip
    ngram_evidence: bool = option(
        False, "Count direct n-grams once per text, weighted by their log-count ratios (NBSVM)."
    )
    symbol_dropout: float = option(
        0.1, "Probability of reading a symbol as <unk> in training, to train its embedding.",
        at_least=0, below=1,
    )  # fmt: skip
    consistency: float = option(
        0.0, "Weight of the divergence between two passes with different dropout masks (R-Drop).",
        at_least=0, at_most=1000,
    )  # fmt: skip
    class_weights: float = option(
        0.0, "Exponent of the inverse label frequency as item weight; 0: none, 1: balanced.",
        at_least=0, at_most=1,
    )  # fmt: skip
    prior_adjustment: float = option(
        0.0, "Exponent of the label frequency that divides its probability; 0 disables it.",
        at_least=0, at_most=1,
    )  # fmt: skip
    keep_by: KeptBy = option("loss", "Validation metric that selects the best weights.")
    keep_duplicates: bool = option(
        False, "Keep duplicates of a text with the same label in the training data."
    )
    cut: bool = option(False, "Truncate longer texts to --max-length characters.")


@dataclass(frozen=True, kw_only=True)
class ClassifierRunConfig(ItemRunConfig):
    """The configuration of a run of ``nextchar classify``."""

    # The default of a field is its value in runs older than the field. These defaults were tuned on
    # 14,000 names, 7,000 sentences and 9,000 questions (docs/benchmarks.md).
    USUAL: ClassVar[Mapping[str, Any]] = {
        "hidden_size": 128,
        "embedding_size": 64,
        "batch_size": 64,
        "learning_rate": 3e-3,
        "dropout": 0.5,
        "input_dropout": 0.3,
        "label_smoothing": 0.05,
        "ema_decay": 0.998,
        "epochs": 10.0,
        "linear_rows": None,
        "most_symbols": 2_000_000,
        "ngram_bag": 0,
    }

    classifier: ClassifierConfig

    def __post_init__(self) -> None:
        levels = len(self.network.level_names)
        if self.training.freeze >= levels:
            raise ConfigError(
                f"freeze must be below {levels}, to leave weights to train (the network has "
                f"{', '.join(self.network.level_names)}); got {self.training.freeze}"
            )
        if self.classifier.ngrams > 1 and self.network.input != "embedding":
            raise ConfigError(
                f"ngrams above 1 needs input 'embedding'; got input {self.network.input!r}"
            )
        if self.classifier.ngram_evidence and self.classifier.ngram_bag == 0:
            raise ConfigError("ngram_evidence needs ngram_bag above 0; got 0")
        if self.classifier.symbol_dropout > 0 and self.items.vocabulary == "byte":
            raise ConfigError(
                f"symbol_dropout needs <unk>, which vocabulary 'byte' lacks; got "
                f"{self.classifier.symbol_dropout}"
            )

    @classmethod
    def completed(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add the settings implied by other options.

        A byte vocabulary has no ``<unk>`` and therefore no symbol dropout. One-hot input has no
        embeddings for n-grams. An explicit budget disables the limit on symbols.
        """
        if options.get("vocabulary") == "byte":
            options = {"symbol_dropout": 0.0, **options}
        if options.get("input") == "onehot":
            options = {"ngrams": 1, **options}
        if any(options.get(name) is not None for name in ("epochs", "steps", "minutes")):
            options = {"most_symbols": 0, **options}
        return super().completed(options)

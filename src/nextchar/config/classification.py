"""The choices about classification: how an item is read and pooled, and what its labels weigh."""

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
    """How a text becomes a label."""

    bidirectional: bool = option(True, "Read every text in both directions.")
    pooling: Pooling = option(
        "mean_max",
        "How the outputs at all positions become one vector; mean_max is both, side by side.",
    )
    members: int = option(
        1, "Networks that learn side by side; the mean of their probabilities counts.",
        at_least=1, at_most=1000,
    )  # fmt: skip
    ngrams: int = option(
        1, "Longest n-grams of symbols that have vectors too; 1 is none.", at_least=1, at_most=16
    )
    ngram_buckets: int = option(
        1 << 17, "Rows of the table that n-grams are hashed to.", at_least=1, at_most=1 << 30
    )
    ngram_dropout: float = option(
        0.5, "Share of the n-grams that are left out in a step.", at_least=0, below=1
    )
    ngram_bag: int = option(
        4, "Longest n-grams that speak for labels directly, past the layers; 0 is none.",
        at_least=0, at_most=16,
    )  # fmt: skip
    linear_rows: int | None = option(
        0,
        "Rows of the linear part, to which terms are hashed, rounded up to a power of two; "
        "chosen from the data if not set; 0 turns the linear part off.",
        at_least=0, at_most=1 << 22,
    )  # fmt: skip
    most_symbols: int = option(
        0,
        "Most symbols read in the default epochs, of which at least one is made; 0 is no "
        "bound. Ignored if epochs, steps or minutes are set.",
        at_least=0, at_most=1 << 50,
    )  # fmt: skip
    ngram_evidence: bool = option(
        False, "Let n-grams speak once a text, and by how unevenly the labels have them."
    )
    symbol_dropout: float = option(
        0.1, "Share of the symbols that a step reads as <unk>, so that it means something.",
        at_least=0, below=1,
    )  # fmt: skip
    consistency: float = option(
        0.0, "Weight of the divergence between two readings with other dropout (R-Drop).",
        at_least=0, at_most=1000,
    )  # fmt: skip
    class_weights: float = option(
        0.0, "Power of a label's inverse frequency that weighs its items: 0 none, 1 balanced.",
        at_least=0, at_most=1,
    )  # fmt: skip
    prior_adjustment: float = option(
        0.0, "Power of a label's frequency by which its probability is divided (0 is none).",
        at_least=0, at_most=1,
    )  # fmt: skip
    keep_by: KeptBy = option("loss", "Which figure on what is held out decides the kept weights.")
    keep_duplicates: bool = option(
        False, "Learn from every repetition of a text with the same label, too."
    )
    cut: bool = option(False, "Read only the first --max-length characters of longer texts.")


@dataclass(frozen=True, kw_only=True)
class ClassifierRunConfig(ItemRunConfig):
    """All choices of a run of ``nextchar classify``."""

    # A field's own default is its value in runs that are older than the field.
    # What suited 14,000 names, 7,000 sentences and 9,000 questions (docs/benchmarks.md).
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
                f"freeze must be below {levels}, so that something learns (the network has "
                f"{', '.join(self.network.level_names)}); got {self.training.freeze}"
            )
        if self.classifier.ngrams > 1 and self.network.input != "embedding":
            raise ConfigError(
                f"n-grams are added to embedded symbols, and input is {self.network.input!r}"
            )
        if self.classifier.ngram_evidence and self.classifier.ngram_bag == 0:
            raise ConfigError("ngram_evidence is of n-grams that vote, and ngram_bag 0 has none")
        if self.classifier.symbol_dropout > 0 and self.items.vocabulary == "byte":
            raise ConfigError(
                f"symbol_dropout reads symbols as <unk>, which bytes have not; got "
                f"{self.classifier.symbol_dropout}"
            )

    @classmethod
    def completed(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add the settings implied by options: by bytes, which have no <unk>, and one-hot input.

        One-hot input has no vectors to which those of n-grams could be added. An explicit
        budget has no bound in addition.
        """
        if options.get("vocabulary") == "byte":
            options = {"symbol_dropout": 0.0, **options}
        if options.get("input") == "onehot":
            options = {"ngrams": 1, **options}
        if any(options.get(name) is not None for name in ("epochs", "steps", "minutes")):
            options = {"most_symbols": 0, **options}
        return super().completed(options)

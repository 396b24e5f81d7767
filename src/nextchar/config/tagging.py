"""Configuration of tagging: a label for each character of an item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from nextchar.config.checking import Section, option
from nextchar.config.items import ItemRunConfig
from nextchar.errors import ConfigError

RestorationKind = Literal["spaces", "case", "diacritics", "punctuation"]
RESTORATION_KINDS: tuple[RestorationKind, ...] = ("spaces", "case", "diacritics", "punctuation")
Transitions = Literal["free", "seen", "bio"]


@dataclass(frozen=True, kw_only=True)
class TaggingConfig(Section):
    """Labels, architecture and decoding of a tagger."""

    restore: str | None = option(
        None,
        "Train restoration on plain text: spaces, case, diacritics, punctuation, or several, as "
        "case+punctuation. If not set, train on labelled files.",
    )
    outside: str = option(
        "O", "Label of characters outside entities, excluded from precision and recall."
    )
    bidirectional: bool = option(True, "Read in both directions, or only forward.")
    ngrams: int = option(
        4, "Maximum length of embedded n-grams of symbols; 1 disables them.", at_least=1, at_most=16
    )  # fmt: skip
    ngram_buckets: int = option(
        1 << 16, "Rows of the hashed n-gram embedding table.", at_least=1, at_most=1 << 30
    )  # fmt: skip
    ngram_dropout: float = option(
        0.5, "Probability of dropping an n-gram in a training step.", at_least=0, below=1
    )  # fmt: skip
    symbol_dropout: float = option(
        0.02, "Probability of reading a symbol as <unk> in training, to train its embedding.",
        at_least=0, below=1,
    )  # fmt: skip
    window: int = option(
        256, "Window size in characters; longer items are read in overlapping windows.",
        at_least=16, at_most=1 << 20,
    )  # fmt: skip
    transitions: Transitions = option(
        "free",
        "Allowed label transitions: all (free), those seen in training, or by the BIO scheme.",
    )

    @property
    def kinds(self) -> tuple[RestorationKind, ...]:
        """Kinds of restoration, in the order of ``RESTORATION_KINDS``; none for labelled files."""
        wanted = [] if self.restore is None else self.restore.split("+")
        return tuple(kind for kind in RESTORATION_KINDS if kind in wanted)

    def __post_init__(self) -> None:
        super().__post_init__()
        wanted = [] if self.restore is None else self.restore.split("+")
        if len(self.kinds) < len(wanted):
            raise ConfigError(
                f"restore must be {', '.join(RESTORATION_KINDS)}, each once, or several of them "
                f"joined by +; got {self.restore!r}"
            )
        if wanted and self.transitions == "bio":
            raise ConfigError(f"transitions 'bio' needs labelled files, got restore {wanted[0]!r}")
        if not self.outside:
            raise ConfigError("outside must be a label, got ''")


@dataclass(frozen=True, kw_only=True)
class TaggerRunConfig(ItemRunConfig):
    """The configuration of a run of ``nextchar tag``."""

    # Tuned on Korean spacing (benchmarks/spacing.py).
    USUAL: ClassVar[Mapping[str, Any]] = {
        "batch_size": 64,
        "epochs": 8.0,
        "hidden_size": 128,
        "embedding_size": 64,
        "dropout": 0.3,
        "input_dropout": 0.2,
        "precision": "float32",
    }
    # Long items are read in windows: there is no maximum length.
    WITHOUT: ClassVar[frozenset[str]] = ItemRunConfig.WITHOUT | {"max_length"}

    tagging: TaggingConfig

    def __post_init__(self) -> None:
        if self.items.vocabulary == "word":
            raise ConfigError(
                "vocabulary must be char, byte or jamo, because characters are labelled; got 'word'"
            )
        rare = {
            "min_count": self.items.min_count > 1,
            "symbol_dropout": self.tagging.symbol_dropout,
        }
        if self.items.vocabulary == "byte" and any(rare.values()):
            name = next(name for name, is_set in rare.items() if is_set)
            raise ConfigError(f"vocabulary 'byte' has no <unk>: {name} cannot be set with it")
        if self.tagging.ngrams > 1 and self.network.input != "embedding":
            raise ConfigError(
                f"ngrams {self.tagging.ngrams} needs input 'embedding', "
                f"got input {self.network.input!r}"
            )

    @classmethod
    def completed(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Disable symbol dropout for bytes, which lack ``<unk>``, and n-grams for one-hot input."""
        if options.get("vocabulary") == "byte":
            options = {"symbol_dropout": 0.0, **options}
        if options.get("input") == "onehot":
            options = {"ngrams": 1, **options}
        return super().completed(options)

"""The choices about tagging: a label for each character of an item."""

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
    """What the labels are, and how they are chosen."""

    restore: str | None = option(
        None,
        "What is put back into plain text, which makes the labels: spaces, case, diacritics, "
        "punctuation, or several, as case+punctuation. None: files with labels.",
    )
    outside: str = option(
        "O", "The label of files that says nothing: no precision or recall is counted for it."
    )
    bidirectional: bool = option(True, "Read in both directions, or only what stands before.")
    ngrams: int = option(
        4, "Longest n-grams of symbols that have vectors too; 1 is none.", at_least=1, at_most=16
    )  # fmt: skip
    ngram_buckets: int = option(
        1 << 16, "Rows of the table that n-grams are hashed to.", at_least=1, at_most=1 << 30
    )  # fmt: skip
    ngram_dropout: float = option(
        0.5, "Share of the n-grams that are left out in a step.", at_least=0, below=1
    )  # fmt: skip
    symbol_dropout: float = option(
        0.02, "Probability that a symbol is read as <unk> in training, to know what to make of it.",
        at_least=0, below=1,
    )  # fmt: skip
    window: int = option(
        256, "Characters that are read together: of longer items, overlapping pieces.",
        at_least=16, at_most=1 << 20,
    )  # fmt: skip
    transitions: Transitions = option(
        "free",
        "Which label may follow which: any, those that did in training, or by the rules of BIO.",
    )

    @property
    def kinds(self) -> tuple[RestorationKind, ...]:
        """What is put back, in the order of ``RESTORATION_KINDS``; nothing for labelled files."""
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
            raise ConfigError(f"transitions 'bio' is for labelled files, got restore {wanted[0]!r}")
        if not self.outside:
            raise ConfigError("outside must be a label, got ''")


@dataclass(frozen=True, kw_only=True)
class TaggerRunConfig(ItemRunConfig):
    """All choices of ``nextchar tag``."""

    # Measured on Korean spacing (benchmarks/spacing.py).
    USUAL: ClassVar[Mapping[str, Any]] = {
        "batch_size": 64,
        "epochs": 8.0,
        "hidden_size": 128,
        "embedding_size": 64,
        "dropout": 0.3,
        "input_dropout": 0.2,
        "precision": "float32",
    }
    # Long items are read in windows: none is too long.
    WITHOUT: ClassVar[frozenset[str]] = ItemRunConfig.WITHOUT | {"max_length"}

    tagging: TaggingConfig

    def __post_init__(self) -> None:
        if self.items.vocabulary == "word":
            raise ConfigError(
                "vocabulary must be char, byte or jamo: a label is for a character; got 'word'"
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
                f"ngrams {self.tagging.ngrams} embeds runs of symbols and needs input 'embedding', "
                f"got input {self.network.input!r}"
            )

    @classmethod
    def completed(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add what follows: bytes have no ``<unk>``, and one-hot symbols no n-grams."""
        if options.get("vocabulary") == "byte":
            options = {"symbol_dropout": 0.0, **options}
        if options.get("input") == "onehot":
            options = {"ngrams": 1, **options}
        return super().completed(options)

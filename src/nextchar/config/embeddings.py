"""Configuration of symbol embeddings, learned from the contexts of symbols in a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from nextchar.config.checking import Section, option
from nextchar.config.run_config import RunConfig
from nextchar.config.text import DecodingErrors, Normalization, SymbolKind, TextConfig

EmbeddingMethod = Literal["skipgram", "cbow"]


@dataclass(frozen=True, kw_only=True)
class EmbeddingConfig(Section):
    """Training of symbol embeddings (Mikolov et al. 2013, with negative sampling)."""

    OLDER_NAMES: ClassVar[Mapping[str, str]] = {"passes": "epochs"}

    vocabulary: SymbolKind = option(
        "char", "Symbols: char, byte, jamo, or word (without white space)."
    )
    method: EmbeddingMethod = option(
        "skipgram", "Predict the context from the symbol (skipgram), or the reverse (cbow)."
    )
    size: int = option(100, "Size of the embeddings (E).", at_least=1, at_most=1 << 16)
    window: int = option(
        5, "Maximum context on each side, in symbols; the size is sampled at every position.",
        at_least=1, at_most=1000,
    )  # fmt: skip
    negative: int = option(5, "Negative samples for each context symbol.", at_least=1, at_most=1000)
    epochs: int = option(5, "Training epochs over the text.", at_least=1, at_most=100_000)
    min_count: int | None = option(
        None, "Symbols rarer than this become <unk>; if not set, 5 for words, otherwise 1.",
        at_least=1, at_most=1 << 50,
    )  # fmt: skip
    sample: float | None = option(
        None,
        "Symbols with a larger share of the text are subsampled; 0 disables it. If not set, "
        "0.001 for words, otherwise 0.",
        at_least=0, below=1,
    )  # fmt: skip
    learning_rate: float = option(
        0.025, "Initial learning rate; it decays to 0.0001.", above=0, at_most=1
    )
    seed: int = option(0, "Seed of the random generators.", at_least=0, at_most=(1 << 32) - 1)
    workers: int = option(
        1, "Number of threads; results are reproducible only with one.",
        at_least=1, at_most=1024,
    )  # fmt: skip
    normalization: Normalization = option("none", "Unicode normalisation of the text.")
    encoding: str = option("utf-8", "Encoding of the files.")
    errors: DecodingErrors = option("strict", "Treatment of bytes that cannot be decoded.")
    max_compression_ratio: int = option(
        100, "Maximum compression ratio of a compressed file, beyond 10 MB.",
        at_least=1, at_most=1 << 50,
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        self.reading  # noqa: B018  (raises for options that are incompatible with bytes)

    @property
    def reading(self) -> TextConfig:
        """The configuration for reading the files."""
        return TextConfig(
            vocabulary="byte" if self.vocabulary == "byte" else "char",
            normalization=self.normalization,
            encoding=self.encoding,
            errors=self.errors,
            max_compression_ratio=self.max_compression_ratio,
        )

    @property
    def least_count(self) -> int:
        """Minimum occurrences of a symbol."""
        if self.min_count is not None:
            return self.min_count
        return 5 if self.vocabulary == "word" else 1

    @property
    def sampled_share(self) -> float:
        """Share of the text above which a symbol is subsampled; 0 disables subsampling."""
        if self.sample is not None:
            return self.sample
        return 1e-3 if self.vocabulary == "word" else 0.0


@dataclass(frozen=True, kw_only=True)
class EmbeddingRunConfig(RunConfig):
    """The configuration of ``nextchar embeddings train``."""

    vectors: EmbeddingConfig

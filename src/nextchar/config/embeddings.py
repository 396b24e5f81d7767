"""The choices about vectors of symbols that are learned from their neighbours in a text."""

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
    """How vectors of symbols are learned (Mikolov et al. 2013, with negative sampling)."""

    OLDER_NAMES: ClassVar[Mapping[str, str]] = {"passes": "epochs"}

    vocabulary: SymbolKind = option(
        "char", "Symbols: char, byte, jamo, or word (white space only parts them)."
    )
    method: EmbeddingMethod = option(
        "skipgram", "Predict the neighbours from a symbol (skipgram) or it from them (cbow)."
    )
    size: int = option(100, "Numbers in a vector (E).", at_least=1, at_most=1 << 16)
    window: int = option(
        5, "How far a neighbour is away at most; drawn anew at each place.",
        at_least=1, at_most=1000,
    )  # fmt: skip
    negative: int = option(
        5, "Random symbols that each true neighbour is told from.", at_least=1, at_most=1000
    )
    epochs: int = option(5, "How often the text is read.", at_least=1, at_most=100_000)
    min_count: int | None = option(
        None, "Symbols rarer than this become <unk>; if not set, 5 for words, otherwise 1.",
        at_least=1, at_most=1 << 50,
    )  # fmt: skip
    sample: float | None = option(
        None,
        "Symbols with a larger share of the text are left out now and then; 0 is never. "
        "If not set, 0.001 for words, otherwise 0.",
        at_least=0, below=1,
    )  # fmt: skip
    learning_rate: float = option(
        0.025, "Rate at the start; it falls to 0.0001.", above=0, at_most=1
    )
    seed: int = option(0, "Seed of all that is random.", at_least=0, at_most=(1 << 32) - 1)
    workers: int = option(
        1, "Threads; with more than one, a seed does not give the same vectors again.",
        at_least=1, at_most=1024,
    )  # fmt: skip
    normalization: Normalization = option("none", "Unicode normalisation of the text.")
    encoding: str = option("utf-8", "Encoding of the files.")
    errors: DecodingErrors = option("strict", "What to do with bytes that cannot be decoded.")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.reading  # noqa: B018  (says at once what goes with no bytes)

    @property
    def reading(self) -> TextConfig:
        """How the files are read."""
        return TextConfig(
            vocabulary="byte" if self.vocabulary == "byte" else "char",
            normalization=self.normalization,
            encoding=self.encoding,
            errors=self.errors,
        )

    @property
    def least_count(self) -> int:
        """How often a symbol has to occur."""
        if self.min_count is not None:
            return self.min_count
        return 5 if self.vocabulary == "word" else 1

    @property
    def sampled_share(self) -> float:
        """The share of the text above which a symbol is left out now and then; 0 is never."""
        if self.sample is not None:
            return self.sample
        return 1e-3 if self.vocabulary == "word" else 0.0


@dataclass(frozen=True, kw_only=True)
class EmbeddingRunConfig(RunConfig):
    """All choices about vectors, as the command line has them."""

    vectors: EmbeddingConfig

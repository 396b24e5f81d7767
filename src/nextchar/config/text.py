"""The choices about the text: how it becomes symbols, what is held out, what is added to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from nextchar.config.checking import Section, option
from nextchar.errors import ConfigError

VocabularyKind = Literal["char", "byte", "jamo"]  # what a language model can have
SymbolKind = Literal["char", "byte", "jamo", "word"]  # what tasks and embeddings can have
DecodingErrors = Literal["strict", "replace", "ignore", "backslashreplace"]
Normalization = Literal["none", "nfc"]
Shuffled = Literal["none", "lines", "paragraphs"]
Edit = Literal[
    "swap", "drop", "repeat", "neighbor", "case", "word_drop", "word_swap", "synonym"
]  # fmt: skip
CHARACTER_EDITS: tuple[Edit, ...] = ("swap", "drop", "repeat", "neighbor", "case")
WORD_EDITS: tuple[Edit, ...] = ("word_drop", "word_swap", "synonym")


def _probability(what: str) -> Any:  # noqa: ANN401  (as option)
    return option(0.0, f"Probability that {what}.", at_least=0, at_most=1)


@dataclass(frozen=True, kw_only=True)
class TextConfig(Section):
    """How files become a sequence of symbols, and which part of it is held out."""

    vocabulary: VocabularyKind = option(
        "char",
        "Symbols: char (code points), byte (256, nothing is unknown), jamo (Hangul decomposed).",
    )
    min_count: int = option(1, "Symbols rarer than this become <unk>.", at_least=1, at_most=1 << 50)
    normalization: Normalization = option("none", "Unicode normalisation of the text.")
    encoding: str = option("utf-8", "Encoding of the files.")
    errors: DecodingErrors = option("strict", "What to do with bytes that cannot be decoded.")
    validation_fraction: float = option(
        0.1, "Share of the text held out for validation, at its end.", at_least=0, below=1
    )
    test_fraction: float = option(
        0.0, "Share of the text held out for testing, before the validation part.",
        at_least=0, below=1,
    )  # fmt: skip
    folds: int = option(
        0, "Cut the text into so many equal pieces, of which one is held out; 0 is not at all.",
        at_least=0, at_most=1 << 50,
    )  # fmt: skip
    fold: int = option(1, "Which of --folds is held out for validation, from 1.", at_least=1)

    @property
    def holds_out(self) -> bool:
        """Whether some of the text is held out for validation."""
        return self.validation_fraction > 0 or self.folds > 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_folds()
        if self.validation_fraction + self.test_fraction >= 1:
            raise ConfigError(
                f"validation_fraction + test_fraction must be below 1, got "
                f"{self.validation_fraction} + {self.test_fraction}"
            )
        if self.vocabulary == "byte" and (self.encoding, self.errors, self.normalization) != (
            "utf-8",
            "strict",
            "none",
        ):
            raise ConfigError(
                "vocabulary 'byte' takes the bytes as they are: encoding, errors and "
                "normalization cannot be set with it"
            )
        if self.vocabulary == "byte" and self.min_count > 1:
            raise ConfigError(
                f"vocabulary 'byte' has no rare symbols: min_count must be 1, got {self.min_count}"
            )

    def _check_folds(self) -> None:
        if self.folds == 1:
            raise ConfigError("folds must be 0 or at least 2, got 1")
        if self.fold > max(1, self.folds):
            raise ConfigError(
                f"fold must be 1 to the number of folds, got fold {self.fold} of {self.folds}"
            )
        if self.folds and self.validation_fraction + self.test_fraction > 0:
            raise ConfigError(
                f"folds {self.folds} says what is held out: validation_fraction and test_fraction "
                f"must be 0, got {self.validation_fraction} and {self.test_fraction}"
            )


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig(Section):
    """How copies of the training part are altered, to be learned from beside it.

    Of the edits of characters each character meets at most one, and of those of words each word;
    so the probabilities of either group have a sum of at most 1.
    """

    augment_copies: int = option(
        1, "Altered copies of the training part beside itself, if an edit is set.",
        at_least=0, at_most=1000,
    )  # fmt: skip
    augment_swap: float = _probability("a character changes places with the next")
    augment_drop: float = _probability("a character is left out")
    augment_repeat: float = _probability("a character is written twice")
    augment_neighbor: float = _probability("the key beside a character is hit (QWERTY, two-set)")
    augment_case: float = _probability("a letter changes its case")
    augment_word_drop: float = _probability("a word is left out")
    augment_word_swap: float = _probability("a word changes places with the next of its line")
    augment_synonym: float = _probability("a word of the table --synonyms is replaced")
    synonyms: str | None = option(
        None, "Words and what may replace them: a .tsv or .csv file, a word first, or .json."
    )
    augment_shuffle: Shuffled = option("none", "What the copies have in another order.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for what, group in (("characters", CHARACTER_EDITS), ("words", WORD_EDITS)):
            total = sum(self.probability(edit) for edit in group)
            if total > 1 + 1e-9:
                raise ConfigError(
                    f"the probabilities of the edits of {what} must have a sum of at most 1, "
                    f"got {total:g}"
                )
        if (self.augment_synonym > 0) != (self.synonyms is not None):
            raise ConfigError(
                "augment_synonym and synonyms need each other, got "
                f"{self.augment_synonym} and {self.synonyms}"
            )
        if self.augment_copies > 1 and not self.edits:
            raise ConfigError(
                f"augment_copies {self.augment_copies} would be copies without a change: set an "
                "edit, such as augment_swap"
            )

    def probability(self, edit: Edit) -> float:
        """Give the probability of an edit, for each character or word that it could be made on."""
        value: float = getattr(self, f"augment_{edit}")
        return value

    @property
    def edits(self) -> bool:
        """Whether anything is altered at all."""
        each = any(self.probability(edit) > 0 for edit in (*CHARACTER_EDITS, *WORD_EDITS))
        return each or self.augment_shuffle != "none"

    @property
    def copies(self) -> int:
        """How many altered copies there are."""
        return self.augment_copies if self.edits else 0

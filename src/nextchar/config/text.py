"""Configuration of the text: encoding, train/validation split and augmentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from nextchar.config.checking import Section, option
from nextchar.errors import ConfigError

VocabularyKind = Literal["char", "byte", "jamo"]  # for language models
SymbolKind = Literal["char", "byte", "jamo", "word"]  # for tasks and embeddings
DecodingErrors = Literal["strict", "replace", "ignore", "backslashreplace"]
Normalization = Literal["none", "nfc"]
Shuffled = Literal["none", "lines", "paragraphs"]
Edit = Literal[
    "swap", "drop", "repeat", "neighbor", "case", "word_drop", "word_swap", "synonym"
]  # fmt: skip
CHARACTER_EDITS: tuple[Edit, ...] = ("swap", "drop", "repeat", "neighbor", "case")
WORD_EDITS: tuple[Edit, ...] = ("word_drop", "word_swap", "synonym")


def _probability(edit: str) -> Any:  # noqa: ANN401  (as option)
    return option(0.0, f"Probability of {edit}.", at_least=0, at_most=1)


@dataclass(frozen=True, kw_only=True)
class TextConfig(Section):
    """Encoding of files as a sequence of symbols, and the train/validation split."""

    vocabulary: VocabularyKind = option(
        "char",
        "Symbols: char (code points), byte (256, nothing is unknown), jamo (Hangul decomposed).",
    )
    min_count: int = option(1, "Symbols rarer than this become <unk>.", at_least=1, at_most=1 << 50)
    normalization: Normalization = option("none", "Unicode normalisation of the text.")
    encoding: str = option("utf-8", "Encoding of the files.")
    errors: DecodingErrors = option("strict", "Treatment of bytes that cannot be decoded.")
    max_compression_ratio: int = option(
        100, "Maximum compression ratio of a compressed file, beyond 10 MB.",
        at_least=1, at_most=1 << 50,
    )  # fmt: skip
    validation_fraction: float = option(
        0.1, "Share of the text held out for validation, at its end.", at_least=0, below=1
    )
    test_fraction: float = option(
        0.0, "Share of the text held out for testing, before the validation split.",
        at_least=0, below=1,
    )  # fmt: skip
    folds: int = option(
        0, "Number of equal folds of the text, one of them held out; 0 disables folds.",
        at_least=0, at_most=1 << 50,
    )  # fmt: skip
    fold: int = option(1, "Number of the fold held out for validation, from 1.", at_least=1)

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
                "vocabulary 'byte' reads bytes unchanged: encoding, errors and normalization "
                "cannot be set with it"
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
                f"folds {self.folds} determines the held-out text: validation_fraction and "
                f"test_fraction must be 0, got {self.validation_fraction} and {self.test_fraction}"
            )


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig(Section):
    """Data augmentation with altered copies of the training text.

    At most one edit applies to each character, and at most one to each word. The probabilities of
    the edits of characters, and those of words, therefore each sum to at most 1.
    """

    augment_copies: int = option(
        1, "Augmented copies added to the training text if an edit is set.",
        at_least=0, at_most=1000,
    )  # fmt: skip
    augment_swap: float = _probability("swapping a character with the next one")
    augment_drop: float = _probability("dropping a character")
    augment_repeat: float = _probability("repeating a character")
    augment_neighbor: float = _probability(
        "replacing a character by one on a neighbouring key (QWERTY, two-set)"
    )
    augment_case: float = _probability("changing the case of a letter")
    augment_word_drop: float = _probability("dropping a word")
    augment_word_swap: float = _probability("swapping a word with the next one in its line")
    augment_synonym: float = _probability("replacing a word by a synonym from --synonyms")
    synonyms: str | None = option(
        None, "File of words and their synonyms: .tsv or .csv, with the word first, or .json."
    )
    augment_shuffle: Shuffled = option("none", "Shuffle lines or paragraphs in augmented copies.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for unit, group in (("characters", CHARACTER_EDITS), ("words", WORD_EDITS)):
            total = sum(self.probability(edit) for edit in group)
            if total > 1 + 1e-9:
                raise ConfigError(
                    f"the probabilities of the edits of {unit} must sum to at most 1, got {total:g}"
                )
        if (self.augment_synonym > 0) != (self.synonyms is not None):
            raise ConfigError(
                "augment_synonym and synonyms must be set together, got "
                f"{self.augment_synonym} and {self.synonyms}"
            )
        if self.augment_copies > 1 and not self.edits:
            raise ConfigError(
                f"augment_copies {self.augment_copies} needs an edit: the copies would be "
                "unchanged; set an edit, such as augment_swap"
            )

    def probability(self, edit: Edit) -> float:
        """Return the probability of an edit, per character or word."""
        value: float = getattr(self, f"augment_{edit}")
        return value

    @property
    def edits(self) -> bool:
        """Whether any edit or shuffling is set."""
        each = any(self.probability(edit) > 0 for edit in (*CHARACTER_EDITS, *WORD_EDITS))
        return each or self.augment_shuffle != "none"

    @property
    def copies(self) -> int:
        """Number of augmented copies; 0 without edits."""
        return self.augment_copies if self.edits else 0

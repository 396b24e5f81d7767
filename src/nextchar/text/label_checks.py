"""Detection of suspicious labels: swapped columns, and labels at the end of lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from nextchar.errors import TextError, as_option
from nextchar.text.notes import counted

_LONGEST, _MOST_WORDS = 60, 5  # maximum characters and words in a plausible label
_SENTENCE_ENDS = ".!?…。！？"
_SHOWN = 40


class Labelled(Protocol):
    """A text with a label."""

    @property
    def place(self) -> str:
        """Location of the text, for messages."""

    @property
    def text(self) -> str:
        """The text."""

    @property
    def label(self) -> str:
        """The label; empty if there is none."""


def require_characters(labels: Iterable[str]) -> None:
    """Raise ``TextError`` if a label has a lone surrogate, which no file and no output can have."""
    for label in labels:
        try:
            label.encode()
        except UnicodeEncodeError as error:
            raise TextError(
                f"the label {label!a:.{_SHOWN}} has a lone surrogate "
                f"U+{ord(label[error.start]):04X} at character {error.start + 1}: it is not a "
                "character and has no UTF-8 encoding"
            ) from None


def check_labels(items: Sequence[Labelled], note: Callable[[str], None]) -> None:
    """Report labels that look like sentences, and data with mostly one item per label."""
    first = {item.label: item.place for item in reversed(items) if item.label}
    counts = Counter(item.label for item in items if item.label)
    single = [label for label in counts if counts[label] == 1]
    if _are_mostly_unique(counts):
        note(
            f"{len(single):,} of {len(counts):,} labels have one item each (the first: "
            f"{single[0][:_SHOWN]!r}, {first[single[0]]}): texts and labels may be swapped"
        )
    sentences = [label for label in counts if _is_like_a_sentence(label)]
    if sentences:
        many = counted(len(sentences), "label looks like a sentence", "labels look like sentences")
        note(
            f"{many}, of {len(counts):,} (the first: "
            f"{sentences[0][:_SHOWN]!r}, {first[sentences[0]]}): texts and labels may be swapped"
        )


def refuse_labels_at_end(items: Sequence[Labelled]) -> None:
    """Reject lines that seem to have the label at the end.

    A label at the end is assumed if the last fields repeat and have fewer distinct values than the
    first fields, and most first fields are unique or far more numerous.

    Raises
    ------
    TextError
        The labels seem to be at the end.
    """
    begins = Counter(item.label for item in items)
    words = [item.text.split()[-1] if item.text else "" for item in items]
    for ends in ([item.text for item in items], words):
        if all(map(_has_word, ends)) and _are_labels(Counter(ends), begins):
            raise TextError(
                f"{items[0].place}: the label seems to be at the end ({ends[0][:_SHOWN]!r}): a "
                "line must be a label, a tab or a space, and a text (in a .csv or .tsv file, "
                f"{as_option('text')} and {as_option('label')} select the columns)"
            )


def _are_labels(ends: Counter[str], begins: Counter[str]) -> bool:
    if not 2 <= len(ends) < len(begins):
        return False
    unique = _unique(ends)
    return (_are_mostly_unique(begins) and 2 * unique <= len(ends)) or (
        unique == 0 and len(begins) > 3 * len(ends)
    )


def _are_mostly_unique(counts: Counter[str]) -> bool:
    return len(counts) > 2 and 2 * _unique(counts) > len(counts)


def _unique(counts: Counter[str]) -> int:
    return sum(count == 1 for count in counts.values())


def _has_word(text: str) -> bool:
    return any(map(str.isalnum, text))


def _is_like_a_sentence(label: str) -> bool:
    words = len(label.split())
    return (
        len(label) > _LONGEST
        or words > _MOST_WORDS
        or (words > 2 and label.endswith(tuple(_SENTENCE_ENDS)))
    )

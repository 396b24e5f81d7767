"""Suspicious labels: swapped columns, lines with the label at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from nextchar.errors import TextError, as_option
from nextchar.text.notes import counted

_LONGEST, _MOST_WORDS = 60, 5  # maximal characters and words of a plausible label
_SENTENCE_ENDS = ".!?…。！？"
_SHOWN = 40


class Labelled(Protocol):
    """A text with a label."""

    @property
    def place(self) -> str:
        """Its place, for messages."""

    @property
    def text(self) -> str:
        """The text."""

    @property
    def label(self) -> str:
        """Its label; empty if it has none."""


def check_labels(items: Sequence[Labelled], note: Callable[[str], None]) -> None:
    """Note if most labels have one item each, or if labels look like sentences."""
    first = {item.label: item.place for item in reversed(items) if item.label}
    counts = Counter(item.label for item in items if item.label)
    single = [label for label in counts if counts[label] == 1]
    if _are_mostly_single(counts):
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
    """Refuse lines split into labels and texts whose labels are at the end.

    That is assumed if the distinct ends of lines are fewer than the beginnings, and repeat, while
    most beginnings occur once or are far more numerous.

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
                "line is a label, a tab or a blank, and a text (in a .csv or .tsv file "
                f"{as_option('text')} and {as_option('label')} say which column is which)"
            )


def _are_labels(ends: Counter[str], begins: Counter[str]) -> bool:
    if not 2 <= len(ends) < len(begins):
        return False
    single = _singles(ends)
    return (_are_mostly_single(begins) and 2 * single <= len(ends)) or (
        single == 0 and len(begins) > 3 * len(ends)
    )


def _are_mostly_single(counts: Counter[str]) -> bool:
    return len(counts) > 2 and 2 * _singles(counts) > len(counts)


def _singles(counts: Counter[str]) -> int:
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

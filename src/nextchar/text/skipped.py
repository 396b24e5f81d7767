"""Characters skipped in evaluation: the number of unknown ones, and the first."""

from __future__ import annotations

from dataclasses import dataclass

from nextchar.text.places import Place
from nextchar.text.vocabulary import Unknown, Vocabulary


@dataclass(frozen=True, kw_only=True)
class SkippedCharacter:
    """An unknown character, and its line and column, both from 1."""

    character: str
    line: int
    column: int


class Skipped:
    """Counts the skipped characters of a text that comes piece by piece, and finds the first.

    Attributes
    ----------
    count
        Number so far.
    first
        The first of them, or ``None``.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.count = 0
        self.first: SkippedCharacter | None = None
        self._vocabulary = vocabulary
        self._place = Place()

    def add(self, piece: str, count: int) -> None:
        """Read the next piece, of which this many characters are skipped."""
        self.count += count
        if self.first is not None:
            return
        if count:
            known = {each: self._vocabulary.knows(each) for each in set(piece)}
            at = next((n for n, each in enumerate(piece) if not known[each]), None)
            if at is not None:
                place = self._place.after(piece[:at])
                self.first = SkippedCharacter(
                    character=piece[at], line=place.line, column=place.column
                )
                return
        self._place = self._place.after(piece)


def measured_as(vocabulary: Vocabulary, unknown: Unknown | None) -> Unknown:
    """Return the default treatment of unknown symbols in evaluation.

    They are ``<unk>`` if the vocabulary has it, as in training, and otherwise skipped and counted.
    """
    if unknown is not None:
        return unknown
    return "skip" if vocabulary.unknown_id is None else "replace"

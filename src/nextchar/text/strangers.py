"""The characters of a text that a vocabulary does not have: their number, and the first one."""

from __future__ import annotations

from dataclasses import dataclass

from nextchar.text.vocabulary import Unknown, Vocabulary


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """A character that a vocabulary does not have, and where it stands; both count from 1."""

    character: str
    line: int
    column: int


class Strangers:
    """Finds the first stranger in a text that comes piece by piece, and counts them.

    Attributes
    ----------
    count
        Those so far.
    first
        The first of them, or ``None``.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.count = 0
        self.first: Stranger | None = None
        self._vocabulary = vocabulary
        self._line, self._column = 1, 1

    def add(self, piece: str, count: int) -> None:
        """Take the next piece, in which so many characters are strangers."""
        self.count += count
        if self.first is not None:
            return
        if count:
            known = {each: self._vocabulary.knows(each) for each in set(piece)}
            place = next((n for n, each in enumerate(piece) if not known[each]), len(piece))
            self._pass(piece[:place])
            if place < len(piece):
                self.first = Stranger(character=piece[place], line=self._line, column=self._column)
                return
            piece = ""
        self._pass(piece)

    def _pass(self, text: str) -> None:
        breaks = text.count("\n")
        self._line += breaks
        self._column = len(text) - text.rfind("\n") if breaks else self._column + len(text)


def measured_as(vocabulary: Vocabulary, unknown: Unknown | None) -> Unknown:
    """Give what a measurement does with unknown symbols where nothing is said.

    They are ``<unk>`` where the vocabulary has one, as in training, and else left out and counted.
    """
    if unknown is not None:
        return unknown
    return "skip" if vocabulary.unknown_id is None else "replace"

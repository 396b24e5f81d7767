"""Counts of unknown symbols in texts, and the position of the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nextchar.text.places import Place
from nextchar.text.vocabularies.base import UNKNOWN_NAME, Unknown, Vocabulary
from nextchar.text.vocabularies.word import WordVocabulary, split_words

_NAMED = 5


def default_treatment(vocabulary: Vocabulary, unknown: Unknown | None) -> Unknown:
    """Return the treatment of unknown symbols in evaluation, by default that of training.

    The default is ``<unk>`` if the vocabulary has it; otherwise, unknown symbols are skipped.
    """
    if unknown is not None:
        return unknown
    return "skip" if vocabulary.unknown_id is None else "replace"


@dataclass(frozen=True, kw_only=True)
class SkippedCharacter:
    """An unknown character, and its line and column, both from 1."""

    character: str
    line: int
    column: int


class UnknownSymbols:
    """Counts the unknown symbols of texts, or of the pieces of a text.

    Parameters
    ----------
    vocabulary
        The vocabulary; for words, white space is not counted, because tasks ignore it.
    knows
        Predicate for known characters; defaults to that of the vocabulary.

    Attributes
    ----------
    count
        Occurrences of unknown characters or words.
    first
        Location of the first, for messages; empty if there is none.
    first_skipped
        The first unknown character; set only if texts are read at a ``Place``.
    """

    def __init__(
        self, vocabulary: Vocabulary, *, knows: Callable[[str], bool] | None = None
    ) -> None:
        self.count = 0
        self.first = ""
        self.first_skipped: SkippedCharacter | None = None
        self._is_words = isinstance(vocabulary, WordVocabulary)
        self._knows = vocabulary.knows if knows is None else knows
        self._known: dict[str, bool] = {}

    @property
    def symbols(self) -> list[str]:
        """The distinct unknown symbols, sorted."""
        return sorted(symbol for symbol, known in self._known.items() if not known)

    def read(self, text: str, place: Place | str = "") -> int:
        """Read a text, or its next piece, and return the number of unknown symbols in it.

        Parameters
        ----------
        place
            Start of the text; or a location that precedes the column in messages, such as
            ``"names.csv, line 3"``.
        """
        symbols: Sequence[str] = split_words(text) if self._is_words else text
        distinct = set(symbols)
        for symbol in distinct - self._known.keys():
            is_space = self._is_words and symbol.isspace()
            self._known[symbol] = is_space or self._knows(symbol)
        unknown = {symbol for symbol in distinct if not self._known[symbol]}
        count = sum(symbols.count(symbol) for symbol in unknown)
        self.count += count
        if count and not self.first:
            number = next(number for number, symbol in enumerate(symbols) if symbol in unknown)
            self._locate(symbols[number], text[: sum(map(len, symbols[:number]))], place)
        return count

    def _locate(self, symbol: str, before: str, place: Place | str) -> None:
        """Set the location of the first unknown symbol."""
        if isinstance(place, Place):
            found = place.after(before)
            self.first = str(found)
            self.first_skipped = SkippedCharacter(
                character=symbol, line=found.line, column=found.column
            )
        else:
            column = f"column {len(before) + 1}"
            self.first = f"{place}, {column}" if place else column

    def note(self, *, unknown: Unknown = "replace") -> str:
        """Return a one-line summary; empty if all symbols are known.

        Parameters
        ----------
        unknown
            The treatment of unknown symbols.
        """
        if not self.count:
            return ""
        named = ", ".join(map(repr, self.symbols[:_NAMED])) + ", …" * (len(self.symbols) > _NAMED)
        noun = "word" if self._is_words else "character"
        are = f"{noun} is" if self.count == 1 else f"{noun}s are"
        treated = "skipped" if unknown == "skip" else f"read as {UNKNOWN_NAME}"
        return (
            f"{self.count:,} {are} not in the vocabulary and {treated}: {named}; the first at "
            f"{self.first}"
        )

"""Symbols of texts that a vocabulary does not have: how many, and where the first stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nextchar.text.places import Place
from nextchar.text.vocabularies.base import UNKNOWN_NAME, Unknown
from nextchar.text.vocabularies.word import split_words
from nextchar.text.vocabulary import Vocabulary, WordVocabulary

_NAMED = 5


class UnknownSymbols:
    """Counts what a vocabulary does not know in texts that are read one after the other.

    Parameters
    ----------
    vocabulary
        What knows symbols; of words, spaces are not asked for, as tasks do not read them.
    knows
        Whether a character is known, where that is not for the vocabulary alone to say.

    Attributes
    ----------
    count
        Characters that are not known, or words; each time that they occur.
    first
        The place of the first; empty if there is none.
    """

    def __init__(
        self, vocabulary: Vocabulary, *, knows: Callable[[str], bool] | None = None
    ) -> None:
        self.count = 0
        self.first = ""
        self._is_words = isinstance(vocabulary, WordVocabulary)
        self._knows = vocabulary.knows if knows is None else knows
        self._known: dict[str, bool] = {}

    @property
    def symbols(self) -> list[str]:
        """Those that are not known, sorted."""
        return sorted(symbol for symbol, known in self._known.items() if not known)

    def read(self, text: str, place: Place | str = "") -> None:
        """Read a text, or the next piece of one.

        Parameters
        ----------
        place
            Where it begins; or of what the column is then told, such as ``"names.csv, line 3"``.
        """
        symbols: Sequence[str] = split_words(text) if self._is_words else text
        different = set(symbols)
        for symbol in different - self._known.keys():
            is_gap = self._is_words and symbol.isspace()
            self._known[symbol] = is_gap or self._knows(symbol)
        unknown = {symbol for symbol in different if not self._known[symbol]}
        if not unknown:
            return
        self.count += sum(symbols.count(symbol) for symbol in unknown)
        if not self.first:
            first = next(number for number, symbol in enumerate(symbols) if symbol in unknown)
            index = sum(map(len, symbols[:first]))
            if isinstance(place, Place):
                self.first = str(place.after(text[:index]))
            else:
                self.first = f"{place}, column {index + 1}" if place else f"column {index + 1}"

    def note(self, *, unknown: Unknown = "replace") -> str:
        """Tell what was met in one line; nothing if all was known.

        Parameters
        ----------
        unknown
            What was done with it.
        """
        if not self.count:
            return ""
        named = ", ".join(map(repr, self.symbols[:_NAMED])) + ", …" * (len(self.symbols) > _NAMED)
        what = "word" if self._is_words else "character"
        are = f"{what} is" if self.count == 1 else f"{what}s are"
        done = "left out" if unknown == "skip" else f"read as {UNKNOWN_NAME}"
        return (
            f"{self.count:,} {are} not in the vocabulary and {done}: {named}; the first at "
            f"{self.first}"
        )

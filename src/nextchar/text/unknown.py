"""Counts of unknown symbols in texts, and the place of the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nextchar.text.places import Place
from nextchar.text.vocabularies.base import UNKNOWN_NAME, Unknown
from nextchar.text.vocabularies.word import split_words
from nextchar.text.vocabulary import Vocabulary, WordVocabulary

_NAMED = 5


class UnknownSymbols:
    """Counts the unknown symbols of texts that are read one after the other.

    Parameters
    ----------
    vocabulary
        The vocabulary; for words, spaces are not checked, as tasks do not read them.
    knows
        Predicate for known characters, if the vocabulary alone does not decide.

    Attributes
    ----------
    count
        Occurrences of unknown characters, or words.
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
        """The unknown symbols, sorted."""
        return sorted(symbol for symbol, known in self._known.items() if not known)

    def read(self, text: str, place: Place | str = "") -> None:
        """Read a text, or the next piece of one.

        Parameters
        ----------
        place
            Its beginning; or a prefix for the column, such as ``"names.csv, line 3"``.
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
        """Return a one-line summary; empty if all symbols were known.

        Parameters
        ----------
        unknown
            The treatment of unknown symbols.
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

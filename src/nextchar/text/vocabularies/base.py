"""The interface of all vocabularies.

Legend: V symbols, n ids.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nextchar.config import SymbolKind
from nextchar.errors import (
    PLACE,
    CharacterError,
    TextError,
    UnknownSymbolsError,
    as_option,
)
from nextchar.text.places import place_in

Ids: TypeAlias = NDArray[np.unsignedinteger]
Unknown: TypeAlias = Literal["error", "skip", "replace"]

UNKNOWN_NAME = "<unk>"
REPLACEMENT = "\ufffd"  # displays <unk> in text
LISTED_SYMBOLS = 10


class Decoder(Protocol):
    """An incremental decoder of ids to text."""

    def feed(self, ids: ArrayLike) -> str:
        """Read ids [n] and return the text that later ids cannot change."""

    def flush(self) -> str:
        """Return the buffered text, and reset the decoder."""


class Vocabulary(ABC):
    """A fixed set of symbols, numbered 0 to V - 1.

    Attributes
    ----------
    kind
        ``"char"``, ``"byte"``, ``"jamo"`` or ``"word"``.
    unknown_id
        The id of ``<unk>``, or ``None`` if the vocabulary has none.
    """

    kind: ClassVar[SymbolKind]
    unknown_id: int | None = None

    @property
    @abstractmethod
    def symbols(self) -> tuple[str, ...]:
        """A printable name for each id."""

    @property
    @abstractmethod
    def keys(self) -> tuple[str, ...]:
        """The unescaped symbols, as stored in JSON and matched with other vocabularies."""

    @property
    @abstractmethod
    def starts_character(self) -> NDArray[np.bool_]:
        """Whether each symbol starts a character of the text, bool[V]."""

    @abstractmethod
    def encode(self, text: str, *, unknown: Unknown = "error") -> Ids:
        """Encode a text as ids.

        Parameters
        ----------
        text
            Any text.
        unknown
            The treatment of unknown symbols: raise an error, skip them, or replace them with
            ``<unk>``.

        Returns
        -------
        Ids
            The ids [n] in ``dtype``.

        Raises
        ------
        UnknownSymbolsError
            The text has unknown symbols, and ``unknown`` is ``"error"``, or ``"replace"`` without
            ``<unk>`` in the vocabulary.
        TextError
            The text has a lone surrogate, which is not a character.
        """

    @abstractmethod
    def decoder(self) -> Decoder:
        """Return an incremental decoder."""

    @abstractmethod
    def to_dict(self) -> dict[str, object]:
        """Return the vocabulary as JSON values; ``from_dict`` is the inverse."""

    def knows(self, character: str) -> bool:
        """Return whether a character can be encoded without ``<unk>``."""
        return len(self.encode(character, unknown="skip")) > 0

    def decode(self, ids: ArrayLike) -> str:
        """Decode ids [n] to text; every sequence of ids is valid.

        Raises
        ------
        TextError
            An id is outside 0 to V - 1.
        """
        decoder = self.decoder()
        return decoder.feed(ids) + decoder.flush()

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """The smallest unsigned integer type for the ids."""
        return np.min_scalar_type(len(self) - 1)

    def __len__(self) -> int:
        return len(self.symbols)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self):,} symbols>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.kind, self.symbols))

    def checked(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Return ids [n] as an array; ``TextError`` if an id is not in the vocabulary."""
        array = np.asarray(ids, dtype=np.int64)
        outside = array[(array < 0) | (array >= len(self))]
        if outside.size:
            raise TextError(
                f"id {outside[0]} is not in the vocabulary: ids are 0 to {len(self) - 1}"
            )
        return array


def unknown_symbols(
    symbols: Sequence[str],
    vocabulary: Vocabulary,
    unknown: Unknown,
    text: str,
    first: str,
    index: int,
) -> UnknownSymbolsError:
    """Return the error for the unknown symbols of a text, with remedies.

    Parameters
    ----------
    first, index
        The first unknown character or word of the text, and its position.
    """
    more = len(symbols) - LISTED_SYMBOLS
    named = f"unknown symbols {', '.join(map(repr, symbols[:LISTED_SYMBOLS]))}"
    named += f" and {more} more" if more > 0 else ""
    place = f"the first at {PLACE}"
    skip = f"{as_option('unknown', 'skip')} drops them"
    if unknown == "replace":
        message = (
            f"{named} cannot be replaced: the vocabulary has no {UNKNOWN_NAME} (training with "
            f"{as_option('min_count', 2)} adds it for rare symbols), {place}; {skip}"
        )
    else:
        message = f"{named}: not among the {len(vocabulary)} symbols of the vocabulary, {place}; "
        message += skip
        if vocabulary.unknown_id is not None:
            message += f", {as_option('unknown', 'replace')} reads them as {UNKNOWN_NAME}"
    return UnknownSymbolsError(message, character=first, place=str(place_in(text, index)))


def printable(symbol: str) -> str:
    """Return a symbol, with escapes if it is not printable."""
    return symbol if symbol.isprintable() else symbol.encode("unicode_escape").decode("ascii")


def lone_surrogate(error: UnicodeEncodeError, text: str, start: int = 0) -> CharacterError:
    """Return the error for a lone surrogate in a text encoded from position ``start``."""
    character = error.object[error.start]
    place = place_in(text, start + error.start)
    return CharacterError(
        f"lone surrogate U+{ord(character):04X} at {PLACE}: it is not a character and has no UTF-8 "
        "encoding",
        character=character,
        place=str(place),
    )

"""What every vocabulary can do.

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
REPLACEMENT = "\ufffd"  # how <unk> is shown in text
LISTED_SYMBOLS = 10


class Decoder(Protocol):
    """Ids to text, piece by piece."""

    def feed(self, ids: ArrayLike) -> str:
        """Take ids [n]; give all text that later ids cannot change."""

    def flush(self) -> str:
        """Give what was held back; the decoder is then as new."""


class Vocabulary(ABC):
    """A fixed set of symbols, numbered 0 to V - 1.

    Attributes
    ----------
    kind
        ``"char"``, ``"byte"``, ``"jamo"`` or ``"word"``.
    unknown_id
        The id of ``<unk>``, or ``None`` where the vocabulary has none.
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
        """Each symbol as it is: what names it in JSON, and in other vocabularies of its kind."""

    @property
    @abstractmethod
    def starts_character(self) -> NDArray[np.bool_]:
        """Whether each symbol begins an original character, bool[V]."""

    @abstractmethod
    def encode(self, text: str, *, unknown: Unknown = "error") -> Ids:
        """Turn text into ids.

        Parameters
        ----------
        text
            Any text.
        unknown
            What to do with symbols that the vocabulary does not have: raise, leave them out, or
            read them as ``<unk>``.

        Returns
        -------
        Ids
            ids [n] in ``dtype``.

        Raises
        ------
        UnknownSymbolsError
            Unknown symbols, with ``"error"``, or with ``"replace"`` and no ``<unk>``.
        TextError
            A lone surrogate, which is no character.
        """

    @abstractmethod
    def decoder(self) -> Decoder:
        """Make a decoder for ids that come piece by piece."""

    @abstractmethod
    def to_dict(self) -> dict[str, object]:
        """Give the vocabulary as JSON can hold it; ``from_dict`` reads it back."""

    def knows(self, character: str) -> bool:
        """Tell whether a character can be encoded without ``<unk>``."""
        return len(self.encode(character, unknown="skip")) > 0

    def decode(self, ids: ArrayLike) -> str:
        """Turn ids [n] into text; every sequence of ids has one.

        Raises
        ------
        TextError
            An id outside 0 to V - 1.
        """
        decoder = self.decoder()
        return decoder.feed(ids) + decoder.flush()

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """The smallest unsigned type that holds every id."""
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
        """Give ids [n] as an array, or raise ``TextError`` if one is not in the vocabulary."""
        array = np.asarray(ids, dtype=np.int64)
        outside = array[(array < 0) | (array >= len(self))]
        if outside.size:
            raise TextError(
                f"id {outside[0]} is not in the vocabulary: ids are 0 to {len(self) - 1}"
            )
        return array


def unknown_symbols(
    strangers: Sequence[str],
    vocabulary: Vocabulary,
    unknown: Unknown,
    text: str,
    first: str,
    index: int,
) -> UnknownSymbolsError:
    """Return the error for unknown symbols of a text, with remedies.

    Parameters
    ----------
    first, index
        The first unknown character or word of the text, and its position.
    """
    more = len(strangers) - LISTED_SYMBOLS
    what = f"unknown symbols {', '.join(map(repr, strangers[:LISTED_SYMBOLS]))}"
    what += f" and {more} more" if more > 0 else ""
    where = f"the first at {PLACE}"
    skip = f"{as_option('unknown', 'skip')} leaves them out"
    if unknown == "replace":
        message = (
            f"{what} cannot be replaced: the vocabulary has no {UNKNOWN_NAME}, which training with "
            f"{as_option('min_count', 2)} makes of symbols that are rarer, {where}; {skip}"
        )
    else:
        message = f"{what}: not among the {len(vocabulary)} symbols of the vocabulary, {where}; "
        message += skip
        if vocabulary.unknown_id is not None:
            message += f", {as_option('unknown', 'replace')} reads them as {UNKNOWN_NAME}"
    return UnknownSymbolsError(message, character=first, place=str(place_in(text, index)))


def printable(symbol: str) -> str:
    """Write a symbol as it is, or with escapes where it cannot be printed."""
    return symbol if symbol.isprintable() else symbol.encode("unicode_escape").decode("ascii")


def lone_surrogate(error: UnicodeEncodeError, text: str, start: int = 0) -> CharacterError:
    """Return the error for a surrogate, in a text encoded from ``start`` on."""
    character = error.object[error.start]
    place = place_in(text, start + error.start)
    return CharacterError(
        f"lone surrogate U+{ord(character):04X} at {PLACE}: it is no character and has no UTF-8 "
        "form",
        character=character,
        place=str(place),
    )

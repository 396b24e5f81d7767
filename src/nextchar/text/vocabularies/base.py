"""What every vocabulary can do.

Legend: V symbols, n ids.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nextchar.config import VocabularyKind
from nextchar.errors import TextError

Ids: TypeAlias = NDArray[np.unsignedinteger]
Unknown: TypeAlias = Literal["error", "skip", "replace"]


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
        ``"char"``, ``"byte"`` or ``"jamo"``.
    unknown_id
        The id of ``<unk>``, or ``None`` where the vocabulary has none.
    """

    kind: ClassVar[VocabularyKind]
    unknown_id: int | None = None

    @property
    @abstractmethod
    def symbols(self) -> tuple[str, ...]:
        """A printable name for each id."""

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


def lone_surrogate(error: UnicodeEncodeError, start: int) -> TextError:
    """Say which surrogate stands where, in a text that begins ``start`` characters earlier."""
    code = ord(error.object[error.start])
    return TextError(
        f"lone surrogate U+{code:04X} at position {start + error.start}: it is no character and "
        "has no UTF-8 form"
    )

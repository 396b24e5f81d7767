"""The text that an inspection reads: its first symbols, and how much of it was read.

Legend: N symbols.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import TextError
from nextchar.text.normal_forms import NormalForm
from nextchar.text.stored_ids import TextIds
from nextchar.text.unknown import UnknownSymbols, default_treatment
from nextchar.text.vocabulary import Unknown, Vocabulary

LIMIT = 20_000  # symbols
MUCH = 0.2  # share of unknown characters to warn of
_CHARACTERS_AT_ONCE = 1 << 12


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """The first symbols of a text.

    Attributes
    ----------
    name
        The name of the text.
    ids
        The symbols, int64[N].
    is_whole
        Whether they are the whole text.
    skipped
        Number of unknown characters that were left out.
    """

    name: str
    ids: NDArray[np.int64]
    is_whole: bool
    skipped: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name, without the symbols."""
        return {
            "text": self.name,
            "symbols_read": len(self.ids),
            "is_whole_text": self.is_whole,
            "skipped_characters": self.skipped,
        }

    @property
    def description(self) -> str:
        """How much was read, in one line."""
        part = f"{'all' if self.is_whole else 'the first'} {len(self.ids):,} symbols"
        left_out = f", {self.skipped:,} unknown characters skipped" if self.skipped else ""
        share = self.skipped / max(1, self.skipped + len(self.ids))
        if share >= MUCH:
            little = f"{share:.0%} of the text is unknown, so the figures describe little of it"
            left_out = f", {little}{left_out}"
        return f"{self.name}: {part} read{left_out}"

    def require(self, symbols: int, purpose: str) -> None:
        """Raise ``TextError`` if there are fewer symbols than this."""
        if len(self.ids) < symbols:
            raise TextError(
                f"{self.name} is too short: {purpose} needs {symbols:,} known symbols; got "
                f"{len(self.ids):,}"
            )


def sample_of_text(
    pieces: Iterable[str], vocabulary: Vocabulary, form: NormalForm, *, name: str, limit: int
) -> Sample:
    """Encode the first characters of a text, at most ``limit`` symbols, and read no more of it.

    Unknown symbols are replaced by ``<unk>`` if the vocabulary has it, or else skipped.

    Raises
    ------
    TextError
        A character cannot be encoded.
    """
    unknown = default_treatment(vocabulary, None)
    found, room, skipped, is_whole = [], limit, UnknownSymbols(vocabulary), True
    for piece in _short(form.chunks(pieces)):
        ids = vocabulary.encode(piece, unknown=unknown)
        if len(ids) > room:
            is_whole = False
            piece = _beginning(piece, vocabulary, unknown, room)
            ids = vocabulary.encode(piece, unknown=unknown)
        found.append(ids.astype(np.int64))
        room -= len(ids)
        if unknown == "skip":
            skipped.read(piece)
        if not is_whole:
            break
    return Sample(
        name=name,
        ids=np.concatenate(found) if found else np.empty(0, np.int64),
        is_whole=is_whole,
        skipped=skipped.count,
    )


def _beginning(piece: str, vocabulary: Vocabulary, unknown: Unknown, room: int) -> str:
    """Return the characters of a text that have at most ``room`` symbols."""

    def symbols(end: int) -> int:
        return len(vocabulary.encode(piece[:end], unknown=unknown))

    return piece[: bisect_right(range(len(piece)), room, key=symbols) - 1]


def sample_of_ids(ids: TextIds, vocabulary: Vocabulary, *, name: str, limit: int) -> Sample:
    """Return the first characters of an encoded text, at most ``limit`` symbols."""
    read = np.asarray(ids[: limit + 1], np.int64)
    end = len(read)
    if end > limit:
        starts = np.flatnonzero(vocabulary.starts_character[read])
        end = int(starts[-1]) if len(starts) and starts[-1] > 0 else limit
    return Sample(name=name, ids=read[:end], is_whole=len(ids) <= limit)


def _short(pieces: Iterable[str]) -> Iterator[str]:
    for piece in pieces:
        for start in range(0, len(piece), _CHARACTERS_AT_ONCE):
            yield piece[start : start + _CHARACTERS_AT_ONCE]

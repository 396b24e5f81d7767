"""Encoding of items, in overlapping windows.

Legend: N pieces, n positions of a piece, W positions of a window.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nextchar.errors import CorpusError
from nextchar.tasks.examples import Examples
from nextchar.tasks.schema import Numbers, Schema, Texts
from nextchar.tasks.tagging.items import Item
from nextchar.tasks.tagging.restoration import START
from nextchar.text.sequences import Sequences
from nextchar.text.vocabulary import Vocabulary

START_CODE = 0x110000  # above all code points
_SURROGATES = re.compile("[\ud800-\udfff]")
_MARGINS = 8  # 1/8 of a window on each side is only context


@dataclass(frozen=True)
class EncodedPiece:
    """A whole item, or a window of it with context on both sides.

    Attributes
    ----------
    characters
        The characters of the piece.
    first, end
        The range of labelled positions. The others are context.
    is_last
        Whether the item ends with this piece.
    """

    characters: Sequence[str]
    first: int
    end: int
    is_last: bool

    @property
    def begins(self) -> bool:
        """Whether the item begins with this piece. All other pieces begin with context."""
        return self.first == 0


def margin_of(window: int) -> int:
    """Return the number of context positions on each side of a window."""
    return window // _MARGINS


def cut(characters: Sequence[str], window: int) -> Iterator[EncodedPiece]:
    """Yield overlapping windows of an item. Each position is labelled in exactly one."""
    margin = margin_of(window)
    start = 0
    while start + window < len(characters):
        piece = characters[start : start + window]
        yield EncodedPiece(piece, margin if start else 0, window - margin, is_last=False)
        start += window - 2 * margin
    rest = characters[start:]
    yield EncodedPiece(rest, margin if start else 0, len(rest), is_last=True)


def encode(pieces: Iterable[EncodedPiece], vocabulary: Vocabulary) -> Examples:
    """Encode pieces without labels.

    The text columns are ``symbols`` (ids, with ``len(vocabulary)`` at the start of an item and
    ``len(vocabulary) + 1`` at its end), ``places`` (the index of each position's last symbol) and
    ``characters`` (code points). The arrays are ``first``, ``end`` and ``is_last``.
    """
    pieces = list(pieces)
    symbols, places, characters = [], [], []
    for piece in pieces:
        text = "".join(piece.characters)
        codes = [ord(character) if character else START_CODE for character in piece.characters]
        ids = vocabulary.encode(readable(text), unknown="replace").astype(np.int64)
        ends = np.flatnonzero(np.append(vocabulary.starts_character[ids[1:]], [True] * bool(text)))
        has_start = len(piece.characters) > 0 and piece.characters[0] == START
        before = [len(vocabulary)] if piece.begins else []
        after = [len(vocabulary) + 1] if piece.is_last else []
        symbols.append(np.concatenate([before, ids, after]))
        places.append(np.concatenate([[0] if has_start else [], ends + len(before)]))
        characters.append(codes)
    return Examples(
        {
            "symbols": Sequences.of(symbols, np.dtype(np.int32)),
            "places": Sequences.of(places, np.dtype(np.int32)),
            "characters": Sequences.of(characters, np.dtype(np.int32)),
        },
        {
            "first": np.array([piece.first for piece in pieces], dtype=np.int64),
            "end": np.array([piece.end for piece in pieces], dtype=np.int64),
            "is_last": np.array([piece.is_last for piece in pieces], dtype=np.int64),
        },
    )


def encode_items(
    items: Sequence[Item], vocabulary: Vocabulary, labels: Sequence[str], window: int
) -> Examples:
    """Encode items with their labels, split into windows.

    In addition to the columns of ``encode``, the result has a text column ``labels``: the label
    indices at the labelled positions of each piece.
    """
    number = {label: place for place, label in enumerate(labels)}
    pieces: list[EncodedPiece] = []
    numbers = []
    for item in items:
        done = 0
        for piece in cut(item.characters, window):
            count = piece.end - piece.first
            pieces.append(piece)
            numbers.append([number[label] for label in item.labels[done : done + count]])
            done += count
    examples = encode(pieces, vocabulary)
    texts = {**examples.texts, "labels": Sequences.of(numbers, np.dtype(np.int32))}
    return Examples(texts, examples.arrays)


def schema_of(symbols: int, labels: int) -> Schema:
    """Return the columns of ``encode_items``, for a number of symbols and of labels."""
    return Schema(
        {
            "symbols": Texts(symbols + 2),
            "places": Texts(1 << 31),
            "characters": Texts(START_CODE + 1),
            "labels": Texts(labels, shortest=0),
        },
        {
            "first": Numbers(np.int64, 0),
            "end": Numbers(np.int64, 0),
            "is_last": Numbers(np.int64, 0, 2),
        },
    )


def require_consistent(examples: Examples) -> None:
    """Raise ``CorpusError`` if columns of ``encode_items`` contradict each other."""
    symbols, places, characters, labels = (
        examples.texts[name] for name in ("symbols", "places", "characters", "labels")
    )
    first, end = examples.arrays["first"], examples.arrays["end"]
    if (characters.lengths != places.lengths).any():
        raise CorpusError("the columns places and characters have different lengths")
    if (first > end).any() or (end > places.lengths).any():
        raise CorpusError("the labelled positions of a piece must be among its positions")
    if (labels.lengths != end - first).any():
        raise CorpusError("the column labels must have a label for each labelled position")
    if len(places) and (places.values >= np.repeat(symbols.lengths, places.lengths)).any():
        raise CorpusError("the column places has a place beyond the symbols of its piece")


def readable(text: str) -> str:
    """Replace lone surrogates, which represent undecodable bytes, by U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)

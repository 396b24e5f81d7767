"""Pieces of items as numbers.

Legend: N pieces, n places of a piece, W places of a window.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nextchar.tasks.examples import Examples
from nextchar.tasks.tagging.items import Item
from nextchar.tasks.tagging.restoration import START
from nextchar.text.sequences import Sequences
from nextchar.text.vocabulary import Vocabulary

START_CODE = 0x110000  # no code point
_SURROGATES = re.compile("[\ud800-\udfff]")
_MARGINS = 8  # of a window, each side has one of so many parts for context alone


@dataclass(frozen=True)
class EncodedPiece:
    """What is read together of an item: all of it, or a window with what stands around it.

    Attributes
    ----------
    characters
        As of an item.
    first, end
        The places that are labelled here; those around them are for context.
    is_last
        Whether the item ends here.
    """

    characters: Sequence[str]
    first: int
    end: int
    is_last: bool

    @property
    def begins(self) -> bool:
        """Whether the item begins here: all other pieces have context before what they label."""
        return self.first == 0


def margin_of(window: int) -> int:
    """Give the places of a window, on each side, that are for context alone."""
    return window // _MARGINS


def cut(characters: Sequence[str], window: int) -> Iterator[EncodedPiece]:
    """Cut an item into overlapping windows, of which each place is labelled in one."""
    margin = margin_of(window)
    start = 0
    while start + window < len(characters):
        piece = characters[start : start + window]
        yield EncodedPiece(piece, margin if start else 0, window - margin, is_last=False)
        start += window - 2 * margin
    rest = characters[start:]
    yield EncodedPiece(rest, margin if start else 0, len(rest), is_last=True)


def encode(pieces: Iterable[EncodedPiece], vocabulary: Vocabulary) -> Examples:
    """Turn the symbols of pieces into numbers.

    The texts are ``symbols`` (where an item begins and ends stand ``len(vocabulary)`` and the
    number after it), ``places`` (where each place's last symbol stands) and ``characters`` (code
    points); the arrays ``first``, ``end`` and ``is_last``.
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
    """Turn items into numbers with their labels, cut into windows.

    There is a text ``labels`` beside those of ``encode``: where the labels of the places that are
    labelled in the piece stand in ``labels``.
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


def readable(text: str) -> str:
    """Read bytes that could not be decoded, which stand as lone surrogates, as unknown."""
    return _SURROGATES.sub("\ufffd", text)

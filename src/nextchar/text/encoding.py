"""Encoding of a text as a file of ids, segment by segment, in constant memory.

Legend: N symbols.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Protocol, TypeAlias

import numpy as np

from nextchar.config import TextConfig
from nextchar.errors import TextError
from nextchar.text.reading import TextSource
from nextchar.text.vocabulary import Ids, Unknown, Vocabulary

# Augments a segment of text, given its pieces and its number.
Copy: TypeAlias = Callable[[Iterator[str], int], Iterator[str]]

_LONGEST_CHARACTER = 4  # symbols: UTF-8 has up to 4 bytes, a syllable up to 3 letters


class Text(Protocol):
    """A text that can be read repeatedly."""

    def chunks(self, progress: Callable[[float], None] | None = None) -> Iterator[str]:
        """Yield the text in pieces."""


@dataclass(frozen=True)
class Prefix:
    """The first symbols of a text."""

    source: TextSource
    vocabulary: Vocabulary
    symbols: int

    def chunks(self, progress: Callable[[float], None] | None = None) -> Iterator[str]:
        """Yield the text in pieces; the last one ends with a complete character."""
        left = self.symbols
        for chunk in self.source.chunks(progress):
            size = self._size(chunk)
            if size > left:
                # The longest prefix of the piece that fits.
                lengths = range(len(chunk) + 1)
                cut = bisect.bisect(lengths, left, key=lambda n: self._size(chunk[:n])) - 1
                chunk, size = chunk[:cut], left
            if chunk:
                yield chunk
            left -= size
            if left == 0:
                return

    def _size(self, text: str) -> int:
        return len(_encoded(self.vocabulary, text))


class Encoding:
    """Writes the ids of a text to a file, and collects the data of its header.

    Parameters
    ----------
    vocabulary
        The vocabulary; ``<unk>`` replaces unknown symbols if the vocabulary has it.

    Attributes
    ----------
    length
        Number of symbols written (N).
    characters
        Number of characters written, without copies.
    boundaries
        Starts of all segments of the training split but the first.
    augmented
        Number of symbols in augmented copies.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.length = 0
        self.characters = 0
        self.boundaries: list[int] = []
        self.augmented = 0
        self._ends: list[int] = []  # of the segments written
        self._digest = hashlib.sha256()
        self._lowest, self._highest = len(vocabulary), -1

    def write(self, chunks: Iterator[str], file: IO[bytes]) -> None:
        """Write a segment of the text."""
        for chunk in chunks:
            ids = _encoded(self.vocabulary, chunk)
            self._lowest = min(self._lowest, int(ids.min()))
            self._highest = max(self._highest, int(ids.max()))
            self.characters += int(np.count_nonzero(self.vocabulary.starts_character.take(ids)))
            self.length += len(ids)
            data = _little_endian(ids)
            self._digest.update(data)
            file.write(data)
        self._ends.append(self.length)

    def held_out_starts(self, path: str, config: TextConfig) -> list[int]:
        """Return the starts of the test split and the validation split."""
        if config.folds:  # The last segment is held out.
            *self.boundaries, start = self._ends[:-1]
            return [start, start]
        return _held_out_starts(path, self, config)

    def insert(
        self, copies: Sequence[Copy], training: Sequence[Text], cuts: list[int], path: Path
    ) -> list[int]:
        """Insert copies at the end of the training split, with a boundary before each segment.

        Parameters
        ----------
        training
            The segments of the training split.
        cuts
            The starts of the test split and the validation split.
        path
            The completely written file.

        Returns
        -------
        list
            The new starts of the test split and the validation split.
        """
        ends = [cuts[0]]
        width = self.vocabulary.dtype.itemsize
        with path.open("r+b") as file, tempfile.TemporaryFile(dir=path.parent) as rest:
            file.seek(cuts[0] * width)
            shutil.copyfileobj(file, rest)
            file.seek(cuts[0] * width)
            file.truncate()
            for copy, (number, segment) in itertools.product(copies, enumerate(training)):
                for chunk in copy(segment.chunks(), number):
                    file.write(_little_endian(_encoded(self.vocabulary, chunk)))
                end = file.tell() // width
                if end > ends[-1]:  # Ignore an empty copy.
                    ends.append(end)
            rest.seek(0)
            shutil.copyfileobj(rest, file)
            file.flush()
        with path.open("rb") as file:
            self._digest = hashlib.file_digest(file, hashlib.sha256)
        self.boundaries += ends[:-1]
        self.augmented = ends[-1] - cuts[0]
        self.length += self.augmented
        return [cut + self.augmented for cut in cuts]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the written file, hexadecimal."""
        return self._digest.hexdigest()

    def require_two_symbols(self) -> None:
        """Raise ``TextError`` if the text has only one distinct symbol."""
        if self._lowest == self._highest:
            name = self.vocabulary.symbols[self._lowest]
            raise TextError(f"the text has only one distinct symbol, {name!r}: nothing to predict")


def _encoded(vocabulary: Vocabulary, text: str) -> Ids:
    unknown: Unknown = "error" if vocabulary.unknown_id is None else "replace"
    return vocabulary.encode(text, unknown=unknown)


def _little_endian(ids: Ids) -> bytes:
    return ids.astype(ids.dtype.newbyteorder("<"), copy=False).tobytes()


def _held_out_starts(path: str, encoding: Encoding, config: TextConfig) -> list[int]:
    """Return the starts of the test split and the validation split; their sizes round up."""
    held_out = [
        Fraction(str(config.validation_fraction)) + Fraction(str(config.test_fraction)),
        Fraction(str(config.validation_fraction)),
    ]
    with Path(path).open("rb") as file:
        return [
            _character_start(file, encoding, encoding.length - math.ceil(encoding.length * share))
            for share in held_out
        ]


def _character_start(file: IO[bytes], encoding: Encoding, position: int) -> int:
    """Return the start of the character at a position; the position itself if none is near."""
    if position == encoding.length:
        return position
    dtype, first = encoding.vocabulary.dtype, max(position - _LONGEST_CHARACTER + 1, 0)
    file.seek(first * dtype.itemsize)
    data = file.read((position + 1 - first) * dtype.itemsize)
    starts = encoding.vocabulary.starts_character[np.frombuffer(data, dtype.newbyteorder("<"))]
    return first + int(np.flatnonzero(starts)[-1]) if starts.any() else position

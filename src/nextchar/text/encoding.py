"""Text to ids in a file, stretch by stretch, in constant memory.

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
from numpy.typing import NDArray

from nextchar.config import TextConfig
from nextchar.errors import TextError
from nextchar.text.reading import TextSource
from nextchar.text.vocabulary import Ids, Unknown, Vocabulary

# Makes another version of a stretch of text from its pieces and its number, piece by piece.
Copy: TypeAlias = Callable[[Iterator[str], int], Iterator[str]]

_LONGEST_CHARACTER = 4  # symbols: UTF-8 has up to 4 bytes, a syllable up to 3 letters


class Text(Protocol):
    """A text that can be read as often as needed."""

    def chunks(self, progress: Callable[[float], None] | None = None) -> Iterator[str]:
        """Give the text in pieces."""


@dataclass(frozen=True)
class Beginning:
    """The text of the first symbols of a source."""

    source: TextSource
    vocabulary: Vocabulary
    symbols: int

    def chunks(self, progress: Callable[[float], None] | None = None) -> Iterator[str]:
        """Give the text in pieces; the last one ends with a whole character."""
        left = self.symbols
        for chunk in self.source.chunks(progress):
            size = self._size(chunk)
            if size > left:
                # Of all beginnings of the piece, the longest that is not too long.
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
    """What is known about a text while it is being encoded.

    Parameters
    ----------
    vocabulary
        The symbols; ``<unk>`` stands for others if the vocabulary has it.

    Attributes
    ----------
    length
        Symbols that were written (N).
    characters
        Original characters that were written, without copies.
    borders
        Where the training part begins anew, besides its start.
    augmented
        Symbols of the copies.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.length = 0
        self.characters = 0
        self.borders: list[int] = []
        self.augmented = 0
        self._ends: list[int] = []  # of the stretches that were written
        self._digest = hashlib.sha256()
        self._lowest, self._highest = len(vocabulary), -1

    def write(self, chunks: Iterator[str], file: IO[bytes]) -> None:
        """Write a stretch of the text."""
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

    def cuts(self, path: str, config: TextConfig) -> list[int]:
        """Give where the test part and the validation part begin."""
        if config.folds:  # What was written last is held out.
            *self.borders, cut = self._ends[:-1]
            return [cut, cut]
        return _cuts(path, self, config)

    def insert(
        self, copies: Sequence[Copy], training: Sequence[Text], cuts: list[int], path: Path
    ) -> list[int]:
        """Insert altered copies at the end of the training part, a border before each stretch.

        Parameters
        ----------
        training
            The stretches of the training part.
        cuts
            Where the test part and the validation part begin.
        path
            The file, all of it written.

        Returns
        -------
        list
            The new cuts.
        """
        ends = [cuts[0]]
        width = self.vocabulary.dtype.itemsize
        with path.open("r+b") as file, tempfile.TemporaryFile(dir=path.parent) as rest:
            file.seek(cuts[0] * width)
            shutil.copyfileobj(file, rest)
            file.seek(cuts[0] * width)
            file.truncate()
            for copy, (number, stretch) in itertools.product(copies, enumerate(training)):
                for chunk in copy(stretch.chunks(), number):
                    file.write(_little_endian(_encoded(self.vocabulary, chunk)))
                end = file.tell() // width
                if end > ends[-1]:  # A copy from which all was dropped is none.
                    ends.append(end)
            rest.seek(0)
            shutil.copyfileobj(rest, file)
            file.flush()
        with path.open("rb") as file:
            self._digest = hashlib.file_digest(file, hashlib.sha256)
        self.borders += ends[:-1]
        self.augmented = ends[-1] - cuts[0]
        self.length += self.augmented
        return [cut + self.augmented for cut in cuts]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what was written, hexadecimal."""
        return self._digest.hexdigest()

    def require_two_symbols(self) -> None:
        """Raise ``TextError`` if one symbol is all there is."""
        if self._lowest == self._highest:
            name = self.vocabulary.symbols[self._lowest]
            raise TextError(f"the text has one distinct symbol {name!r}: nothing to predict")


def _encoded(vocabulary: Vocabulary, text: str) -> Ids:
    unknown: Unknown = "error" if vocabulary.unknown_id is None else "replace"
    return vocabulary.encode(text, unknown=unknown)


def _little_endian(ids: Ids) -> bytes:
    return ids.astype(ids.dtype.newbyteorder("<"), copy=False).tobytes()


def _cuts(path: str, encoding: Encoding, config: TextConfig) -> list[int]:
    """Find where the test part and the validation part begin, rounding their shares up."""
    ids = np.memmap(path, dtype=encoding.vocabulary.dtype.newbyteorder("<"), mode="r")
    held_out = [
        Fraction(str(config.validation_fraction)) + Fraction(str(config.test_fraction)),
        Fraction(str(config.validation_fraction)),
    ]
    starts = encoding.vocabulary.starts_character
    return [
        _character_start(ids, starts, encoding.length - math.ceil(encoding.length * share))
        for share in held_out
    ]


def _character_start(ids: Ids, starts: NDArray[np.bool_], position: int) -> int:
    """Give the start of the character that a position lies in; itself if there is none near."""
    if position == len(ids):
        return position
    nearest = range(position, max(position - _LONGEST_CHARACTER, -1), -1)
    return next((place for place in nearest if starts[ids[place]]), position)

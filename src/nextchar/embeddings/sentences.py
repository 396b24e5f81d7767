"""The lines of a text as sentences for word2vec, for any number of epochs.

Shapes: V vocabulary size, N ids.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import IO

import numpy as np
from numpy.typing import NDArray

from nextchar.text.vocabulary import Ids, Unknown, Vocabulary, WordVocabulary

MAX_SENTENCE_LENGTH = 10_000  # symbols of a sentence; gensim silently ignores the rest
_LINES_AT_ONCE = 500


class Sentences:
    """The lines of a text, stored in a file, so memory does not grow with the text.

    A word vocabulary leaves out white space, which would fill half of every window. Other
    vocabularies keep the line break, so it gets a vector too.

    Parameters
    ----------
    chunks
        The text, in pieces.
    vocabulary
        The vocabulary; other symbols become ``<unk>``.
    file
        An open file, written from its start and then read.

    Attributes
    ----------
    counts
        Number of occurrences of each symbol, int64[V].
    longest
        Number of symbols in the longest line.
    tell
        Called with the completed fraction of all epochs, 0 to 1. An exception that it raises is
        stored in ``failure``: raised in gensim's reader thread, it would block the training
        forever.
    epochs
        Number of epochs.
    failure
        The first exception raised by ``tell``, or ``None``.
    """

    def __init__(self, chunks: Iterable[str], vocabulary: Vocabulary, file: IO[bytes]) -> None:
        self.counts = np.zeros(len(vocabulary), np.int64)
        self.longest = 0
        self.tell: Callable[[float], None] = lambda _share: None
        self.epochs = 1
        self.failure: Exception | None = None
        self._names = [str(number) for number in range(len(vocabulary))]
        self._ends = [0]
        self._read = 0
        for line in _lines(chunks):
            self._write(_ids_of(line, vocabulary), file)
        file.flush()
        self._file, self._dtype = file, vocabulary.dtype

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[list[str]]:
        names = self._names
        for line in range(0, len(self), _LINES_AT_ONCE):
            self._tell((self._read + line / len(self)) / self.epochs)
            ends = self._ends[line : line + _LINES_AT_ONCE + 1]
            ids = self._ids(ends[0], ends[-1])
            for start, end in pairwise(ends):
                yield [names[number] for number in ids[start - ends[0] : end - ends[0]]]
        self._read += 1

    def _ids(self, start: int, end: int) -> list[int]:
        """Read ids without moving the position of the file, which threads share."""
        width = self._dtype.itemsize
        data = os.pread(self._file.fileno(), (end - start) * width, start * width)
        ids: list[int] = np.frombuffer(data, self._dtype).tolist()
        return ids

    def _write(self, ids: Ids, file: IO[bytes]) -> None:
        self.counts += np.bincount(ids, minlength=len(self.counts))
        for start in range(0, len(ids), MAX_SENTENCE_LENGTH):
            piece = ids[start : start + MAX_SENTENCE_LENGTH]
            self._ends.append(self._ends[-1] + len(piece))
            self.longest = max(self.longest, len(piece))
        file.write(ids.tobytes())

    def _tell(self, share: float) -> None:
        if self.failure is None:
            try:
                self.tell(share)
            except Exception as error:  # noqa: BLE001  (stored, and raised after training)
                self.failure = error


def _ids_of(line: str, vocabulary: Vocabulary) -> NDArray[np.unsignedinteger]:
    unknown: Unknown = "error" if vocabulary.unknown_id is None else "replace"
    ids = vocabulary.encode(line, unknown=unknown)
    return ids[~vocabulary.is_space[ids]] if isinstance(vocabulary, WordVocabulary) else ids


def _lines(chunks: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a text with their line feeds; a line may span several pieces."""
    held: list[str] = []
    for chunk in chunks:
        *whole, rest = chunk.split("\n")
        for line in whole:
            yield "".join([*held, line, "\n"])
            held = []
        held.append(rest)
    if any(held):
        yield "".join(held)

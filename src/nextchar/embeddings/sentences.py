"""The lines of a text as sentences for word2vec, for any number of epochs.

Shapes: V vocabulary size, N ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import IO

import numpy as np
from numpy.typing import NDArray

from nextchar.text.vocabulary import Ids, Unknown, Vocabulary, WordVocabulary

MAX_SENTENCE_LENGTH = 10_000  # symbols of a sentence; gensim silently ignores the rest
_LINES_PER_REPORT = 500


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
        self._ids: Ids = np.empty(0, vocabulary.dtype)
        if self._ends[-1]:
            self._ids = np.memmap(file, dtype=vocabulary.dtype, mode="r")

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[list[str]]:
        names = self._names
        for line, (start, end) in enumerate(pairwise(self._ends)):
            if line % _LINES_PER_REPORT == 0:
                self._tell((self._read + line / len(self)) / self.epochs)
            yield [names[number] for number in self._ids[start:end].tolist()]
        self._read += 1

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

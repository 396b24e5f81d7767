"""A text as word2vec reads it: its lines, as lists of ids, again and again.

Legend: V symbols, N ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import IO

import numpy as np
from numpy.typing import NDArray

from nextchar.text.vocabulary import Ids, Unknown, Vocabulary, WordVocabulary

LONGEST = 10_000  # symbols: what gensim reads of a sentence, without a word about the rest
_LINES_BETWEEN_NEWS = 500


class Sentences:
    """The lines of a text, in a file that is open, so that memory does not grow with it.

    Of words, white space is left out: it parts them, and would fill half of every window. Other
    symbols keep their line break, which so has a vector too.

    Parameters
    ----------
    chunks
        The text, piece by piece.
    vocabulary
        Its symbols; ``<unk>`` stands for others.
    file
        Is written to from its start, and then read.

    Attributes
    ----------
    counts
        How often each symbol stands in the lines, int64[V].
    longest
        Symbols in the longest line.
    tell
        Told the share that is read, 0 to 1, over so many ``epochs``. What it raises is kept in
        ``failure``: in the thread that reads, it would stop the training for good.
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
            if line % _LINES_BETWEEN_NEWS == 0:
                self._tell((self._read + line / len(self)) / self.epochs)
            yield [names[number] for number in self._ids[start:end].tolist()]
        self._read += 1

    def _write(self, ids: Ids, file: IO[bytes]) -> None:
        self.counts += np.bincount(ids, minlength=len(self.counts))
        for start in range(0, len(ids), LONGEST):
            piece = ids[start : start + LONGEST]
            self._ends.append(self._ends[-1] + len(piece))
            self.longest = max(self.longest, len(piece))
        file.write(ids.tobytes())

    def _tell(self, share: float) -> None:
        if self.failure is None:
            try:
                self.tell(share)
            except Exception as error:  # noqa: BLE001  (kept, and raised where it can be)
                self.failure = error


def _ids_of(line: str, vocabulary: Vocabulary) -> NDArray[np.unsignedinteger]:
    unknown: Unknown = "error" if vocabulary.unknown_id is None else "replace"
    ids = vocabulary.encode(line, unknown=unknown)
    return ids[~vocabulary.is_space[ids]] if isinstance(vocabulary, WordVocabulary) else ids


def _lines(chunks: Iterable[str]) -> Iterator[str]:
    """Give the lines of a text with their line feeds; the pieces may cut them."""
    held: list[str] = []
    for chunk in chunks:
        *whole, rest = chunk.split("\n")
        for line in whole:
            yield "".join([*held, line, "\n"])
            held = []
        held.append(rest)
    if any(held):
        yield "".join(held)

"""Ids in a file, read by position: a file that shrinks meanwhile is an error, not a signal.

A mapped file would be read as fast, but the kernel kills a process that reads a mapped page beyond
the end of a truncated file, and no check before the read can exclude that. Here each read is a
``pread`` of an open descriptor. A file that is renamed over the path, or that is removed, does not
change the ids of an open one. Memory does not grow with the file.

Training reads a short window of each of many streams per step. ``ReadAhead`` reads many windows of
a stream at once, so a step costs as much as with a mapped file (benchmarks/corpus_reading.py).

Shapes: N ids, T positions of a window, B streams.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import CorpusError
from nextchar.text.vocabularies.base import Ids

_IDS_AT_ONCE = 1 << 20
_AHEAD_BYTES, _AHEAD_BYTES_OF_ALL = 1 << 14, 1 << 24  # of a stream, and of all streams


class IdsFile:
    """A file of ids that must not change while it is in use.

    Parameters
    ----------
    file
        The open file. Its descriptor is duplicated, so it may be closed afterwards.
    path
        Its path.
    dtype
        The type of the ids in the file.

    Attributes
    ----------
    signature
        Size in bytes and modification time in ns of the file when it was opened.
    highest
        The highest id. Until ``digest`` has read all ids, it is the highest of the type.
    """

    def __init__(
        self, file: BufferedReader, path: Path, dtype: np.dtype[np.unsignedinteger]
    ) -> None:
        self.path = path
        self.dtype = dtype
        status = os.fstat(file.fileno())
        self.signature = (status.st_size, status.st_mtime_ns)
        self.highest = int(np.iinfo(dtype).max)
        self._name = os.fspath(path)
        self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)

    def digest(self) -> str:
        """Return the SHA-256 of the file, hexadecimal, and find the highest id."""
        digest, highest = hashlib.sha256(), 0
        length = self.signature[0] // self.dtype.itemsize
        block: Ids = np.empty(min(_IDS_AT_ONCE, length), self.dtype)
        for start in range(0, length, _IDS_AT_ONCE):
            ids = block[: length - start]
            self.read_into(ids, start)
            digest.update(ids.view(np.uint8).data)
            highest = max(highest, int(ids.max()))
        self.highest = highest
        return digest.hexdigest()

    def check(self) -> None:
        """Raise ``CorpusError`` if the file at the path is not the one that was opened."""
        try:
            status = os.stat(self._name)  # noqa: PTH116  (at each step; a Path is slower)
        except OSError as error:
            raise CorpusError(f"{self.path} was removed while in use: {error.strerror}") from error
        if (status.st_size, status.st_mtime_ns) != self.signature:
            raise self._modified()

    def read_into(self, ids: Ids, start: int) -> None:
        """Fill an array with the ids from a position.

        Raises
        ------
        CorpusError
            The file cannot be read, or was modified.
        """
        left = ids.view(np.uint8).data
        offset = start * self.dtype.itemsize
        while len(left) > 0:
            try:
                count = os.preadv(self._descriptor, [left], offset)
            except OSError as error:
                raise CorpusError(f"cannot read {self.path}: {error.strerror}") from error
            if count == 0:
                raise self._modified()
            left, offset = left[count:], offset + count
        # An id beyond the vocabulary would be read from outside of a table of weights.
        if len(ids) > 0 and int(ids.max()) > self.highest:
            raise self._modified()

    def _modified(self) -> CorpusError:
        return CorpusError(
            f"{self.path} was modified while in use: it must not change until the end"
        )


class StoredIds:
    """Consecutive ids of a file [N]; a slice is read into an array.

    Parameters
    ----------
    file
        The file.
    start, end
        The positions of the ids in the file.
    """

    def __init__(self, file: IdsFile, start: int, end: int) -> None:
        self._file = file
        self._start = start
        self._end = end

    def __len__(self) -> int:
        return self._end - self._start

    def __getitem__(self, places: slice) -> Ids:
        """Read consecutive ids into an array.

        Raises
        ------
        CorpusError
            The file cannot be read, or was modified.
        """
        start, end, step = places.indices(len(self))
        if step != 1:
            raise ValueError(f"stored ids are read in order; got a step of {step}")
        ids: Ids = np.empty(max(0, end - start), self.dtype)
        self.read_into(ids, start)
        self.check()  # after the read: a change during it would not be seen before
        return ids

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: ANN401
        """Read all ids."""
        if copy is False:
            raise ValueError("stored ids are always copied into an array")
        return self[:] if dtype is None else self[:].astype(dtype)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self):,} × {self.dtype.name} of {self._file.path}>"

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """The type of the ids."""
        return self._file.dtype

    def pieces(self) -> Iterator[Ids]:
        """Read all ids in order, in pieces."""
        for start in range(0, len(self), _IDS_AT_ONCE):
            yield self[start : start + _IDS_AT_ONCE]

    def part(self, start: int, end: int) -> StoredIds:
        """Return the ids from one position to another, without reading them."""
        return StoredIds(self._file, self._start + start, self._start + end)

    def read_into(self, ids: Ids, start: int) -> None:
        """Fill an array with the ids from a position; call ``check`` after the last of such reads.

        Raises
        ------
        CorpusError
            The file cannot be read, or was truncated.
        """
        self._file.read_into(ids, self._start + start)

    def check(self) -> None:
        """Raise ``CorpusError`` if the file has been modified since it was opened."""
        self._file.check()


# The ids of a text, in memory or in a file.
TextIds: TypeAlias = Ids | StoredIds


class ReadAhead:
    """Windows of several streams, each read ahead of its next windows.

    Parameters
    ----------
    ids
        The text [N].
    streams
        B.
    longest
        Maximum number of ids of a window.
    """

    def __init__(self, ids: StoredIds, streams: int, longest: int) -> None:
        ahead = min(_AHEAD_BYTES, _AHEAD_BYTES_OF_ALL // streams) // ids.dtype.itemsize
        self._ids = ids
        self._width = min(len(ids), max(longest, ahead))
        self._held: Ids = np.empty((streams, self._width), ids.dtype)
        self._rows = np.arange(streams, dtype=np.int64) * self._width
        self._starts = np.zeros(streams, np.int64)
        self._ends = np.zeros(streams, np.int64)

    def read(
        self, starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> tuple[Ids, NDArray[np.int64]]:
        """Read the window of each stream, from its start to before its end, int64[B] each.

        Returns
        -------
        tuple
            Ids that are held, in one dimension, and the index of each window's first id in them,
            int64[B].

        Raises
        ------
        CorpusError
            The file cannot be read, or was modified.
        """
        missing = (starts < self._starts) | (ends > self._ends)
        for stream in np.flatnonzero(missing).tolist():
            start = int(starts[stream])
            count = min(self._width, len(self._ids) - start)
            self._ids.read_into(self._held[stream, :count], start)
            self._starts[stream], self._ends[stream] = start, start + count
        self._ids.check()  # after the read: a change during it would not be seen before
        return self._held.ravel(), self._rows + starts - self._starts

"""Sequences of different lengths, stored in two arrays.

Legend: N sequences, M values in total, n selected sequences, T the length of the longest of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nextchar.errors import CorpusError


@dataclass(frozen=True, eq=False)
class Sequences:
    """N sequences of integers, concatenated.

    Attributes
    ----------
    values
        All values, [M].
    offsets
        Start of each sequence, and end of the last: int64[N + 1], from 0 to M, non-decreasing.

    Raises
    ------
    CorpusError
        The offsets do not match the values.
    """

    values: NDArray[np.integer]
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        offsets = self.offsets
        arrays = (self.values, offsets)
        if not all(array.ndim == 1 and array.dtype.kind in "iu" for array in arrays):
            raise CorpusError("sequences must be two one-dimensional arrays of integers")
        fits = len(offsets) > 0 and offsets[0] == 0 and offsets[-1] == len(self.values)
        if not fits or (np.diff(offsets) < 0).any():
            raise CorpusError(
                f"the offsets of sequences must increase from 0 to {len(self.values)}, "
                f"got {offsets[:1]} to {offsets[-1:]}"
            )

    @classmethod
    def of(cls, sequences: Iterable[ArrayLike], dtype: np.dtype[np.integer] | None = None) -> Self:
        """Concatenate arrays [length] of integers; ``dtype`` defaults to theirs."""
        arrays = [np.asarray(each, dtype=dtype) for each in sequences]
        empty = np.empty(0, dtype=dtype or np.uint8)
        offsets = np.cumsum([0, *map(len, arrays)], dtype=np.int64)
        return cls(np.concatenate([empty, *arrays]), offsets)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Length of each sequence, int64[N]."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray[np.integer]:
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def subset(self, indices: Sequence[int] | NDArray[np.integer]) -> Self:
        """Return the selected sequences, in the order of ``indices``."""
        return type(self).of((self[int(index)] for index in indices), self.values.dtype)

    def padded(
        self, indices: NDArray[np.integer], fill: int, *, length: int = 0
    ) -> NDArray[np.int64]:
        """Return the selected sequences as columns, int64[T, n], padded with ``fill``.

        T is the maximum length, or ``length`` if that is larger.
        """
        starts, lengths = self.offsets[indices], self.lengths[indices]
        steps = np.arange(int(lengths.max(initial=length)))[:, None]
        inside = steps < lengths
        places = np.where(inside, starts + steps, 0)
        if not len(self.values):
            return np.full(inside.shape, fill, dtype=np.int64)
        return np.where(inside, self.values[places].astype(np.int64), fill)

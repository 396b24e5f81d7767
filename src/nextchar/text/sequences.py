"""Many sequences of different lengths in two arrays.

Legend: N sequences, M values in all, n sequences that are taken, T the longest of them.
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
    """N sequences of whole numbers, one behind the other.

    Attributes
    ----------
    values
        All of them, [M].
    offsets
        Where each begins, and the end of the last: int64[N + 1], from 0 to M, never falling.

    Raises
    ------
    CorpusError
        The offsets do not fit.
    """

    values: NDArray[np.integer]
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        offsets = self.offsets
        fits = len(offsets) > 0 and offsets[0] == 0 and offsets[-1] == len(self.values)
        if not fits or (np.diff(offsets) < 0).any():
            raise CorpusError(
                f"the offsets of sequences must rise from 0 to {len(self.values)}, "
                f"got {offsets[:1]} to {offsets[-1:]}"
            )

    @classmethod
    def of(cls, sequences: Iterable[ArrayLike], dtype: np.dtype[np.integer] | None = None) -> Self:
        """Join arrays [length] of whole numbers, in their own type if none is given."""
        arrays = [np.asarray(each, dtype=dtype) for each in sequences]
        empty = np.empty(0, dtype=dtype or np.uint8)
        offsets = np.cumsum([0, *map(len, arrays)], dtype=np.int64)
        return cls(np.concatenate([empty, *arrays]), offsets)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The length of each, int64[N]."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray[np.integer]:
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def subset(self, indices: Sequence[int] | NDArray[np.integer]) -> Self:
        """Give some of them, in this order."""
        return type(self).of((self[int(index)] for index in indices), self.values.dtype)

    def padded(
        self, indices: NDArray[np.integer], fill: int, *, length: int = 0
    ) -> NDArray[np.int64]:
        """Give some of them side by side, int64[T, n], with ``fill`` behind the ends.

        T is the longest length, or ``length`` if that is larger.
        """
        starts, lengths = self.offsets[indices], self.lengths[indices]
        steps = np.arange(int(lengths.max(initial=length)))[:, None]
        inside = steps < lengths
        places = np.where(inside, starts + steps, 0)
        if not len(self.values):
            return np.full(inside.shape, fill, dtype=np.int64)
        return np.where(inside, self.values[places].astype(np.int64), fill)

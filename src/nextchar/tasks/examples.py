"""Encoded items in columns, and the batches drawn from them.

Legend: N items.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from nextchar.errors import CorpusError, RunError
from nextchar.text.sequences import Sequences
from nextchar.training.checkpoint import load_tensors, save_tensors

_VALUES, _OFFSETS = ".values", ".offsets"


@dataclass(frozen=True, eq=False)
class ItemBatch:
    """The items of a training step, and the share of this process.

    Attributes
    ----------
    items
        Indices of all items in the batch, int64[B].
    rows
        The rows of this process. An idle process computes one row too.
    is_idle
        Whether this process has no share, because there are fewer items than processes.
    """

    items: NDArray[np.int64]
    rows: range
    is_idle: bool = False

    @classmethod
    def share(cls, items: NDArray[np.int64], *, rank: int = 0, world: int = 1) -> Self:
        """Return a process's share of a batch: contiguous rows, divided as evenly as possible."""
        bounds = [len(items) * r // world for r in (rank, rank + 1)]
        if bounds[0] == bounds[1]:
            return cls(items, range(1), is_idle=True)
        return cls(items, range(*bounds))

    @property
    def own(self) -> NDArray[np.int64]:
        """Indices of this process's items, int64[b]."""
        return self.items[self.rows.start : self.rows.stop]

    def padded(self, texts: Sequences, fill: int) -> NDArray[np.int64]:
        """Return this process's texts, padded to the longest of the whole batch, int64[T, b]."""
        longest = int(texts.lengths[self.items].max(initial=0))
        return texts.padded(self.own, fill, length=longest)


@dataclass(frozen=True, eq=False)
class Examples:
    """N encoded items.

    Attributes
    ----------
    texts
        Columns of id sequences, by name.
    arrays
        Columns of numbers, by name: [N] or [N, …].

    Raises
    ------
    CorpusError
        The columns differ in length.
    """

    texts: Mapping[str, Sequences]
    arrays: Mapping[str, NDArray[Any]]

    def __post_init__(self) -> None:
        lengths = self._column_lengths
        if len(set(lengths.values())) > 1:
            raise CorpusError(f"the columns of examples must be equally long, got {lengths}")

    @property
    def _column_lengths(self) -> dict[str, int]:
        texts = {name: len(column) for name, column in self.texts.items()}
        return texts | {name: len(column) for name, column in self.arrays.items()}

    def __len__(self) -> int:
        return next(iter(self._column_lengths.values()))

    def subset(self, indices: NDArray[np.integer]) -> Self:
        """Return the items with these indices, in this order."""
        return type(self)(
            {name: column.subset(indices) for name, column in self.texts.items()},
            {name: column[indices] for name, column in self.arrays.items()},
        )

    def save(self, path: Path) -> None:
        """Write all columns to one file, atomically."""
        columns: dict[str, NDArray[Any]] = dict(self.arrays)
        for name, column in self.texts.items():
            columns[name + _VALUES] = column.values.astype(np.int32)
            columns[name + _OFFSETS] = column.offsets
        save_tensors(path, {name: torch.from_numpy(c) for name, c in columns.items()}, {})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file written by ``save``.

        Raises
        ------
        CorpusError
            The file is missing, or even one bit of it is damaged.
        """
        try:
            tensors, _ = load_tensors(path)
            columns = {name: tensor.numpy() for name, tensor in tensors.items()}
            if not columns or any(column.ndim == 0 for column in columns.values()):
                raise CorpusError("the run's items cannot be used: they must be columns")
            names = [name.removesuffix(_OFFSETS) for name in columns if name.endswith(_OFFSETS)]
            texts = {
                n: Sequences(columns.pop(n + _VALUES), columns.pop(n + _OFFSETS)) for n in names
            }
            return cls(texts, columns)
        except (RunError, KeyError, TypeError) as error:
            raise CorpusError(f"the run's items cannot be used: {error}") from error

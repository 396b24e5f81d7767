"""Batches of items as a pure function of the seed and the step.

Every epoch reads each item once, in a new order. Items of similar length share a batch to reduce
padding: the items of an epoch are shuffled and cut into pools, each pool is sorted by length and
cut into batches, and the batches are shuffled. Larger pools mean less padding, but batches with
less variety of lengths.

Legend: N items, B items per batch.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import ConfigError, TextError
from nextchar.following import report_part


@dataclass(frozen=True, kw_only=True, eq=False)
class ItemBatches:
    """Batches of items of similar lengths.

    Attributes
    ----------
    lengths
        The length of each item, int64[N].
    batch_size
        B; one batch of an epoch may be smaller.
    seed
        Seed of the shuffling.
    pool
        Number of batches sorted together.

    Raises
    ------
    TextError
        There are no items.
    ConfigError
        A value is out of range.
    """

    lengths: NDArray[np.int64]
    batch_size: int
    seed: int
    pool: int = 32

    def __post_init__(self) -> None:
        if len(self.lengths) == 0:
            raise TextError("there are no items for training")
        if min(self.batch_size, self.pool) < 1:
            raise ConfigError(
                f"batch_size and pool must be at least 1, got {self.batch_size} and {self.pool}"
            )

    @property
    def steps_per_epoch(self) -> int:
        """Batches per epoch."""
        return -(-len(self.lengths) // self.batch_size)

    def batch(self, step: int) -> NDArray[np.int64]:
        """Return the items of a step ≥ 0, int64[≤ B], longest first."""
        number, place = divmod(step, self.steps_per_epoch)
        return self._epoch(number)[place]

    def epochs(self, step: int) -> float:
        """Return the number of epochs completed before a step."""
        return step / self.steps_per_epoch

    def padding(self, number: int) -> float:
        """Return the share of padding in the epoch of a number, counted from 0."""
        positions = sum(len(batch) * int(self.lengths[batch[0]]) for batch in self._epoch(number))
        return 1 - int(self.lengths.sum()) / max(1, positions)

    @functools.lru_cache(maxsize=2)  # noqa: B019  (the object lives as long as the run)
    def _epoch(self, number: int) -> list[NDArray[np.int64]]:
        draw = np.random.default_rng([self.seed, number])
        order = draw.permutation(len(self.lengths))
        size = self.pool * self.batch_size
        batches = [
            batch
            for start in range(0, len(order), size)
            for batch in self._cut(order[start : start + size])
        ]
        return [batches[place] for place in draw.permutation(len(batches))]

    def _cut(self, pool: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Cut a pool into batches of similar lengths; a smaller batch has the shortest items."""
        by_length = pool[np.argsort(-self.lengths[pool], kind="stable")]
        return [
            by_length[start : start + self.batch_size]
            for start in range(0, len(by_length), self.batch_size)
        ]


def by_length(
    lengths: NDArray[np.int64], max_symbols: int, *, max_items: int | None = None
) -> Iterator[NDArray[np.int64]]:
    """Yield batches of similar lengths that cover all items once, longest items first.

    Progress is reported as the share of symbols read (``following``).

    Parameters
    ----------
    lengths
        Lengths of the items, int64[N].
    max_symbols
        Maximum symbols per batch, including padding; a longer item is a batch by itself.
    max_items
        Maximum items per batch, at least 1; by default, there is no limit.
    """
    order = np.argsort(-lengths, kind="stable")
    start, done, total = 0, 0, max(1, int(lengths.sum()))
    while start < len(order):
        count = max(1, max_symbols // max(1, int(lengths[order[start]])))
        count = count if max_items is None else min(count, max_items)
        batch = order[start : start + count]
        yield batch
        start += count
        done += int(lengths[batch].sum())
        report_part(done / total)

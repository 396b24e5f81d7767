"""Which items a step reads, as a pure function of the seed and the step.

Every pass reads each item once, in an order of its own. Items of about the same length stand
together, so that hardly any time goes into padding: a pass is shuffled and cut into pools, each
pool is sorted by length and cut into batches, and the batches are shuffled. Larger pools mean less
padding and batches that are less mixed.

Legend: N items, B items a batch.
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
        B; the last batch of a pass may be smaller.
    seed
        Of the orders.
    pool
        Batches that are sorted together.

    Raises
    ------
    TextError
        There is no item.
    ConfigError
        A value is out of its range.
    """

    lengths: NDArray[np.int64]
    batch_size: int
    seed: int
    pool: int = 32

    def __post_init__(self) -> None:
        if len(self.lengths) == 0:
            raise TextError("there is nothing to learn from: no item is left for training")
        if min(self.batch_size, self.pool) < 1:
            raise ConfigError(
                f"batch_size and pool must be at least 1, got {self.batch_size} and {self.pool}"
            )

    @property
    def steps_per_epoch(self) -> int:
        """Batches in a pass."""
        return -(-len(self.lengths) // self.batch_size)

    def batch(self, step: int) -> NDArray[np.int64]:
        """Give the items that a step ≥ 0 reads, int64[≤ B], the longest first."""
        number, place = divmod(step, self.steps_per_epoch)
        return self._pass(number)[place]

    def epochs(self, step: int) -> float:
        """Give how often all items have been read before a step."""
        return step / self.steps_per_epoch

    def padding(self, number: int) -> float:
        """Give the share of the positions of a pass, counted from 0, that hold no symbol."""
        positions = sum(len(batch) * int(self.lengths[batch[0]]) for batch in self._pass(number))
        return 1 - int(self.lengths.sum()) / max(1, positions)

    @functools.lru_cache(maxsize=2)  # noqa: B019  (as many as the object is; it lives as a run)
    def _pass(self, number: int) -> list[NDArray[np.int64]]:
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
        """Cut a pool into batches of similar lengths; the smaller one, if any, is the shortest."""
        by_length = pool[np.argsort(-self.lengths[pool], kind="stable")]
        return [
            by_length[start : start + self.batch_size]
            for start in range(0, len(by_length), self.batch_size)
        ]


def by_length(lengths: NDArray[np.int64], most_symbols: int) -> Iterator[NDArray[np.int64]]:
    """Cut all items into batches of similar lengths, to be read once, the longest first.

    Followers receive the share of symbols that were read (``following``).

    Parameters
    ----------
    lengths
        Of the items, int64[N].
    most_symbols
        Symbols of a batch, with its padding; a longer item is a batch of its own.
    """
    order = np.argsort(-lengths, kind="stable")
    start, done, total = 0, 0, max(1, int(lengths.sum()))
    while start < len(order):
        count = max(1, most_symbols // max(1, int(lengths[order[start]])))
        batch = order[start : start + count]
        yield batch
        start += count
        done += int(lengths[batch].sum())
        report_part(done / total)

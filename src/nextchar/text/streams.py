"""Batches as a pure function of the ids and the step.

The text's N − 1 predictions are cut into windows of T, the last one shorter where they do not
divide; B streams start at evenly spaced windows and read one window a step. At the end of the
text a stream goes on at its beginning, where its state is cleared, as nothing stands before it.
So every prediction is made once a pass, none crosses the end of the text, and the state that a
network carries along always belongs to the text before.

Legend: N symbols, T time steps, B streams, R ranks (processes that share a batch).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import ConfigError, TextError

NO_TARGET = -100


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """What one step reads.

    Attributes
    ----------
    inputs
        int64[T, B/R].
    targets
        int64[T, B/R], the symbol after each input; ``NO_TARGET`` beyond the end of the text.
    fresh
        bool[B/R], the streams that begin the text with this window: their state is cleared.
    """

    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]
    fresh: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Streams:
    """Parallel streams over one text.

    Attributes
    ----------
    ids
        The text [N].
    batch_size, sequence_length
        B and T; the text must have at least B windows, and the first of them be whole.
    rank, world
        Which of R equal shares of the streams to give; rank r has streams r B/R to (r + 1) B/R.
    check
        Called before the ids are read; raises if they may not be read any more.

    Raises
    ------
    TextError
        A text too small for B and T.
    ConfigError
        B is no multiple of R, or a value is out of its range.
    """

    ids: NDArray[np.integer]
    batch_size: int
    sequence_length: int
    rank: int = 0
    world: int = 1
    check: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        if min(self.batch_size, self.sequence_length, self.world) < 1:
            raise ConfigError(
                "batch_size, sequence_length and world must be at least 1, got "
                f"{self.batch_size}, {self.sequence_length} and {self.world}"
            )
        if not 0 <= self.rank < self.world:
            raise ConfigError(f"rank must be 0 to {self.world - 1}, got {self.rank}")
        uneven = self.batch_size % self.world
        if uneven:
            raise ConfigError(
                f"batch_size must be a multiple of the {self.world} processes, got "
                f"{self.batch_size}: give --batch-size {self.batch_size - uneven + self.world}"
            )
        if self._predictions < self.batch_size * self.sequence_length:
            raise TextError(self._too_small())

    def batch(self, step: int) -> Batch:
        """Give what a step reads; the time that it takes does not depend on ``step`` ≥ 0."""
        if self.check is not None:
            self.check()
        windows = (self._first_windows + step) % self._windows
        positions = windows * self.sequence_length + np.arange(self.sequence_length)[:, None]
        inside = positions < self._predictions
        positions = np.minimum(positions, self._predictions - 1)
        # As a plain array: what is taken from a memory map calls itself a memory map too.
        ids = np.asarray(self.ids)
        return Batch(
            inputs=ids.take(positions).astype(np.int64),
            targets=np.where(inside, ids.take(positions + 1).astype(np.int64), NO_TARGET),
            fresh=windows == 0,
        )

    def epoch(self, step: int) -> float:
        """Give the passes over the text that are done before a step."""
        return step * self.batch_size / self._windows

    @property
    def _predictions(self) -> int:
        return len(self.ids) - 1

    @cached_property
    def _windows(self) -> int:
        return -(-self._predictions // self.sequence_length)

    @cached_property
    def _first_windows(self) -> NDArray[np.int64]:
        """First window of each stream of this rank, int64[B/R]."""
        share = self.batch_size // self.world
        streams = np.arange(self.rank * share, (self.rank + 1) * share, dtype=np.int64)
        return streams * self._windows // self.batch_size

    def _too_small(self) -> str:
        B, T = self.batch_size, self.sequence_length
        return (
            f"the training part is too small: {len(self.ids)} symbols for --batch-size {B} and "
            f"--sequence-length {T}, which need {B * T + 1}; {self._suggestion()}"
        )

    def _suggestion(self) -> str:
        """Name the largest values that fit this text."""
        fitting = []
        batch_size = self._predictions // self.sequence_length // self.world * self.world
        if batch_size > 0:
            fitting.append(f"--batch-size {batch_size}")
        sequence_length = self._predictions // self.batch_size
        if sequence_length > 0:
            fitting.append(f"--sequence-length {sequence_length}")
        if not fitting and self._predictions >= self.world:
            fitting.append(f"--batch-size {self.world} with --sequence-length 1")
        return f"give {' or '.join(fitting)}" if fitting else "give more text"

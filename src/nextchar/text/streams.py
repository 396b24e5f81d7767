"""Batches as a pure function of the ids and the step.

A text consists of one or more segments; each starts at a boundary and is independent of the text
before it. A segment of n symbols has n − 1 predictions. They are cut into windows of T; the last
window of a segment may be shorter. B streams start at evenly spaced windows and read one window
per step. At the end of a segment a stream continues with the next segment, and at the end of the
text with the first one. Its state is reset at the start of every segment. Every prediction is
therefore made once per epoch, none crosses a boundary, and the carried state always belongs to
the preceding text of the same segment. A stream's state may also be reset at random within a
segment, so that the network learns to start without context (Melis, Dyer & Blunsom 2018).

Held-out pieces of the text are never read. Each ends a segment, and the text after it begins one.

Legend: N symbols, T time steps, B streams, S segments of at least two symbols, R ranks (processes
that share a batch).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import ConfigError, TextError, as_option
from nextchar.text.stored_ids import ReadAhead, StoredIds

NO_TARGET = -100

Places: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """The inputs and targets of one step.

    Attributes
    ----------
    inputs
        int64[T, B/R].
    targets
        int64[T, B/R], the symbol after each input; ``NO_TARGET`` beyond the end of a segment.
    reset
        Reset mask, bool[B/R]: streams whose state is cleared before this window, at the start of
        a segment or at random.
    target_share
        This rank's share of the step's real targets: 1/R, except near the end of a segment.
    """

    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]
    reset: NDArray[np.bool_]
    target_share: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Streams:
    """Parallel streams over one text.

    Attributes
    ----------
    ids
        The text [N], in memory or in a file.
    batch_size, sequence_length
        B and T; the text must have at least B T predictions.
    boundaries
        Starts of all segments but the first: positions from 1 to N − 1, ascending.
    held_out
        Starts and ends of the pieces that are not read, ascending.
    reset_probability
        Probability that a stream's state is cleared before a window.
    seed
        Seed of the random resets; the same for all ranks.
    rank, world
        The rank r and the number of ranks R; rank r reads streams r B/R to (r + 1) B/R.

    Raises
    ------
    TextError
        The text is too small for B and T.
    ConfigError
        B is not a multiple of R, a value is out of range, or the boundaries do not ascend.
    """

    ids: NDArray[np.integer] | StoredIds
    batch_size: int
    sequence_length: int
    boundaries: tuple[int, ...] = ()
    held_out: tuple[tuple[int, int], ...] = ()
    reset_probability: float = 0.0
    seed: int = 0
    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        if min(self.batch_size, self.sequence_length, self.world) < 1:
            raise ConfigError(
                "batch_size, sequence_length and world must be at least 1, got "
                f"{self.batch_size}, {self.sequence_length} and {self.world}"
            )
        if not 0 <= self.rank < self.world:
            raise ConfigError(f"rank must be 0 to {self.world - 1}, got {self.rank}")
        bounds = [0, *self.boundaries, max(1, len(self.ids))]
        if any(start >= end for start, end in itertools.pairwise(bounds)):
            raise ConfigError(
                f"boundaries must ascend from 1 to {len(self.ids) - 1}, got {list(self.boundaries)}"
            )
        uneven = self.batch_size % self.world
        if uneven:
            raise ConfigError(
                f"batch_size must be a multiple of the {self.world} processes, got "
                f"{self.batch_size}: set "
                f"{as_option('batch_size', self.batch_size - uneven + self.world)}"
            )
        if self._predictions < self.batch_size * self.sequence_length:
            raise TextError(self._too_small())

    def batch(self, step: int, part: int = 0, parts: int = 1) -> Batch:
        """Return the batch of a step ≥ 0, or a part of it, in constant time.

        The parts follow each other in time, and each has a target in at least one stream. A step
        has at most ``most_parts`` of them.

        Raises
        ------
        CorpusError
            The file of the ids was modified, or cannot be read.
        """
        firsts, counts, begins_segment = self._places(step)
        longest = int(counts.max())
        begin, end = part * longest // parts, (part + 1) * longest // parts
        length = self.sequence_length if parts == 1 else end - begin
        counts = np.clip(counts - begin, 0, length)
        own = slice(self.rank * self._share, (self.rank + 1) * self._share)
        counts_here = counts[own]
        first = np.where(counts_here > 0, firsts[own] + begin, firsts[own])
        ids, begins = self._read(first, first + counts_here + 1)
        places = np.arange(length + 1)[:, None]
        window = ids.take(begins + np.minimum(places, counts_here)).astype(np.int64)
        inputs, targets = window[:-1], window[1:]
        if counts_here.min() < length:
            inside = places[:-1] < counts_here
            last = np.maximum(counts_here - 1, 0)
            inputs = np.where(inside, inputs, window[last, np.arange(self._share)])
            targets = np.where(inside, targets, NO_TARGET)
        fresh = begins_segment | self._resets(step) if part == 0 else np.zeros_like(begins_segment)
        return Batch(
            inputs=inputs,
            targets=targets,
            reset=fresh[own],
            target_share=int(counts_here.sum()) / int(counts.sum()),
        )

    def most_parts(self, step: int) -> int:
        """Return the largest number of parts of a step's batch."""
        return int(self._places(step)[1].max())

    def epoch(self, step: int) -> float:
        """Return the number of epochs completed before a step."""
        return step * self.batch_size / self._windows

    def _places(self, step: int) -> tuple[Places, Places, NDArray[np.bool_]]:
        """Return the first symbol and the number of targets of each stream's window, int64[B].

        The third array marks windows at the start of a segment, bool[B].
        """
        windows = (self._stream_starts + step) % self._windows
        segments = np.searchsorted(self._first_windows, windows, side="right") - 1
        offsets = (windows - self._first_windows[segments]) * self.sequence_length
        starts, lasts = self._bounds[:, segments]
        counts = np.minimum(lasts - starts - offsets, self.sequence_length)
        return starts + offsets, counts, offsets == 0

    def _resets(self, step: int) -> NDArray[np.bool_]:
        """Draw the random resets of all streams before a step, bool[B]."""
        if self.reset_probability == 0:
            return np.zeros(self.batch_size, np.bool_)
        draws = np.random.default_rng((self.seed, step)).random(self.batch_size)
        drawn: NDArray[np.bool_] = draws < self.reset_probability
        return drawn

    @cached_property
    def _read(self) -> Callable[[Places, Places], tuple[NDArray[np.integer], Places]]:
        """A function from the start and end of each window, int64[B/R], to ids that contain them.

        It also returns the index of each window's first id in these ids.
        """
        ids = self.ids
        if isinstance(ids, StoredIds):
            return ReadAhead(ids, self._share, self.sequence_length + 1).read
        return lambda starts, _ends: (ids, starts)

    @cached_property
    def _bounds(self) -> NDArray[np.int64]:
        """First and last position of each segment with a prediction, int64[2, S]."""
        # A boundary within a piece makes a segment without symbols.
        pieces = np.array(self.held_out, dtype=np.int64).reshape(-1, 2)
        starts = np.sort(np.array([0, *self.boundaries, *pieces[:, 1]], dtype=np.int64))
        ends = np.sort(np.array([*self.boundaries, *pieces[:, 0], len(self.ids)], dtype=np.int64))
        lasts = ends - 1
        return np.stack([starts, lasts])[:, starts < lasts]

    @cached_property
    def _predictions(self) -> int:
        starts, lasts = self._bounds
        return int((lasts - starts).sum())

    @cached_property
    def _windows_until(self) -> NDArray[np.int64]:
        """Number of windows up to the end of each segment, int64[S]."""
        starts, lasts = self._bounds
        return np.cumsum(-((starts - lasts) // self.sequence_length))

    @property
    def _windows(self) -> int:
        return int(self._windows_until[-1])

    @cached_property
    def _first_windows(self) -> NDArray[np.int64]:
        """First window of each segment, int64[S]."""
        return np.append(np.int64(0), self._windows_until[:-1])

    @cached_property
    def _stream_starts(self) -> NDArray[np.int64]:
        """First window of each stream, for all ranks, int64[B]."""
        return np.arange(self.batch_size, dtype=np.int64) * self._windows // self.batch_size

    @property
    def _share(self) -> int:
        """Streams per rank, B/R."""
        return self.batch_size // self.world

    def _too_small(self) -> str:
        B, T = self.batch_size, self.sequence_length
        # The first symbol of a segment is not predicted.
        needed = B * T + len(self.ids) - self._predictions
        return (
            f"the training part is too small: {len(self.ids)} symbols for "
            f"{as_option('batch_size', B)} and {as_option('sequence_length', T)}, which "
            f"need {needed}; {self._suggestion()}"
        )

    def _suggestion(self) -> str:
        """Suggest the largest values that fit this text."""
        fitting = []
        batch_size = self._predictions // self.sequence_length // self.world * self.world
        if batch_size > 0:
            fitting.append(as_option("batch_size", batch_size))
        sequence_length = self._predictions // self.batch_size
        if sequence_length > 0:
            fitting.append(as_option("sequence_length", sequence_length))
        if not fitting and self._predictions >= self.world:
            both = as_option("batch_size", self.world), as_option("sequence_length", 1)
            fitting.append(" with ".join(both))
        return f"set {' or '.join(fitting)}" if fitting else "use more text"

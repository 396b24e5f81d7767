"""The product of weights with a vector, by one thread or two.

A product takes some ten microseconds, less than it takes to wake another thread. So the helper,
a second thread, looks at the desk without a pause while a piece of text is written: it finds the
rows that it is asked for there, and a vector, and leaves their sums.

Nobody depends on it. Where the machine gives the helper no time, its answer is late: the writer
then takes those rows itself, and asks for no more until the helper is back. Which of them took a
row changes nothing in its sum.

Shapes: B samples, H hidden, N rows, C columns: H rounded up, so that vector code meets no
remainder, K vectors of each sample.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.jit import compiled, inlined, load_acquire, store_release

Line = NDArray[np.float32]
Lines = NDArray[np.float32]
Blocks = NDArray[np.float32]

ROWS_AT_ONCE, SAMPLES_AT_ONCE = 4, 4  # 16 sums: as many as stay in registers
SAMPLES_IN_CACHE = 64
SHARED_VALUES = 1 << 16  # products of values, from which on a second thread is worth it
VALUES_A_LOOK = 32  # how many products of values take as long as a look at the desk

# Places of ``Desk.signals``; the two threads write to different lines of the cache.
ASKED, WHICH, FIRST, END, ANSWERED = 0, 1, 2, 3, 16
NOBODY = -1  # asked: the helper goes home; answered: it has not come yet


class Rows(NamedTuple):
    """Rows of weights.

    Attributes
    ----------
    values
        float32 or int8 [N, C].
    scales
        A factor a row, float32[N].
    """

    values: NDArray[Any]
    scales: Line


class Desk(NamedTuple):
    """Where the two threads meet.

    Attributes
    ----------
    signals
        The number of the newest question, its vectors and its first and last row, and the
        number of the newest answer, int64[17].
    vectors
        All that rows are multiplied with, float32[K, B, C].
    own, helped
        Room for what each thread finds, float32[B, ·].
    """

    signals: NDArray[np.int64]
    vectors: NDArray[np.float32]
    own: Lines
    helped: Lines


def make_desk(vectors: NDArray[np.float32], most: int) -> Desk:
    """Make a desk at which nobody helps, for products of at most so many rows."""
    signals = np.zeros(ANSWERED + 1, np.int64)
    signals[ASKED] = NOBODY
    room = (vectors.shape[1], most)
    return Desk(signals, vectors, np.zeros(room, np.float32), np.zeros(room, np.float32))


def open_desk(desk: Desk) -> None:
    """Prepare for a helper, which then may come in its thread, with ``help_out``."""
    desk.signals[ASKED] = 0
    desk.signals[ANSWERED] = NOBODY


@compiled
def close_desk(desk: Desk) -> None:
    """Send the helper home."""
    store_release(desk.signals, ASKED, NOBODY)


@compiled
def help_out(rows: Rows, desk: Desk) -> None:
    """Answer what is asked, until the desk is closed."""
    answered = 0
    store_release(desk.signals, ANSWERED, answered)
    while True:
        asked = load_acquire(desk.signals, ASKED)
        if asked == NOBODY:
            return
        if asked != answered:
            vectors = desk.vectors[desk.signals[WHICH]]
            _multiply(rows, desk.signals[FIRST], desk.signals[END], vectors, desk.helped)
            answered = asked
            store_release(desk.signals, ANSWERED, answered)


@compiled
def product(rows: Rows, desk: Desk, which: int, first: int, sums: Blocks) -> int:
    """Multiply rows with a vector of each sample, and add that to sums.

    Parameters
    ----------
    which
        The place of the vectors among those of the desk.
    first
        The first row, for the first of the sums.
    sums
        Blocks of one sum a row, float32[G, B, H].

    Returns
    -------
    The row that follows.
    """
    vectors, count = desk.vectors[which], int(sums.shape[0] * sums.shape[2])
    own = count
    if count * vectors.size >= SHARED_VALUES and _helper_is_free(desk):
        own = count // (2 * ROWS_AT_ONCE) * ROWS_AT_ONCE
        desk.signals[WHICH], desk.signals[FIRST], desk.signals[END] = (
            which,
            first + own,
            first + count,
        )
        store_release(desk.signals, ASKED, desk.signals[ASKED] + 1)
    _multiply(rows, first, first + own, vectors, desk.own)
    _add_blocks(desk.own, 0, own, sums)
    if own == count:
        return first + count
    # An answer is waited for as long as it takes to do without it.
    for _ in range((count - own) * vectors.size // VALUES_A_LOOK):
        if _helper_is_free(desk):
            _add_blocks(desk.helped, own, count, sums)
            return first + count
    _multiply(rows, first + own, first + count, vectors, desk.own)
    _add_blocks(desk.own, own, count, sums)
    return first + count


@inlined
def _helper_is_free(desk: Desk) -> bool:
    asked = desk.signals[ASKED]
    return bool(asked != NOBODY and load_acquire(desk.signals, ANSWERED) == asked)


@compiled
def _add_blocks(found: Lines, start: int, stop: int, sums: Blocks) -> None:
    """Add what the rows from ``start`` to ``stop`` gave, float32[B, ·], to blocks of sums."""
    G, B, H = sums.shape
    for block in range(G):
        low, high = max(start, block * H), min(stop, (block + 1) * H)
        for sample in range(B):
            for row in range(low, high):
                sums[block, sample, row - block * H] += found[sample, row - start]


@compiled
def _multiply(rows: Rows, first: int, end: int, vectors: Lines, found: Lines) -> None:
    """Multiply rows with vectors [B, C] into ``found`` [B, ·], whose first column is ``first``."""
    whole = first + (end - first) // ROWS_AT_ONCE * ROWS_AT_ONCE
    B = len(vectors)
    for start in range(0, B, SAMPLES_IN_CACHE):
        stop = min(start + SAMPLES_IN_CACHE, B)
        for row in range(first, whole, ROWS_AT_ONCE):
            sample = start
            while sample + SAMPLES_AT_ONCE <= stop:
                _sixteen(rows, row, vectors, sample, found, row - first)
                sample += SAMPLES_AT_ONCE
            while sample < stop:
                _four(rows, row, vectors, sample, found, row - first)
                sample += 1
        for row in range(whole, end):
            for sample in range(start, stop):
                total = np.float32(0)
                for j in range(vectors.shape[1]):
                    total += np.float32(rows.values[row, j]) * vectors[sample, j]
                found[sample, row - first] = total * rows.scales[row]


@inlined
def _four(rows: Rows, row: int, xs: Lines, sample: int, found: Lines, place: int) -> None:
    """Multiply four rows with the vector of one sample."""
    values, scales = rows.values, rows.scales
    a = b = c = d = np.float32(0)
    for j in range(xs.shape[1]):
        x = xs[sample, j]
        a += np.float32(values[row, j]) * x
        b += np.float32(values[row + 1, j]) * x
        c += np.float32(values[row + 2, j]) * x
        d += np.float32(values[row + 3, j]) * x
    found[sample, place] = a * scales[row]
    found[sample, place + 1] = b * scales[row + 1]
    found[sample, place + 2] = c * scales[row + 2]
    found[sample, place + 3] = d * scales[row + 3]


@inlined
def _sixteen(rows: Rows, row: int, xs: Lines, sample: int, found: Lines, place: int) -> None:
    """Multiply four rows with the vectors of four samples: each value read is used four times."""
    values, scales = rows.values, rows.scales
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = np.float32(0)
    c0 = c1 = c2 = c3 = d0 = d1 = d2 = d3 = np.float32(0)
    for j in range(xs.shape[1]):
        x0, x1, x2, x3 = xs[sample, j], xs[sample + 1, j], xs[sample + 2, j], xs[sample + 3, j]
        a = np.float32(values[row, j])
        b = np.float32(values[row + 1, j])
        c = np.float32(values[row + 2, j])
        d = np.float32(values[row + 3, j])
        a0 += a * x0
        a1 += a * x1
        a2 += a * x2
        a3 += a * x3
        b0 += b * x0
        b1 += b * x1
        b2 += b * x2
        b3 += b * x3
        c0 += c * x0
        c1 += c * x1
        c2 += c * x2
        c3 += c * x3
        d0 += d * x0
        d1 += d * x1
        d2 += d * x2
        d3 += d * x3
    sums = ((a0, b0, c0, d0), (a1, b1, c1, d1), (a2, b2, c2, d2), (a3, b3, c3, d3))
    for s in range(SAMPLES_AT_ONCE):
        for r in range(ROWS_AT_ONCE):
            found[sample + s, place + r] = sums[s][r] * scales[row + r]

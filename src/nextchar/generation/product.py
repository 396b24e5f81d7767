"""The product of weights with a vector, by one thread or two.

A product takes some ten microseconds, less than it takes to wake another thread. So the helper,
a second thread, looks at the desk without a pause while a piece of text is written: it finds the
rows that it is asked for there, and a vector, and leaves their sums.

Nobody depends on it. Where the machine gives the helper no time, its answer is late: the writer
then takes those rows itself, and asks for no more until the helper is back. Which of them took a
row changes nothing in its sum.

Shapes: H hidden, N rows, C columns: H rounded up, so that vector code meets no remainder.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.jit import compiled, inlined, load_acquire, store_release

Line = NDArray[np.float32]

ROWS_AT_ONCE = 4
SHARED_BYTES = 1 << 18  # of weights, from which on a product is worth being shared
VALUES_A_LOOK = 32  # how many products of values take as long as a look at the desk

# Places of ``Desk.signals``; the two threads write to different lines of the cache.
ASKED, FIRST, END, ANSWERED = 0, 1, 2, 16
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
        The number of the newest question and its first and last row, and the number of the
        newest answer, int64[17].
    vector, sums
        What the rows are multiplied with, float32[C], and what that is added to, float32[N].
    """

    signals: NDArray[np.int64]
    vector: Line
    sums: Line


def make_desk(rows: Rows) -> Desk:
    """Make a desk at which nobody helps."""
    N, C = rows.values.shape
    signals = np.zeros(ANSWERED + 1, np.int64)
    signals[ASKED] = NOBODY
    return Desk(signals, np.zeros(C, np.float32), np.zeros(N, np.float32))


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
            first, end = desk.signals[FIRST], desk.signals[END]
            _multiply(rows, first, end, desk.vector, desk.sums)
            answered = asked
            store_release(desk.signals, ANSWERED, answered)


@compiled
def product(rows: Rows, desk: Desk, first: int, vector: Line, sums: Line) -> int:
    """Multiply the rows from ``first`` on with a vector [C], and add to the sums, one a row.

    Returns
    -------
    The row that follows.
    """
    end = first + sums.size
    if sums.size * vector.size * rows.values.itemsize < SHARED_BYTES or not _helper_is_free(desk):
        _multiply(rows, first, end, vector, sums)
        return end
    own = sums.size // (2 * ROWS_AT_ONCE) * ROWS_AT_ONCE
    left = sums[own:]
    desk.vector[:] = vector
    desk.sums[: left.size] = left
    desk.signals[FIRST], desk.signals[END] = first + own, end
    store_release(desk.signals, ASKED, desk.signals[ASKED] + 1)
    _multiply(rows, first, first + own, vector, sums)
    # A late answer is waited for as long as it takes to do without it.
    for _ in range(left.size * vector.size // VALUES_A_LOOK):
        if _helper_is_free(desk):
            left[:] = desk.sums[: left.size]
            return end
    _multiply(rows, first + own, end, vector, left)
    return end


@inlined
def _helper_is_free(desk: Desk) -> bool:
    asked = desk.signals[ASKED]
    return bool(asked != NOBODY and load_acquire(desk.signals, ANSWERED) == asked)


@compiled
def _multiply(rows: Rows, first: int, end: int, vector: Line, sums: Line) -> None:
    """Add the products of rows and the vector to the sums, of which the first row has the first."""
    values, scales = rows.values, rows.scales
    row = first
    while row + ROWS_AT_ONCE <= end:
        a = b = c = d = np.float32(0)
        for j in range(vector.size):
            a += np.float32(values[row, j]) * vector[j]
            b += np.float32(values[row + 1, j]) * vector[j]
            c += np.float32(values[row + 2, j]) * vector[j]
            d += np.float32(values[row + 3, j]) * vector[j]
        sums[row - first] += a * scales[row]
        sums[row - first + 1] += b * scales[row + 1]
        sums[row - first + 2] += c * scales[row + 2]
        sums[row - first + 3] += d * scales[row + 3]
        row += ROWS_AT_ONCE
    while row < end:
        a = np.float32(0)
        for j in range(vector.size):
            a += np.float32(values[row, j]) * vector[j]
        sums[row - first] += a * scales[row]
        row += 1

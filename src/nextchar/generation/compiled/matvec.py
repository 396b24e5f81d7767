"""The product of weights with a vector of each sample, by one thread or two.

The weights stand in panels of ``COLUMNS`` rows, so that a panel's products with a vector are sums
side by side in registers (``nn.tiles``), and weights are read in the order in which they lie.

A product takes some ten microseconds, less than it takes to wake another thread. So the helper,
a second thread, looks at the desk without a pause while a piece of text is written: it finds the
panels that it is asked for there, and a vector, and leaves their sums.

Nobody depends on it. Where the machine gives the helper no time, its answer is late: the writer
then takes those panels itself, and asks for no more until the helper is back. Which of them took a
panel changes nothing in its sums.

Shapes: B samples, H hidden, P panels, C columns of a panel, K vectors of each sample.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import (
    compiled,
    inlined,
    load_acquire,
    store_release,
    use_widest_vectors,
)
from nextchar.nn.kernels.gemm import ROWS, VECTOR_BYTES, VECTORS, VECTORS_OF_A_ROW, tile_of

Line = NDArray[np.float32]
Lines = NDArray[np.float32]
Blocks = NDArray[np.float32]

COLUMNS = 64
MANY, FEW = ROWS, ROWS // 2  # samples at once
SAMPLES_IN_CACHE = 32
SHARED_VALUES = 1 << 16  # products of values, from which on a second thread is worth it
VALUES_A_LOOK = 32  # how many products of values take as long as a look at the desk

_WIDTH = VECTORS * VECTOR_BYTES // 4
_WIDTH_OF_FEW, _WIDTH_OF_ONE = 2 * _WIDTH, VECTORS_OF_A_ROW * VECTOR_BYTES // 4
_many, _few = tile_of(MANY, VECTORS), tile_of(FEW, 2 * VECTORS)
_one = tile_of(1, VECTORS_OF_A_ROW)

# Places of ``Desk.signals``; the two threads write to different lines of the cache.
ASKED, WHICH, FIRST, END, ANSWERED = 0, 1, 2, 3, 16
NOBODY = -1  # asked: the helper goes home; answered: it has not come yet


class Panels(NamedTuple):
    """Weights that vectors are multiplied with.

    Attributes
    ----------
    values
        float32 or int8 [P, H · C]: of each panel, the weights of its C rows side by side for each
        of the H places of a vector.
    scales
        A factor a row, float32[P, C].
    turns
        Whether panels from one on were read from the last to the first when they were last
        multiplied, int8[P].
    """

    values: NDArray[Any]
    scales: Line
    turns: NDArray[np.int8]


class Desk(NamedTuple):
    """Where the two threads meet.

    Attributes
    ----------
    signals
        The number of the newest question, its vectors and its first and last panel, and the
        number of the newest answer, int64[17].
    vectors
        All that panels are multiplied with, float32[K, B, H].
    own, helped
        Room for what each thread finds, float32[B, ·].
    """

    signals: NDArray[np.int64]
    vectors: NDArray[np.float32]
    own: Lines
    helped: Lines


def make_desk(vectors: NDArray[np.float32], most: int) -> Desk:
    """Make a desk at which nobody helps, for products of at most so many panels."""
    signals = np.zeros(ANSWERED + 1, np.int64)
    signals[ASKED] = NOBODY
    room = (vectors.shape[1], most * COLUMNS)
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
def help_out(panels: Panels, desk: Desk) -> None:
    """Answer what is asked, until the desk is closed."""
    answered = 0
    store_release(desk.signals, ANSWERED, answered)
    while True:
        asked = load_acquire(desk.signals, ASKED)
        if asked == NOBODY:
            return
        if asked != answered:
            vectors = desk.vectors[desk.signals[WHICH]]
            _multiply(panels, desk.signals[FIRST], desk.signals[END], vectors, desk.helped)
            answered = asked
            store_release(desk.signals, ANSWERED, answered)


@compiled
def product(panels: Panels, desk: Desk, which: int, first: int, sums: Blocks) -> int:
    """Multiply panels with a vector of each sample, and add that to sums.

    Parameters
    ----------
    which
        The place of the vectors among those of the desk.
    first
        The first panel, whose first row is for the first of the sums.
    sums
        Blocks of one sum a row, float32[G, B, H].

    Returns
    -------
    The panel that follows.
    """
    vectors = desk.vectors[which]
    end = first + panels_of(sums.shape[0] * sums.shape[2])
    middle, values = end, (end - first) * COLUMNS * vectors.size
    if values >= SHARED_VALUES and _helper_is_free(desk):
        middle = first + (end - first) // 2
        desk.signals[WHICH], desk.signals[FIRST], desk.signals[END] = which, middle, end
        store_release(desk.signals, ASKED, desk.signals[ASKED] + 1)
    _multiply(panels, first, middle, vectors, desk.own)
    _add_blocks(panels, first, first, middle, desk.own, sums)
    if middle == end:
        return end
    # An answer is waited for as long as it takes to do without it.
    for _ in range((end - middle) * COLUMNS * vectors.size // VALUES_A_LOOK):
        if _helper_is_free(desk):
            _add_blocks(panels, first, middle, end, desk.helped, sums)
            return end
    _multiply(panels, middle, end, vectors, desk.own)
    _add_blocks(panels, first, middle, end, desk.own, sums)
    return end


@inlined
def panels_of(rows: int) -> int:
    """Give how many panels so many rows of one product fill."""
    return (rows + COLUMNS - 1) // COLUMNS


@inlined
def _helper_is_free(desk: Desk) -> bool:
    asked = desk.signals[ASKED]
    return bool(asked != NOBODY and load_acquire(desk.signals, ANSWERED) == asked)


@compiled
def _add_blocks(
    panels: Panels, first: int, start: int, stop: int, found: Lines, sums: Blocks
) -> None:
    """Add what the panels from ``start`` to ``stop`` gave, [B, ·], to blocks of sums.

    The blocks begin with the panel ``first``.
    """
    use_widest_vectors()
    G, B, H = sums.shape
    for panel in range(start, stop):
        scales = panels.scales[panel]
        row = (panel - first) * COLUMNS
        last = min(row + COLUMNS, G * H)
        while row < last:
            block = row // H
            count = min(last, (block + 1) * H) - row
            place = row - (panel - first) * COLUMNS
            for sample in range(B):
                line = sums[block, sample, row - block * H :]
                part = found[sample, (panel - start) * COLUMNS + place :]
                for each in range(count):
                    line[each] += part[each] * scales[place + each]
            row += count


@compiled
def _multiply(panels: Panels, first: int, end: int, vectors: Lines, found: Lines) -> None:
    """Multiply panels with vectors [B, H] into ``found`` [B, ·], from its first column on.

    Every other time they are read from the last to the first: of weights that are a little more
    than the cache holds, those that were read last are still there.
    """
    B, back = len(vectors), panels.turns[first] == 0
    panels.turns[first] = 1 if back else 0
    for start in range(0, B, SAMPLES_IN_CACHE):
        stop = min(start + SAMPLES_IN_CACHE, B)
        for step in range(end - first):
            place_of_panel = end - first - 1 - step if back else step
            panel, column = panels.values[first + place_of_panel], place_of_panel * COLUMNS
            sample = start
            while sample + MANY <= stop:
                for place in range(0, COLUMNS, _WIDTH):
                    _many(vectors, sample, panel, place, COLUMNS, found, column + place)
                sample += MANY
            if sample + FEW <= stop:
                for place in range(0, COLUMNS, _WIDTH_OF_FEW):
                    _few(vectors, sample, panel, place, COLUMNS, found, column + place)
                sample += FEW
            while sample < stop:
                for place in range(0, COLUMNS, _WIDTH_OF_ONE):
                    _one(vectors, sample, panel, place, COLUMNS, found, column + place)
                sample += 1

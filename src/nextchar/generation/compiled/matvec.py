"""The product of weights with a vector of each sample, by one thread or two.

The weights are packed into panels of ``COLUMNS`` rows. The products of a panel with a vector are
neighbouring sums in registers (``nn.kernels.gemm``), and weights are read in storage order.

A product takes some ten microseconds, less than waking another thread. So the helper, a second
thread, polls a work queue of one request while a piece of text is generated: it reads the panels
and the vector of the request, and writes their sums to the queue.

The loop never depends on the helper. If it is scheduled too late, the main thread computes the
requested panels itself, and makes no more requests until the helper is back. The sums of a panel do
not depend on the thread.

Shapes: B samples, H hidden, P panels, C columns of a panel, K vectors of each sample.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import (
    compiled_without_allocation,
    inlined,
    load_acquire,
    store_release,
    use_widest_vectors,
)
from nextchar.nn.kernels.gemm import ROWS, VECTOR_BYTES, VECTORS, VECTORS_OF_A_ROW, micro_kernel

Line = NDArray[np.float32]
Lines = NDArray[np.float32]
Blocks = NDArray[np.float32]

COLUMNS = 64
MANY, FEW = ROWS, ROWS // 2  # samples at once
SAMPLES_IN_CACHE = 32
SHARED_VALUES = 1 << 16  # products of values from which a second thread pays off
VALUES_PER_POLL = 32  # products of values in the time of a look at the queue

_WIDTH = VECTORS * VECTOR_BYTES // 4
_WIDTH_OF_FEW, _WIDTH_OF_ONE = 2 * _WIDTH, VECTORS_OF_A_ROW * VECTOR_BYTES // 4
_many, _few = micro_kernel(MANY, VECTORS), micro_kernel(FEW, 2 * VECTORS)
_one = micro_kernel(1, VECTORS_OF_A_ROW)

# Places in ``WorkQueue.signals``; the two threads write to different cache lines.
REQUEST, VECTORS_AT, FIRST, END, RESPONSE = 0, 1, 2, 3, 16
CLOSED = -1  # as the request: the helper exits; as the response: it has not started yet


class Panels(NamedTuple):
    """Packed weights.

    Attributes
    ----------
    values
        float32 or int8 [P, H · C]: for each of the H values of a vector, the weights of the C rows
        of a panel are neighbours.
    scales
        A factor per row, float32[P, C].
    turns
        Whether panels from one on were read from the last to the first when they were last
        multiplied, int8[P].
    """

    values: NDArray[Any]
    scales: Line
    turns: NDArray[np.int8]


class WorkQueue(NamedTuple):
    """The one request that the main thread has for the helper.

    Attributes
    ----------
    signals
        The number of the newest request, its vectors and its first and last panel, and the number
        of the newest response, int64[17].
    vectors
        All vectors, float32[K, B, H].
    own, helped
        Memory for the results of each thread, float32[B, ·].
    """

    signals: NDArray[np.int64]
    vectors: NDArray[np.float32]
    own: Lines
    helped: Lines


def make_queue(vectors: NDArray[np.float32], most: int) -> WorkQueue:
    """Make a closed queue for products of at most this many panels."""
    signals = np.zeros(RESPONSE + 1, np.int64)
    signals[REQUEST] = CLOSED
    room = (vectors.shape[1], most * COLUMNS)
    return WorkQueue(signals, vectors, np.zeros(room, np.float32), np.zeros(room, np.float32))


def open_queue(queue: WorkQueue) -> None:
    """Open the queue for a helper, which runs ``help_out`` in its thread."""
    queue.signals[REQUEST] = 0
    queue.signals[RESPONSE] = CLOSED


@compiled_without_allocation
def close_queue(queue: WorkQueue) -> None:
    """Make the helper exit."""
    store_release(queue.signals, REQUEST, CLOSED)


@compiled_without_allocation
def help_out(panels: Panels, queue: WorkQueue) -> None:
    """Process requests until the queue is closed."""
    response = 0
    store_release(queue.signals, RESPONSE, response)
    while True:
        request = load_acquire(queue.signals, REQUEST)
        if request == CLOSED:
            return
        if request != response:
            vectors = queue.vectors[queue.signals[VECTORS_AT]]
            _multiply(panels, queue.signals[FIRST], queue.signals[END], vectors, queue.helped)
            response = request
            store_release(queue.signals, RESPONSE, response)


@compiled_without_allocation
def product(panels: Panels, queue: WorkQueue, which: int, first: int, sums: Blocks) -> int:
    """Multiply panels with a vector of each sample, and add the products to sums.

    Parameters
    ----------
    which
        The place of the vectors in the queue.
    first
        The first panel, whose first row is for the first of the sums.
    sums
        Blocks with one sum per row, float32[G, B, H].

    Returns
    -------
    The next panel.
    """
    vectors = queue.vectors[which]
    end = first + panels_of(sums.shape[0] * sums.shape[2])
    middle, values = end, (end - first) * COLUMNS * vectors.size
    if values >= SHARED_VALUES and _helper_is_free(queue):
        middle = first + (end - first) // 2
        queue.signals[VECTORS_AT], queue.signals[FIRST], queue.signals[END] = which, middle, end
        store_release(queue.signals, REQUEST, queue.signals[REQUEST] + 1)
    _multiply(panels, first, middle, vectors, queue.own)
    _add_blocks(panels, first, first, middle, queue.own, sums)
    if middle == end:
        return end
    # Wait for the response only as long as its computation here would take.
    for _ in range((end - middle) * COLUMNS * vectors.size // VALUES_PER_POLL):
        if _helper_is_free(queue):
            _add_blocks(panels, first, middle, end, queue.helped, sums)
            return end
    _multiply(panels, middle, end, vectors, queue.own)
    _add_blocks(panels, first, middle, end, queue.own, sums)
    return end


@inlined
def panels_of(rows: int) -> int:
    """Return the number of panels that the rows of one product fill."""
    return (rows + COLUMNS - 1) // COLUMNS


@inlined
def _helper_is_free(queue: WorkQueue) -> bool:
    request = queue.signals[REQUEST]
    return bool(request != CLOSED and load_acquire(queue.signals, RESPONSE) == request)


@compiled_without_allocation
def _add_blocks(
    panels: Panels, first: int, start: int, stop: int, found: Lines, sums: Blocks
) -> None:
    """Add the products of the panels from ``start`` to ``stop``, [B, ·], to blocks of sums.

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


@compiled_without_allocation
def _multiply(panels: Panels, first: int, end: int, vectors: Lines, found: Lines) -> None:
    """Multiply panels with vectors [B, H] into ``found`` [B, ·], from its first column on.

    Every other time they are read from the last to the first: if the weights slightly exceed the
    cache, those read last are still in it.
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

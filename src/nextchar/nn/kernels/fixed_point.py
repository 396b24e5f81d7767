"""Products of 16-bit integers, which some processors compute at twice the rate of float32.

A value is an integer times a *scale*. Values share scales: those of h, which are at most 1 in size,
or all inputs of a sequence; all weights of one value of the result; the gradients of one time step
for 16 units. That leaves 12 bits and a sign, 13 for gradients; bfloat16 has 8. (Das et al. 2018,
"Mixed precision training of convolutional neural networks using integer operations".)

The sum of a *chunk* of products is exact: it is below 2³¹ for all values. The chunks are added in
float32, in their order, for any number of rows and workers.

The instruction reads two neighbouring values of the inner dimension at once. If that dimension is
the units of a layer, the two are neighbours in a row. If it is the streams, as in the gradient of
the weights, they are the halves of one int32, the *pairs*.

Shapes: T time steps, B streams, I inputs, H hidden, G gates, K inner dimension, P packed panels of
C columns. Gradients come in blocks of 16 units: [block][gate][unit].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled_without_allocation, inlined, use_widest_vectors
from nextchar.nn.kernels.gemm_int16 import (
    LANES,
    LOW,
    MAGNITUDE,
    ROUNDING,
    integer_kernel_of,
    largest_magnitude,
    quantize_pairs,
)
from nextchar.nn.kernels.slices import Array, Units, of

Integers = NDArray[np.int16]
Pairs = NDArray[np.int32]

INT16_BYTES = 2
BLOCK = LANES  # units
ONE = 4096  # the integer of 1 among the values of h
LARGEST_WEIGHT, LARGEST_GRADIENT = 4095, 8191

# Pairs of a chunk, whose sum stays below 2³¹: 128 · ONE · LARGEST_WEIGHT; of each of at most four
# gates, 64 · LARGEST_GRADIENT · LARGEST_WEIGHT; and of streams, 64 · ONE · LARGEST_GRADIENT.
PAIRS_OF_STATES = 64
PAIRS_OF_GRADIENTS = BLOCK // 2
PAIRS_OF_STREAMS = 32

_ROWS, _HALF, _VECTORS = 8, 4, 2
COLUMNS = _VECTORS * LANES  # C

_many, _few, _one = (integer_kernel_of(rows, _VECTORS) for rows in (_ROWS, _HALF, 1))
_adding, _adding_narrow = (integer_kernel_of(_ROWS, width, adds=True) for width in (_VECTORS, 1))


def pairs_of(streams: int) -> int:
    """Return the number of pairs that hold B streams, in chunks of equal length."""
    pairs = -(-streams // 2)
    count = max(1, -(-pairs // PAIRS_OF_STREAMS))
    return -(-pairs // count) * count


@compiled_without_allocation
def multiply_integers(
    xs: Integers,
    panels: Integers,
    factors: Array,
    scales: Array,
    first_scale: int,
    scale_stride: int,
    chunk: int,
    out: Array,
) -> None:
    """Multiply xs [B, K] with panels [P, K · C] into out [B, P · C].

    A chunk of K has ``chunk`` pairs; ``scales`` [·] has the scale of each, from ``first_scale`` on.
    ``factors`` [P · C] are the scales of the columns.
    """
    use_widest_vectors()
    (B, K), C = xs.shape, COLUMNS
    pairs, wide = K // 2, out.shape[1]
    for place in range(len(panels)):
        panel, column, row = panels[place], place * C, 0
        while row < B:
            x, o = row * pairs, row * wide + column
            if row + _ROWS <= B:
                _many(
                    xs, x, pairs, 1, panel, 0, C, pairs, chunk, scales, first_scale, scale_stride,
                    1, factors, column, out, o, wide,
                )  # fmt: skip
                row += _ROWS
            elif row + _HALF <= B:
                _few(
                    xs, x, pairs, 1, panel, 0, C, pairs, chunk, scales, first_scale, scale_stride,
                    1, factors, column, out, o, wide,
                )  # fmt: skip
                row += _HALF
            else:
                _one(
                    xs, x, pairs, 1, panel, 0, C, pairs, chunk, scales, first_scale, scale_stride,
                    1, factors, column, out, o, wide,
                )  # fmt: skip
                row += 1


@compiled_without_allocation
def multiply_pairs(
    first: int,
    units: Units,
    gates: int,
    streams: int,
    states: Pairs,
    gradients: Pairs,
    scales: Array,
    factors: Array,
    panel: Pairs,
    d_weight: Array,
) -> None:
    """Add the outer products of gradients and states of some time steps to d_weight [G·H, I].

    ``gradients`` [blocks, G, n, pairs, 16] are of n steps from ``first`` on, fewer at the end;
    ``states`` is [T, pairs, I], ``scales`` [blocks, T]. ``factors`` [C] is the scale of the
    states, ``panel`` [at least n · pairs, C] memory. Only the rows of these units are written.
    """
    use_widest_vectors()
    T, pairs, I = states.shape  # noqa: E741
    H = len(d_weight) // gates
    count, at_once = (streams + 1) // 2, gradients.shape[2]
    each = (count + PAIRS_OF_STREAMS - 1) // PAIRS_OF_STREAMS
    chunk, end = pairs // each, min(T, first + at_once)
    inner = (end - first) * pairs
    for column in range(0, I, COLUMNS):
        width = min(COLUMNS, I - column)
        _pack_states(states, first, end, column, width, panel)
        for block in range(units[0] // BLOCK, units[1] // BLOCK):
            first_scale = block * T + first
            for gate in range(gates):
                x = (block * gates + gate) * at_once * pairs * BLOCK
                o = (gate * H + block * BLOCK) * I + column
                for half in range(0, BLOCK, _ROWS):
                    if width == COLUMNS:
                        _adding(
                            gradients, x + half, 1, BLOCK, panel, 0, COLUMNS, inner, chunk, scales,
                            first_scale, 1, each, factors, 0, d_weight, o + half * I, I,
                        )  # fmt: skip
                    else:
                        _adding_narrow(
                            gradients, x + half, 1, BLOCK, panel, 0, COLUMNS, inner, chunk, scales,
                            first_scale, 1, each, factors, 0, d_weight, o + half * I, I,
                        )  # fmt: skip


@inlined
def _pack_states(
    states: Pairs, first: int, end: int, column: int, width: int, panel: Pairs
) -> None:
    """Copy some columns of the states of some time steps to a panel."""
    pairs = states.shape[1]
    for t in range(first, end):
        for pair in range(pairs):
            source, target = states[t, pair], panel[(t - first) * pairs + pair]
            for j in range(width):
                target[j] = source[column + j]


@inlined
def _integer(x: np.float32, inverse: np.float32) -> np.int32:
    """Return the integer nearest to x · inverse in the lower half of the bits; ignore the upper."""
    return np.float32(x * inverse + ROUNDING).view(np.int32)


@inlined
def _inverse_scale(largest: np.float32, limit: int) -> np.float32:
    """Return 1 / scale, which maps the largest value to the limit; 0 if all values are 0."""
    return np.float32(0) if largest == 0 else np.float32(limit) / largest


@compiled_without_allocation
def quantize_states(
    t: int, units: Units, hidden: Array, scale: np.float32, integers: Integers, pairs: Pairs
) -> None:
    """Store h of time step t as integers [2, B, H], in turn, and as pairs [T, ·, H] unless T is 0.

    h is an integer times ``scale``; its size must not exceed ``ONE``. NaN becomes 0 here, and stays
    visible in h itself.
    """
    use_widest_vectors()
    B, rows, inverse = hidden.shape[1], integers[t % 2], np.float32(1) / scale
    for b in range(B):
        _quantize_line(of(hidden[t, b], units), inverse, of(rows[b], units))
    if t < len(pairs):
        for b in range(0, B - 1, 2):
            one, other = of(hidden[t, b], units), of(hidden[t, b + 1], units)
            _pair_lines(one, other, inverse, of(pairs[t, b // 2], units))
        if B % 2 > 0:
            _quantize_line(of(hidden[t, B - 1], units), inverse, of(pairs[t, B // 2], units))


@inlined
def _quantize_line(states: Array, inverse: np.float32, line: Array) -> None:
    """Store states as int16, or as the lower halves of int32."""
    for j in range(line.size):
        bits = _integer(states[j], inverse)
        line[j] = np.int16(bits) if line.itemsize == INT16_BYTES else bits & LOW


@inlined
def _pair_lines(one: Array, other: Array, inverse: np.float32, line: Pairs) -> None:
    """Store the states of two streams as halves of int32."""
    for j in range(line.size):
        low, high = _integer(one[j], inverse), _integer(other[j], inverse)
        line[j] = (low & LOW) | np.int32(high << np.int32(16))


@compiled_without_allocation
def quantize_gradients(
    t: int,
    units: Units,
    gates: int,
    gradients: Array,
    integers: Integers,
    pairs: Pairs,
    scales: Array,
) -> None:
    """Store the gradients of time step t as integers [2, B, G·H], in turn, and as pairs.

    ``gradients`` is [T, B, G·H], or [1, B, G·H] for the newest step alone; ``pairs``
    [blocks, G, n, pairs, 16] are of n steps, in turn. The scales are written to ``scales``
    [blocks, T].
    """
    use_widest_vectors()
    (_, B, K), at_once, count = gradients.shape, pairs.shape[2], pairs.shape[3]
    H, here, turn = K // gates, t % len(gradients) * B * K, t % 2 * B * K
    for block in range(units[0] // BLOCK, units[1] // BLOCK):
        bits = np.int32(0)
        for gate in range(gates):
            bits = max(bits, largest_magnitude(gradients, here + gate * H + block * BLOCK, K, B))
        largest = np.int32(bits).view(np.float32)
        scales[block, t] = largest / np.float32(LARGEST_GRADIENT)
        inverse = _inverse_scale(largest, LARGEST_GRADIENT)
        for gate in range(gates):
            source, target = gate * H + block * BLOCK, (block * gates + gate) * BLOCK
            place = ((block * gates + gate) * at_once + t % at_once) * count * BLOCK
            quantize_pairs(
                gradients,
                here + source,
                K,
                B // 2,
                inverse,
                integers,
                turn + target,
                K,
                pairs,
                place,
            )
            if B % 2 > 0:
                for j in range(BLOCK):
                    last = _integer(gradients[t % len(gradients), B - 1, source + j], inverse)
                    integers[t % 2, B - 1, target + j] = np.int16(last)
                    pairs[block, gate, t % at_once, B // 2, j] = last & LOW


@inlined
def pack_integer_rows(
    weight: Array, gates: int, units: Units, panels: Integers, factors: Array
) -> None:
    """Pack the rows of some units of each gate of weight [G·H, K], for x · Wᵀ."""
    K, C = weight.shape[1], COLUMNS
    H, count = len(weight) // gates, units[1] - units[0]
    for place in range(len(panels)):
        panel = panels[place].view(np.int32)
        for column in range(C):
            row = place * C + column
            if row >= gates * count:
                factors[row] = 0
                for pair in range(K // 2):
                    panel[pair * C + column] = 0
                continue
            line = weight[row // count * H + units[0] + row % count]
            bits = np.int32(0)
            for k in range(K):
                bits = max(bits, np.float32(line[k]).view(np.int32) & MAGNITUDE)
            largest = np.int32(bits).view(np.float32)
            factors[row] = largest / np.float32(LARGEST_WEIGHT)
            inverse = _inverse_scale(largest, LARGEST_WEIGHT)
            for pair in range(K // 2):
                low, high = _integer(line[2 * pair], inverse), _integer(line[2 * pair + 1], inverse)
                panel[pair * C + column] = (low & LOW) | np.int32(high << np.int32(16))


@inlined
def pack_integer_columns(
    weight: Array, gates: int, units: Units, panels: Integers, factors: Array
) -> None:
    """Pack some columns of weight [G·H, I], for x · W, K in blocks."""
    H, C = len(weight) // gates, COLUMNS
    for place in range(len(panels)):
        panel, first = panels[place].view(np.int32), units[0] + place * C
        count = max(0, min(C, units[1] - first))
        inverses = factors[place * C : place * C + C]
        _find_inverse_scales(weight, first, count, inverses)
        for block in range(H // BLOCK):
            for gate in range(gates):
                for j in range(0, BLOCK, 2):
                    k = gate * H + block * BLOCK + j
                    start = ((block * gates + gate) * BLOCK + j) // 2 * C
                    one, other = (
                        weight[k, first : first + count],
                        weight[k + 1, first : first + count],
                    )
                    target = panel[start : start + C]
                    for column in range(count):
                        low = _integer(one[column], inverses[column])
                        high = _integer(other[column], inverses[column])
                        target[column] = (low & LOW) | np.int32(high << np.int32(16))
                    for column in range(count, C):
                        target[column] = 0
        for column in range(C):
            inverses[column] = np.float32(0) if inverses[column] == 0 else 1 / inverses[column]


@inlined
def _find_inverse_scales(weight: Array, first: int, count: int, inverses: Array) -> None:
    """Write 1 / scale of some columns of weight [K, I] to a panel's factors [C]."""
    magnitudes = inverses.view(np.int32)
    for column in range(COLUMNS):
        magnitudes[column] = 0
    for k in range(len(weight)):
        line = weight[k, first : first + count]
        for column in range(count):
            bits = np.float32(line[column]).view(np.int32) & MAGNITUDE
            magnitudes[column] = max(magnitudes[column], bits)
    for column in range(COLUMNS):
        inverses[column] = _inverse_scale(inverses[column], LARGEST_WEIGHT)

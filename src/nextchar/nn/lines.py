"""What is done to a line [H] of one step: compiled into the calls of ``pointwise``.

A line is float64 where storage is, and float32 otherwise. Storage is float32, float64, or uint16
that holds the bits of bfloat16. Every loop has few arrays, so that it becomes vector code.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextchar.jit import inlined, sigmoid, tanh

Array = NDArray[Any]
Units = tuple[int, int]  # the first, and the one after the last

BFLOAT16_BYTES, FLOAT64_BYTES = 2, 8
NEXT_TO_NOTHING = np.float32(1e-30)


@inlined
def of(line: Array, units: Units) -> Array:
    """Take the values of some units out of a stored line [H]."""
    return line[units[0] : units[1]]


@inlined
def of_gate(line: Array, gate: int, hidden_size: int, units: Units) -> Array:
    """Take the values of a gate's units out of a stored line [G·H]."""
    return line[gate * hidden_size + units[0] : gate * hidden_size + units[1]]


@inlined
def widen(source: Array, line: Array) -> None:
    """Read a stored line."""
    if source.itemsize == BFLOAT16_BYTES:
        for j in range(line.size):
            line[j] = np.uint32(np.uint32(source[j]) << np.uint32(16)).view(np.float32)
    else:
        for j in range(line.size):
            line[j] = source[j]


@inlined
def widen_sum(first: Array, second: Array, line: Array) -> None:
    """Read the sum of two stored lines."""
    if first.itemsize == BFLOAT16_BYTES:
        for j in range(line.size):
            one = np.uint32(np.uint32(first[j]) << np.uint32(16)).view(np.float32)
            other = np.uint32(np.uint32(second[j]) << np.uint32(16)).view(np.float32)
            line[j] = one + other
    else:
        for j in range(line.size):
            line[j] = first[j] + second[j]


@inlined
def narrow(line: Array, target: Array) -> None:
    """Store a line; bfloat16 rounds to the nearest, ties to even, and keeps NaN.

    In float32, what is next to nothing becomes nothing: a gate that is closed for good makes
    gradients of less than float32's normal numbers, and a product with a few of those among its
    factors takes up to a hundred times as long.
    """
    if target.itemsize == BFLOAT16_BYTES:
        for j in range(line.size):
            bits = np.float32(line[j]).view(np.uint32)
            half = np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
            rounded = (bits + half) >> np.uint32(16)
            is_nan = (bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
            target[j] = np.uint16(0x7FC0) if is_nan else np.uint16(rounded)
    elif target.itemsize == FLOAT64_BYTES:
        for j in range(line.size):
            target[j] = line[j]
    else:
        for j in range(line.size):
            is_tiny = np.abs(line[j]) < NEXT_TO_NOTHING
            target[j] = np.float32(0.0) if is_tiny else line[j]


@inlined
def copy(source: Array, target: Array) -> None:
    """Copy the beginning of a stored line to one of the same type."""
    for j in range(target.size):
        target[j] = source[j]


@inlined
def add(source: Array, target: Array) -> None:
    """Add a stored line to one of the same type, which is not bfloat16."""
    for j in range(target.size):
        target[j] += source[j]


@inlined
def squash(line: Array) -> None:
    """Apply the logistic sigmoid."""
    if line.itemsize == FLOAT64_BYTES:
        for j in range(line.size):
            line[j] = 1.0 / (1.0 + math.exp(-line[j]))
    else:
        for j in range(line.size):
            line[j] = sigmoid(line[j])


@inlined
def squash_tanh(line: Array) -> None:
    """Apply the hyperbolic tangent."""
    if line.itemsize == FLOAT64_BYTES:
        for j in range(line.size):
            line[j] = math.tanh(line[j])
    else:
        for j in range(line.size):
            line[j] = tanh(line[j])


@inlined
def add_product(line: Array, first: Array, second: Array) -> None:
    """Add first ⊙ second."""
    for j in range(line.size):
        line[j] += first[j] * second[j]

"""Elementwise operations on lines, and normalisation, in the compiled loop.

Shapes: B samples, H hidden, G gates.
"""

from __future__ import annotations

import numpy as np

from nextchar.compilation.jit import compiled_without_allocation, use_widest_vectors
from nextchar.generation.compiled.matvec import Blocks, Line
from nextchar.nn.kernels.elementary import FLUSH_THRESHOLD, sigmoid, tanh

_THRESHOLD = np.float32(FLUSH_THRESHOLD)
EPSILON = np.float32(1e-5)  # that of torch's layer normalisation


@compiled_without_allocation
def clear(blocks: Blocks) -> None:
    """Set all sums to zero."""
    use_widest_vectors()
    blocks[:] = 0


@compiled_without_allocation
def normalize(blocks: Blocks, gains: Line) -> None:
    """Normalise each line of each gate to mean 0 and standard deviation 1, times its gain."""
    use_widest_vectors()
    G, B, H = blocks.shape
    for gate in range(G):
        gain = gains[gate * H : (gate + 1) * H]
        for b in range(B):
            normalize_line(blocks[gate, b], blocks[gate, b])
            multiply(gain, blocks[gate, b], blocks[gate, b])


@compiled_without_allocation
def normalize_line(values: Line, line: Line) -> None:
    """Write values normalised to mean 0 and standard deviation 1 to a line."""
    use_widest_vectors()
    mean, square = np.float32(0), np.float32(0)
    for j in range(values.size):
        mean += values[j]
    mean /= np.float32(values.size)
    for j in range(values.size):
        square += (values[j] - mean) * (values[j] - mean)
    scale = np.float32(1) / np.sqrt(square / np.float32(values.size) + EPSILON)
    for j in range(values.size):
        line[j] = (values[j] - mean) * scale


@compiled_without_allocation
def interpolate(share: np.float32, before: Line, line: Line) -> None:
    """Replace a share of a line by the values before."""
    use_widest_vectors()
    for j in range(line.size):
        line[j] += share * (before[j] - line[j])


@compiled_without_allocation
def flush_to_zero(line: Line) -> None:
    """Set small values to zero: processors multiply subnormal ones many times slower."""
    use_widest_vectors()
    for j in range(line.size):
        line[j] = np.float32(0) if np.abs(line[j]) < _THRESHOLD else line[j]


@compiled_without_allocation
def apply_sigmoid(line: Line) -> None:
    """Apply the logistic sigmoid."""
    use_widest_vectors()
    for j in range(line.size):
        line[j] = sigmoid(line[j])


@compiled_without_allocation
def apply_tanh(line: Line) -> None:
    """Apply the hyperbolic tangent."""
    use_widest_vectors()
    for j in range(line.size):
        line[j] = tanh(line[j])


@compiled_without_allocation
def copy(values: Line, line: Line) -> None:
    """Copy values to a line."""
    use_widest_vectors()
    for j in range(line.size):
        line[j] = values[j]


@compiled_without_allocation
def add(values: Line, line: Line) -> None:
    """Add values to a line."""
    use_widest_vectors()
    for j in range(line.size):
        line[j] += values[j]


@compiled_without_allocation
def multiply(one: Line, other: Line, line: Line) -> None:
    """Write one ⊙ other to a line."""
    use_widest_vectors()
    for j in range(line.size):
        line[j] = one[j] * other[j]


@compiled_without_allocation
def add_product(one: Line, other: Line, line: Line) -> None:
    """Add one ⊙ other to a line."""
    use_widest_vectors()
    for j in range(line.size):
        line[j] += one[j] * other[j]

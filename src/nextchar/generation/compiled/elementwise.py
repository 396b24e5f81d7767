"""Passes over lines of the compiled loop: what is left of a step besides products and equations.

Shapes: B samples, H hidden, G gates.
"""

from __future__ import annotations

import numpy as np

from nextchar.compilation.jit import compiled, sigmoid, tanh, use_widest_vectors
from nextchar.generation.compiled.matvec import Blocks, Line

NEXT_TO_NOTHING = np.float32(1e-30)
EPSILON = np.float32(1e-5)  # that of torch's layer normalisation


@compiled
def clear(blocks: Blocks) -> None:
    """Make all sums nothing."""
    use_widest_vectors()
    blocks[:] = 0


@compiled
def normalize(blocks: Blocks, gains: Line) -> None:
    """Bring each line of each gate to mean 0 and deviation 1, times its gain."""
    use_widest_vectors()
    G, B, H = blocks.shape
    for gate in range(G):
        gain = gains[gate * H : (gate + 1) * H]
        for b in range(B):
            normalize_line(blocks[gate, b], blocks[gate, b])
            multiply(gain, blocks[gate, b], blocks[gate, b])


@compiled
def normalize_line(values: Line, line: Line) -> None:
    """Put into a line the values, brought to mean 0 and deviation 1."""
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


@compiled
def mix(share: np.float32, before: Line, line: Line) -> None:
    """Let a share of what was there before stay."""
    use_widest_vectors()
    for j in range(line.size):
        line[j] += share * (before[j] - line[j])


@compiled
def flush(line: Line) -> None:
    """Make nothing of what is next to nothing, which processors multiply many times slower."""
    use_widest_vectors()
    for j in range(line.size):
        line[j] = np.float32(0) if np.abs(line[j]) < NEXT_TO_NOTHING else line[j]


@compiled
def squash(line: Line) -> None:
    """Apply the logistic sigmoid."""
    use_widest_vectors()
    for j in range(line.size):
        line[j] = sigmoid(line[j])


@compiled
def squash_tanh(line: Line) -> None:
    """Apply the hyperbolic tangent."""
    use_widest_vectors()
    for j in range(line.size):
        line[j] = tanh(line[j])


@compiled
def copy(values: Line, line: Line) -> None:
    """Copy values to a line."""
    use_widest_vectors()
    for j in range(line.size):
        line[j] = values[j]


@compiled
def add(values: Line, line: Line) -> None:
    """Add values to a line."""
    use_widest_vectors()
    for j in range(line.size):
        line[j] += values[j]


@compiled
def multiply(one: Line, other: Line, line: Line) -> None:
    """Put one ⊙ other into a line."""
    use_widest_vectors()
    for j in range(line.size):
        line[j] = one[j] * other[j]


@compiled
def add_product(one: Line, other: Line, line: Line) -> None:
    """Add one ⊙ other to a line."""
    use_widest_vectors()
    for j in range(line.size):
        line[j] += one[j] * other[j]

"""Elementwise formulas that several cells share.

A time step is a product with the recurrent weights and one call of a cell's ``…_step``, which does
the remaining work for the whole batch. In float32 and float64 a cell's ``…_sequence`` compiles all
steps together. In bfloat16, the products are those of torch and each step is a call. A forward
step adds the product to the projected input, applies the gates and writes the new h. A backward
step turns the gradient of h into those of the gates, which the next product reads.

Arrays are C-contiguous. Storage is float32, float64, or uint16 that holds the bits of bfloat16.
Values within a step are float64 for float64 and float32 otherwise. The equations are formulas over
lines [U] (``simd``); in a call of one, an array is followed by the place of its first unit and by
the distance between two gates.

Shapes in all files of cells: T time steps, B streams, H hidden, G gates, R rows of projected
inputs, U units of a call, W workers. ``t`` is the step, ``units`` are the first of the H units of a
call and the one after the last: the call reads and writes only these. ``product`` [B, at least G·U]
is the result of the last product with the recurrent weights for these units, gate after gate.

``rows`` [R, G·H] are the projected inputs, ``row_index`` int64[T, B] is the row of each position.
``hidden`` and ``cells`` are [T + 1, B, H] and begin with the initial state. ``gates`` is [T, B, ·],
or [1, B, ·] without a backward pass. ``d_outputs`` [T, B, H] is the gradient of the outputs.
The gradients of gates are stored for all T steps, or for one if only the next product reads them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled_without_allocation
from nextchar.nn.kernels.simd import Lines, Vector, formula
from nextchar.nn.kernels.slices import Array

Index = NDArray[np.int64]


def interpolated(n: Vector, z: Vector, h: Vector) -> Vector:
    """Return the new h of a GRU: (1 − z) ⊙ n + z ⊙ h."""
    return n + z * (h - n)


def interpolated_backward(d: Vector, n: Vector, z: Vector, h: Vector) -> tuple[Vector, Vector]:
    """Return the gradients of the sums inside n = tanh(·) and z = σ(·) from that of the new h."""
    return d * (1 - z) * (1 - n * n), d * (h - n) * (z - z * z)


@formula("values", "sums")
def _add(lines: Lines) -> None:
    lines.write("sums", lines.read("sums") + lines.read("values"))


@compiled_without_allocation
def add_rows(values: Array, index: Index, sums: Array) -> None:
    """Add each row of ``values`` [N, K] to the row of ``sums`` [R, K] that ``index`` [N] names."""
    for n in range(len(values)):
        _add(values.shape[1], values[n], 0, 0, sums[index[n]], 0, 0)

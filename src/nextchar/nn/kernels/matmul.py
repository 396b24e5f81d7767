"""The products of a step of ``windows``, in the type of the panels: float, or int16.

With panels of int16 they are those of ``fixed_point``, which reads states and gradients as
integers; else those of ``tiles``, which reads them as they are. Then the arrays for integers are
empty, and the gradient of the weights is left to torch.

Shapes are those of ``windows``, ``tiles`` and ``fixed_point``.
"""

from __future__ import annotations

import numpy as np

from nextchar.compilation.jit import inlined
from nextchar.nn.kernels.fixed_point import (
    COLUMNS,
    INT16_BYTES,
    PAIRS_OF_GRADIENTS,
    PAIRS_OF_STATES,
    Integers,
    Pairs,
    fix_gradients,
    fix_states,
    multiply_integers,
    multiply_pairs,
    pack_integer_columns,
    pack_integer_rows,
)
from nextchar.nn.kernels.gemm import multiply, pack_columns, pack_rows, panel_columns
from nextchar.nn.kernels.pointwise import Index
from nextchar.nn.kernels.slices import Array, Units, add, copy, of, of_gate
from nextchar.nn.kernels.threads import largest_share


def make_room(
    workers: int,
    streams: int,
    hidden_size: int,
    like: Array,
    gates: int,
    inner: int,
    *,
    integers: bool,
) -> tuple[Array, Array, Array]:
    """Make the room for one of the products of a step.

    Parameters
    ----------
    workers, streams, hidden_size
        W, B and H, or whatever the workers share of the result.
    like
        An array of the type of the results.
    gates, inner
        How many gates G the product gives, and what it sums over.
    integers
        Whether it is a product of integers.

    Returns
    -------
    Array, Array, Array
        For the weights that each worker multiplies with, [W, P, inner · C]: P panels of C columns;
        for what each finds, [W, B, P · C]; and for the factors of integers, [W, P · C] or [W, 0].
    """
    columns = COLUMNS if integers else panel_columns(like.itemsize)
    count = -(-gates * largest_share(hidden_size, workers) // columns)
    shape = (workers, count, inner * columns)
    panels = np.empty(shape, np.int16 if integers else like.dtype)
    products = np.empty((workers, streams, count * columns), like.dtype)
    return panels, products, np.empty((workers, count * columns if integers else 0), np.float32)


@inlined
def load_rows(weight: Array, gates: int, units: Units, own: Array, factor: Array) -> None:
    """Pack a worker's own part of the weights [G·H, K] for the way forward."""
    if own.itemsize == INT16_BYTES:
        pack_integer_rows(weight, gates, units, own, factor)
    else:
        pack_rows(weight, gates, units, own)


@inlined
def load_columns(weight: Array, gates: int, units: Units, own: Array, factor: Array) -> None:
    """Pack a worker's own part, some columns, of the weights [G·H, I] for the way back."""
    if own.itemsize == INT16_BYTES:
        pack_integer_columns(weight, gates, units, own, factor)
    else:
        pack_columns(weight, units, own)


@inlined
def keep_states(
    t: int,
    units: Units,
    hidden: Array,
    own: Array,
    steps: Array,
    integers: Integers,
    states: Pairs,
) -> None:
    """Keep h of step t for a product of integers."""
    if own.itemsize == INT16_BYTES:
        fix_states(t, units, hidden, steps[0], integers, states)


@inlined
def keep_gradients(
    t: int,
    units: Units,
    gates: int,
    gradients: Array,
    own: Array,
    integers: Integers,
    pairs: Pairs,
    steps: Array,
) -> None:
    """Keep the gradients of step t for products of integers."""
    if own.itemsize == INT16_BYTES:
        fix_gradients(t, units, gates, gradients, integers, pairs, steps)


@inlined
def multiply_states(
    t: int,
    hidden: Array,
    integers: Integers,
    steps: Array,
    own: Array,
    factor: Array,
    product: Array,
) -> None:
    """Multiply the weights with h of step t."""
    if own.itemsize == INT16_BYTES:
        multiply_integers(integers[t % 2], own, factor, steps, 0, 0, PAIRS_OF_STATES, product)
    else:
        multiply(hidden[t], own, product)


@inlined
def multiply_gradients(
    t: int,
    gates: int,
    gradients: Array,
    integers: Integers,
    steps: Array,
    own: Array,
    factor: Array,
    product: Array,
) -> None:
    """Multiply the weights with the gradients of step t."""
    if own.itemsize == INT16_BYTES:
        chunk, T = gates * PAIRS_OF_GRADIENTS, steps.shape[1]
        multiply_integers(integers[t % 2], own, factor, steps, t, T, chunk, product)
    else:
        multiply(gradients[t % len(gradients)], own, product)


@inlined
def add_weights(
    t: int,
    units: Units,
    gates: int,
    streams: int,
    own: Array,
    states: Pairs,
    pairs: Pairs,
    steps: Array,
    unit: Array,
    panel: Pairs,
    d_weight: Array,
) -> None:
    """Add what some steps make of the gradient of the weights, once the first of them is kept."""
    if own.itemsize == INT16_BYTES and t % pairs.shape[2] == 0:
        multiply_pairs(t, units, gates, streams, states, pairs, steps, unit, panel, d_weight)


@inlined
def keep_initial(product: Array, units: Units, whole: Array) -> None:
    """Write what a worker has found for its units to its place in [B, H]."""
    for b in range(len(whole)):
        copy(product[b], of(whole[b], units))


@inlined
def add_rows(
    t: int, units: Units, gates: int, gradients: Array, index: Index, d_rows: Array
) -> None:
    """Add the gradients of step t to those of the rows that stand there, if they are wanted."""
    if len(d_rows) > 0:
        H = d_rows.shape[1] // gates
        for b in range(gradients.shape[1]):
            d, total = gradients[t % len(gradients), b], d_rows[index[t, b]]
            for gate in range(gates):
                add(of_gate(d, gate, H, units), of_gate(total, gate, H, units))

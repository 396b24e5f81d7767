"""The products of a time step, in the type of the packed panels: float, or int16.

With panels of int16 they are those of ``fixed_point``, which reads states and gradients as
integers. Otherwise they are those of ``gemm``, which reads them as they are: the arrays of integers
are then empty, and torch computes the gradient of the weights. For a single stream, ``gemm`` reads
the weights in place: there is no panel.

Shapes are those of ``pointwise``, ``gemm`` and ``fixed_point``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nextchar.compilation.jit import inlined
from nextchar.nn.kernels.fixed_point import (
    COLUMNS,
    INT16_BYTES,
    PAIRS_OF_GRADIENTS,
    PAIRS_OF_STATES,
    Integers,
    Pairs,
    multiply_integers,
    multiply_pairs,
    pack_integer_columns,
    pack_integer_rows,
    quantize_gradients,
    quantize_states,
)
from nextchar.nn.kernels.gemm import (
    multiply,
    multiply_columns,
    multiply_rows,
    pack_columns,
    pack_rows,
    panel_columns,
)
from nextchar.nn.kernels.pointwise import Index
from nextchar.nn.kernels.slices import Array, Units, add, copy, of, of_gate
from nextchar.nn.kernels.threads import largest_share


class Workspace(NamedTuple):
    """Memory of all workers for one of the products of a step.

    Attributes
    ----------
    panels
        The packed weights, [W, P, inner · C]: P panels of C columns; [W, 0, inner · C] if the
        weights are read in place.
    products
        The results, [W, B, N]. N is P · C, or the number of columns.
    factors
        The scale of each column of integers, [W, P · C], or [W, 0].
    """

    panels: Array
    products: Array
    factors: Array


class WorkerSpace(NamedTuple):
    """The part of a ``Workspace`` that belongs to one worker, and its part of the weights.

    ``weight`` is [G·H, K]; the part is some units of each of the ``gates`` G in the forward pass,
    and some columns in the backward pass.
    """

    panels: Array
    product: Array
    factors: Array
    weight: Array
    gates: int
    units: Units


class QuantizedStates(NamedTuple):
    """The states as integers; empty without integer products.

    Attributes
    ----------
    integers
        The states of two steps in turn, int16[2, B, H].
    pairs
        All states, for the backward pass, int32[T, pairs, H], or [0, pairs, H] without one.
    scales
        The scale of the states, float32[C], the same for all columns.
    """

    integers: Integers
    pairs: Pairs
    scales: Array


class QuantizedGradients(NamedTuple):
    """The gradients of gates as integers; empty without integer products.

    Attributes
    ----------
    integers
        The gradients of two steps in turn, int16[2, B, G·H].
    pairs
        Those of n steps in turn, int32[blocks, G, n, pairs, 16].
    scales
        Their scales, float32[blocks, T].
    d_weight
        The gradient of the weights, float32[G·H, I].
    states
        ``QuantizedStates.pairs`` and ``QuantizedStates.scales`` of the forward pass.
    state_scales
        See ``states``.
    panels
        Memory of each worker for packed states, int32[W, ·, C].
    """

    integers: Integers
    pairs: Pairs
    scales: Array
    d_weight: Array
    states: Pairs
    state_scales: Array
    panels: Pairs


class RowGradients(NamedTuple):
    """Sums of gradients at each row of projected inputs.

    Attributes
    ----------
    row_index
        The row of each position, int64[T, B].
    sums
        [R, G·H], or [0, G·H] if each row has one position.
    """

    row_index: Index
    sums: Array


def make_workspace(
    workers: int,
    streams: int,
    hidden_size: int,
    like: Array,
    gates: int,
    inner: int,
    *,
    integers: bool,
) -> Workspace:
    """Allocate the memory for one of the products of a step.

    Parameters
    ----------
    workers, streams, hidden_size
        W, B and H, or the dimension of the result that the workers share.
    like
        An array of the type of the results.
    gates, inner
        The number of gates G of the result, and the inner dimension.
    integers
        Whether it is a product of integers.
    """
    columns = COLUMNS if integers else panel_columns(like.itemsize)
    width = gates * largest_share(hidden_size, workers)
    count = -(-width // columns)
    in_place = streams == 1 and not integers
    shape = (workers, 0 if in_place else count, inner * columns)
    panels = np.empty(shape, np.int16 if integers else like.dtype)
    products = np.empty((workers, streams, width if in_place else count * columns), like.dtype)
    factors = np.empty((workers, count * columns if integers else 0), np.float32)
    return Workspace(panels, products, factors)


@inlined
def load_rows(
    workspace: Workspace, worker: int, weight: Array, gates: int, units: Units
) -> WorkerSpace:
    """Return a worker's space, with its part of the weights [G·H, K] for the forward pass."""
    panels, factors = workspace.panels[worker], workspace.factors[worker]
    if panels.itemsize == INT16_BYTES:
        pack_integer_rows(weight, gates, units, panels, factors)
    else:
        pack_rows(weight, gates, units, panels)
    return WorkerSpace(panels, workspace.products[worker], factors, weight, gates, units)


@inlined
def load_columns(
    workspace: Workspace, worker: int, weight: Array, gates: int, units: Units
) -> WorkerSpace:
    """Return a worker's space, with its columns of the weights [G·H, I] for the backward pass."""
    panels, factors = workspace.panels[worker], workspace.factors[worker]
    if panels.itemsize == INT16_BYTES:
        pack_integer_columns(weight, gates, units, panels, factors)
    else:
        pack_columns(weight, units, panels)
    return WorkerSpace(panels, workspace.products[worker], factors, weight, gates, units)


@inlined
def store_states(
    t: int, units: Units, hidden: Array, own: WorkerSpace, states: QuantizedStates
) -> None:
    """Store h of step t as integers, for integer products."""
    if own.panels.itemsize == INT16_BYTES:
        quantize_states(t, units, hidden, states.scales[0], states.integers, states.pairs)


@inlined
def store_gradients(
    t: int, units: Units, gates: int, d_gates: Array, own: WorkerSpace, stored: QuantizedGradients
) -> None:
    """Store the gradients of step t as integers, for integer products."""
    if own.panels.itemsize == INT16_BYTES:
        quantize_gradients(t, units, gates, d_gates, stored.integers, stored.pairs, stored.scales)


@inlined
def multiply_states(t: int, hidden: Array, states: QuantizedStates, own: WorkerSpace) -> None:
    """Multiply the weights with h of step t."""
    if own.panels.itemsize == INT16_BYTES:
        multiply_integers(
            states.integers[t % 2], own.panels, own.factors, states.scales, 0, 0, PAIRS_OF_STATES,
            own.product,
        )  # fmt: skip
    elif len(own.panels) > 0:
        multiply(hidden[t], own.panels, own.product)
    else:
        multiply_rows(hidden[t, 0], own.weight, own.gates, own.units, own.product[0])


@inlined
def multiply_gradients(
    t: int, d_gates: Array, stored: QuantizedGradients, own: WorkerSpace
) -> None:
    """Multiply the weights with the gradients of step t."""
    if own.panels.itemsize == INT16_BYTES:
        chunk, T = own.gates * PAIRS_OF_GRADIENTS, stored.scales.shape[1]
        multiply_integers(
            stored.integers[t % 2], own.panels, own.factors, stored.scales, t, T, chunk,
            own.product,
        )  # fmt: skip
    elif len(own.panels) > 0:
        multiply(d_gates[t % len(d_gates)], own.panels, own.product)
    else:
        multiply_columns(d_gates[t % len(d_gates), 0], own.weight, own.units, own.product[0])


@inlined
def add_weights(
    t: int,
    units: Units,
    gates: int,
    worker: int,
    own: WorkerSpace,
    stored: QuantizedGradients,
) -> None:
    """Add the part of some steps to the gradient of the weights, once the first is stored."""
    if own.panels.itemsize == INT16_BYTES and t % stored.pairs.shape[2] == 0:
        multiply_pairs(
            t, units, gates, len(own.product), stored.states, stored.pairs, stored.scales,
            stored.state_scales, stored.panels[worker], stored.d_weight,
        )  # fmt: skip


@inlined
def write_product(product: Array, units: Units, whole: Array) -> None:
    """Write a worker's results for its units to their place in [B, H]."""
    for b in range(len(whole)):
        copy(product[b], of(whole[b], units))


@inlined
def add_rows(t: int, units: Units, gates: int, d_gates: Array, rows: RowGradients) -> None:
    """Add the gradients of step t to the sums of their rows, if there are any."""
    if len(rows.sums) > 0:
        H = rows.sums.shape[1] // gates
        for b in range(d_gates.shape[1]):
            d, total = d_gates[t % len(d_gates), b], rows.sums[rows.row_index[t, b]]
            for gate in range(gates):
                add(of_gate(d, gate, H, units), of_gate(total, gate, H, units))

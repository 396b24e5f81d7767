"""The input's part of the gates of a whole window, as products of integers.

Like the recurrence itself (``windows``), but nothing waits for what came before: each worker of a
team makes integers of its share of a step's inputs, waits for the others, and multiplies its share
of the weights with them. On the way back it does the same with the gradients of the gates.

Shapes: T time steps, B streams, I inputs, H hidden, G gates. I and H are multiples of 16.
"""

# ruff: noqa: ANN401  (autograd hands its functions a context that torch does not type)

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from nextchar.compilation.jit import compiled_for_teams, use_widest_vectors
from nextchar.nn.kernels.fixed_point import COLUMNS, ONE, Integers, Pairs
from nextchar.nn.kernels.launch import (
    IntegerGradients,
    IntegerStates,
    as_array,
    as_arrays,
    new_panels,
)
from nextchar.nn.kernels.matmul import (
    add_weights,
    keep_gradients,
    keep_states,
    load_columns,
    load_rows,
    make_room,
    multiply_gradients,
    multiply_states,
)
from nextchar.nn.kernels.slices import Array, copy, of, of_gate, write_sum
from nextchar.nn.kernels.threads import (
    Signals,
    join_team,
    make_signals,
    meet,
    run_team,
    share_of,
    suggested_workers,
)


class IntegerProjection(Function):
    """x_t Wᵀ + b for all t.

    Takes inputs float32 [T, B, I], weight_ih [G·H, I], bias [G·H], H, and whether somebody will go
    back; gives rows [T·B, G·H].
    """

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, hidden_size: int, keep: bool
    ) -> Tensor:
        """Take the products of all steps."""
        (T, B, I), gates = inputs.shape, len(weight) // hidden_size  # noqa: E741
        largest = float(inputs.abs().max()) or 1.0
        step = np.full(COLUMNS, largest / ONE, np.float32)
        states = IntegerStates.make(T, B, I, integers=True, keep=keep)
        rows = inputs.new_empty(T, B, len(weight))
        arrays = (*states.arrays, step, *as_arrays(weight, bias, inputs.contiguous(), rows))
        workers = suggested_workers(min(I, hidden_size), T * B * weight.numel())
        room = make_room(workers, B, hidden_size, as_array(weight), gates, I, integers=True)
        run_team(project_forward, make_signals(workers), *room, gates, *arrays)
        ctx.save_for_backward(weight, states.pairs)
        ctx.step, ctx.hidden_size = step, hidden_size
        return rows.view(T * B, -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_rows: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients of inputs, weight and bias."""
        weight, pairs = ctx.saved_tensors
        (T, _, I), gates = pairs.shape, len(weight) // ctx.hidden_size  # noqa: E741
        d_projected = d_rows.contiguous().view(T, -1, len(weight))
        B = d_projected.shape[1]
        d_inputs = d_projected.new_empty(T, B, I)
        gradients = IntegerGradients.make(T, B, weight, ctx.hidden_size, integers=True)
        arrays = (
            *gradients.arrays(pairs), ctx.step, new_panels(B),
            *as_arrays(weight, d_projected, d_inputs),
        )  # fmt: skip
        workers = suggested_workers(min(I, ctx.hidden_size), T * B * weight.numel())
        room = make_room(workers, B, I, as_array(weight), 1, len(weight), integers=True)
        run_team(project_backward, make_signals(workers), *room, gates, *arrays)
        return d_inputs, gradients.d_weight, d_rows.sum(0), None, None


@compiled_for_teams
def project_forward(
    signals: Signals,
    panels: Array,
    products: Array,
    factors: Array,
    gates: int,
    integers: Integers,
    states: Pairs,
    steps: Array,
    weight: Array,
    bias: Array,
    inputs: Array,
    rows: Array,
    _data: None,
) -> None:
    """Project the inputs of all steps; ``rows`` is [T, B, G·H]."""
    use_widest_vectors()
    worker, workers = join_team(signals)
    if worker >= workers:
        return
    H = len(weight) // gates
    units, seen = share_of(H, worker, workers), share_of(inputs.shape[2], worker, workers)
    own, product, factor = panels[worker], products[worker], factors[worker]
    size = units[1] - units[0]
    load_rows(weight, gates, units, own, factor)
    for t in range(len(inputs)):
        keep_states(t, seen, inputs, own, steps, integers, states)
        meet(signals, worker, t + 1)
        multiply_states(t, inputs, integers, steps, own, factor, product)
        for b in range(inputs.shape[1]):
            for gate in range(gates):
                found = product[b, gate * size : (gate + 1) * size]
                write_sum(found, of_gate(bias, gate, H, units), of_gate(rows[t, b], gate, H, units))


@compiled_for_teams
def project_backward(
    signals: Signals,
    panels: Array,
    products: Array,
    factors: Array,
    gates: int,
    integers: Integers,
    states: Pairs,
    pairs: Pairs,
    steps: Array,
    d_weight: Array,
    unit: Array,
    room: Pairs,
    weight: Array,
    d_projected: Array,
    d_inputs: Array,
    _data: None,
) -> None:
    """Give the gradients of the inputs, and add up that of the weight."""
    use_widest_vectors()
    worker, workers = join_team(signals)
    if worker >= workers:
        return
    (T, B, I), H = d_inputs.shape, len(weight) // gates  # noqa: E741
    units, seen = share_of(H, worker, workers), share_of(I, worker, workers)
    own, product, factor = panels[worker], products[worker], factors[worker]
    load_columns(weight, gates, seen, own, factor)
    for t in range(T - 1, -1, -1):
        keep_gradients(t, units, gates, d_projected, own, integers, pairs, steps)
        meet(signals, worker, T - t)
        multiply_gradients(t, gates, d_projected, integers, steps, own, factor, product)
        for b in range(B):
            copy(product[b], of(d_inputs[t, b], seen))
        add_weights(t, units, gates, B, own, states, pairs, steps, unit, room[worker], d_weight)

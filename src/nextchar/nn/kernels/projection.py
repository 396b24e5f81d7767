"""The projection of the inputs of a whole sequence, as integer products.

As in a recurrence, each worker of the pool quantises its share of a step's inputs, waits for the
others, and multiplies its share of the weights with all of them; but no step depends on an earlier
one. The backward pass does the same with the gradients of the gates.

Shapes: T time steps, B streams, I inputs, H hidden, G gates. I and H are multiples of 16.
"""

# ruff: noqa: ANN401  (torch does not type the context of autograd functions)

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from nextchar.compilation.jit import compiled_without_allocation, use_widest_vectors
from nextchar.nn.kernels.autograd import apply
from nextchar.nn.kernels.fixed_point import COLUMNS, ONE
from nextchar.nn.kernels.matmul import (
    QuantizedGradients,
    QuantizedStates,
    Workspace,
    add_weights,
    load_columns,
    load_rows,
    make_workspace,
    multiply_gradients,
    multiply_states,
    store_gradients,
    store_states,
)
from nextchar.nn.kernels.quantized import IntegerGradients, IntegerStates
from nextchar.nn.kernels.slices import Array, as_arrays, copy, of, of_gate, write_sum
from nextchar.nn.kernels.threads import (
    Signals,
    barrier,
    join_pool,
    make_signals,
    run_in_pool,
    share_of,
    suggested_workers,
)


def project_integers(inputs: Tensor, weight: Tensor, bias: Tensor, hidden_size: int) -> Tensor:
    """Return x_t Wᵀ + b for all t, as rows [T·B, G·H].

    The inputs are float32 [T, B, I], the weight is [G·H, I] and the bias [G·H].
    """
    keep = torch.is_grad_enabled()
    rows: Tensor = apply(IntegerProjection, inputs, weight, bias, hidden_size, keep)
    return rows


class IntegerProjection(Function):
    """``project_integers`` as an autograd function; ``keep`` is set for a backward pass."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, hidden_size: int, keep: bool
    ) -> Tensor:
        """Compute the products of all steps."""
        (T, B, I), gates = inputs.shape, len(weight) // hidden_size  # noqa: E741
        largest = float(inputs.abs().max()) or 1.0
        scales = np.full(COLUMNS, largest / ONE, np.float32)
        states = IntegerStates.make(T, B, I, integers=True, keep=keep)
        rows = inputs.new_empty(T, B, len(weight))
        arrays = Forward(*as_arrays(weight, bias, inputs.contiguous(), rows))
        workers = suggested_workers(min(I, hidden_size), T * B * weight.numel())
        workspace = make_workspace(workers, B, hidden_size, arrays.weight, gates, I, integers=True)
        groups = workspace, gates, states.arrays(scales), arrays
        run_in_pool(project_forward, make_signals(workers), *groups)
        ctx.save_for_backward(weight, states.pairs)
        ctx.scales, ctx.hidden_size = scales, hidden_size
        return rows.view(T * B, -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_rows: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of inputs, weight and bias."""
        weight, pairs = ctx.saved_tensors
        (T, _, I), gates = pairs.shape, len(weight) // ctx.hidden_size  # noqa: E741
        d_projected = d_rows.contiguous().view(T, -1, len(weight))
        B = d_projected.shape[1]
        d_inputs = d_projected.new_empty(T, B, I)
        gradients = IntegerGradients.make(T, B, weight, ctx.hidden_size, integers=True)
        arrays = Backward(*as_arrays(weight, d_projected, d_inputs))
        workers = suggested_workers(min(I, ctx.hidden_size), T * B * weight.numel())
        workspace = make_workspace(workers, B, I, arrays.weight, 1, len(weight), integers=True)
        groups = workspace, gates, gradients.arrays(pairs, B, ctx.scales), arrays
        run_in_pool(project_backward, make_signals(workers), *groups)
        return d_inputs, gradients.d_weight, d_rows.sum(0), None, None


class Forward(NamedTuple):
    """The arrays of the forward pass; ``rows`` is [T, B, G·H]."""

    weight: Array
    bias: Array
    inputs: Array
    rows: Array


class Backward(NamedTuple):
    """The arrays of the backward pass."""

    weight: Array
    d_projected: Array
    d_inputs: Array


@compiled_without_allocation
def project_forward(
    signals: Signals,
    workspace: Workspace,
    gates: int,
    states: QuantizedStates,
    arrays: Forward,
    _data: None,
) -> None:
    """Project the inputs of all steps in one worker."""
    use_widest_vectors()
    worker, workers = join_pool(signals)
    if worker >= workers:
        return
    weight, bias, inputs, rows = arrays
    (T, B, I), H = inputs.shape, len(weight) // gates  # noqa: E741
    units, columns = share_of(H, worker, workers), share_of(I, worker, workers)
    own, size = load_rows(workspace, worker, weight, gates, units), units[1] - units[0]
    for t in range(T):
        store_states(t, columns, inputs, own, states)
        barrier(signals, worker, t + 1)
        multiply_states(t, inputs, states, own)
        for b in range(B):
            for gate in range(gates):
                found = own.product[b, gate * size : (gate + 1) * size]
                write_sum(found, of_gate(bias, gate, H, units), of_gate(rows[t, b], gate, H, units))


@compiled_without_allocation
def project_backward(
    signals: Signals,
    workspace: Workspace,
    gates: int,
    stored: QuantizedGradients,
    arrays: Backward,
    _data: None,
) -> None:
    """Compute the gradients of the inputs and of the weight in one worker."""
    use_widest_vectors()
    worker, workers = join_pool(signals)
    if worker >= workers:
        return
    weight, d_projected, d_inputs = arrays
    (T, B, I), H = d_inputs.shape, len(weight) // gates  # noqa: E741
    units, columns = share_of(H, worker, workers), share_of(I, worker, workers)
    own = load_columns(workspace, worker, weight, gates, columns)
    for t in range(T - 1, -1, -1):
        store_gradients(t, units, gates, d_projected, own, stored)
        barrier(signals, worker, T - t)
        multiply_gradients(t, d_projected, stored, own)
        for b in range(B):
            copy(own.product[b], of(d_inputs[t, b], columns))
        add_weights(t, units, gates, worker, own, stored)

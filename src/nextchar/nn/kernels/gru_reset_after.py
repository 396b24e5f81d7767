"""The GRU with the reset gate after the product, forward and backward, in compiled code.

Shapes and arguments are those of ``pointwise`` and ``matmul``; the convention of autograd functions
is that of ``autograd``.
"""

# ruff: noqa: ANN401  (torch does not type the context of autograd functions)

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from nextchar.compilation.jit import compiled_without_allocation, use_widest_vectors
from nextchar.nn.kernels.autograd import (
    SequenceInputs,
    SequenceOutputs,
    apply,
    buffer_after,
    gradient_of_rows,
    last_of,
    make_gradients,
    make_row_sums,
    positions_of,
    row_gradients,
    wide,
)
from nextchar.nn.kernels.launch import Pass, run_backward, run_forward
from nextchar.nn.kernels.matmul import (
    QuantizedGradients,
    QuantizedStates,
    RowGradients,
    Workspace,
    add_rows,
    add_weights,
    load_columns,
    load_rows,
    multiply_gradients,
    multiply_states,
    store_gradients,
    store_states,
    write_product,
)
from nextchar.nn.kernels.pointwise import Index, interpolated, interpolated_backward
from nextchar.nn.kernels.simd import Lines, formula
from nextchar.nn.kernels.slices import Array, Units, as_arrays
from nextchar.nn.kernels.threads import Signals, barrier, join_pool, share_of


def run_gru_reset_after(inputs: SequenceInputs) -> SequenceOutputs:
    """Run the cell over a sequence."""
    rows, index, (h,), weights, *options = inputs
    parameters = weights["weight_hh"], weights["bias_hh"]
    outputs = apply(GRUResetAfterFunction, rows, index, h, *parameters, *options)
    return SequenceOutputs(outputs, (last_of(outputs),))


class GRUResetAfterFunction(Function):
    """The recurrence as an autograd function.

    Arguments: rows [R, 3·H] in the order r, z, n, their index [T, B], initial h [B, H], weight_hh
    [3·H, H] and bias_hh [H], the second bias b' of the candidate. Result: h [T, B, H].
    """

    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        index: Tensor | None,
        initial: Tensor,
        weight_hh: Tensor,
        bias_hh: Tensor,
        keep: bool,
        integers: bool,
    ) -> Tensor:
        """Run all steps."""
        index, ctx.several = positions_of(rows, index, initial)
        (T, B), H = index.shape, initial.shape[1]
        hidden, gates = buffer_after(initial, T), rows.new_empty(T if keep else 1, B, 4 * H)
        tensors = rows.contiguous(), index.contiguous(), wide(bias_hh), gates, hidden
        arrays = Forward(*as_arrays(*tensors))
        states = run_forward(FORWARD, weight_hh, hidden, arrays, integers=integers, keep=keep)
        ctx.save_for_backward(rows, index, gates, hidden, weight_hh, bias_hh, states)
        return hidden[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the arguments; the index has none."""
        rows, index, gates, hidden, weight_hh, bias_hh, states = ctx.saved_tensors
        sums = make_row_sums(rows, ctx.several)
        d_projected = make_gradients(rows, index, ctx.several, full=False)
        d_recurrent = make_gradients(rows, index, True, full=len(states) == 0)
        d_h, d_bias = torch.zeros_like(wide(hidden[0])), torch.zeros_like(wide(bias_hh))
        tensors = grad.contiguous(), d_h, gates, hidden, d_projected, d_recurrent, d_bias
        d_initial, d_weight = run_backward(
            BACKWARD, weight_hh, d_recurrent, hidden, states, row_gradients(index, sums),
            Backward(*as_arrays(*tensors)),
        )  # fmt: skip
        d_rows = gradient_of_rows(d_projected, index, sums)
        d_initial = d_h.add_(d_initial).to(rows.dtype)
        return d_rows, None, d_initial, d_weight, d_bias.to(rows.dtype), None, None


class Forward(NamedTuple):
    """The arrays of a forward step.

    ``bias`` is b' [H]; ``gates`` [T, B, 4·H] stores r, z, n and U h + b'.
    """

    rows: Array
    row_index: Index
    bias: Array
    gates: Array
    hidden: Array


class Backward(NamedTuple):
    """The arrays of a backward step.

    ``d_hidden`` [B, H] is the part of the gradient of h that bypasses the gates. A step replaces it
    by that of the earlier h. The gradients of the projected and of the recurrent part of the gates
    differ in the candidate. The gradient of the bias is added to ``d_bias``.
    """

    d_outputs: Array
    d_hidden: Array
    gates: Array
    hidden: Array
    d_projected: Array
    d_recurrent: Array
    d_bias: Array


@formula("row", "product", "bias", "h", "h_new", "gates")
def _forward(lines: Lines) -> None:
    r = (lines.read("row", 0) + lines.read("product", 0)).sigmoid()
    z = (lines.read("row", 1) + lines.read("product", 1)).sigmoid()
    u = lines.read("product", 2) + lines.read("bias")
    n = (lines.read("row", 2) + r * u).tanh()
    lines.write_flushed("h_new", interpolated(n, z, lines.read("h")))
    for gate, values in enumerate((r, z, n, u)):
        lines.write_flushed("gates", values, gate)


@formula("gates", "h", "d_output", "product", "d_hidden", "d_bias", "d_projected", "d_recurrent")
def _backward(lines: Lines) -> None:
    r, z, n, u = (lines.read("gates", gate) for gate in range(4))
    d = lines.read("d_output") + lines.read("product") + lines.read("d_hidden")
    lines.write("d_hidden", d * z)
    d_n, d_z = interpolated_backward(d, n, z, lines.read("h"))
    d_r, d_u = d_n * u * (r - r * r), d_n * r
    lines.write("d_bias", lines.read("d_bias") + d_u)
    for gate, values in enumerate((d_r, d_z, d_n)):
        lines.write_flushed("d_projected", values, gate)
    for gate, values in enumerate((d_r, d_z, d_u)):
        lines.write_flushed("d_recurrent", values, gate)


@compiled_without_allocation
def gru_reset_after_step(t: int, units: Units, product: Array, arrays: Forward) -> None:
    """Take a step."""
    rows, row_index, bias, gates, hidden = arrays
    (B, H), size, first = hidden.shape[1:], units[1] - units[0], units[0]
    for b in range(B):
        row, kept = rows[row_index[t, b]], gates[t % len(gates), b]
        _forward(
            size, row, first, H, product[b], 0, size, bias, first, 0, hidden[t, b], first, 0,
            hidden[t + 1, b], first, 0, kept, first, H,
        )  # fmt: skip


@compiled_without_allocation
def gru_reset_after_step_backward(t: int, units: Units, product: Array, arrays: Backward) -> None:
    """Take a step backward."""
    d_outputs, d_hidden, gates, hidden, d_projected, d_recurrent, d_bias = arrays
    (B, H), size, first = d_hidden.shape, units[1] - units[0], units[0]
    for b in range(B):
        projected = d_projected[t % len(d_projected), b]
        recurrent = d_recurrent[t % len(d_recurrent), b]
        _backward(
            size, gates[t, b], first, H, hidden[t, b], first, 0, d_outputs[t, b], first, 0,
            product[b], 0, 0, d_hidden[b], first, 0, d_bias, first, 0, projected, first, H,
            recurrent, first, H,
        )  # fmt: skip


@compiled_without_allocation
def gru_reset_after_sequence(
    signals: Signals,
    workspace: Workspace,
    states: QuantizedStates,
    weight: Array,
    arrays: Forward,
    _data: None,
) -> None:
    """Run all steps in one worker."""
    use_widest_vectors()
    worker, workers = join_pool(signals)
    if worker >= workers:
        return
    units = share_of(arrays.hidden.shape[2], worker, workers)
    own = load_rows(workspace, worker, weight, 3, units)
    for t in range(len(arrays.row_index)):
        multiply_states(t, arrays.hidden, states, own)
        gru_reset_after_step(t, units, own.product, arrays)
        store_states(t + 1, units, arrays.hidden, own, states)
        barrier(signals, worker, t + 1)


@compiled_without_allocation
def gru_reset_after_sequence_backward(
    signals: Signals,
    workspace: Workspace,
    stored: QuantizedGradients,
    rows: RowGradients,
    weight: Array,
    d_initial: Array,
    arrays: Backward,
    _data: None,
) -> None:
    """Run all steps backward in one worker; ``d_initial`` [B, H] is the gradient of initial h."""
    use_widest_vectors()
    worker, workers = join_pool(signals)
    if worker >= workers:
        return
    units = share_of(d_initial.shape[1], worker, workers)
    d_recurrent, T = arrays.d_recurrent, len(arrays.d_outputs)
    own = load_columns(workspace, worker, weight, 3, units)
    own.product[:] = 0
    for t in range(T - 1, -1, -1):
        gru_reset_after_step_backward(t, units, own.product, arrays)
        store_gradients(t, units, 3, d_recurrent, own, stored)
        barrier(signals, worker, T - t)
        multiply_gradients(t, d_recurrent, stored, own)
        add_rows(t, units, 3, arrays.d_projected, rows)
        add_weights(t, units, 3, worker, own, stored)
    write_product(own.product, units, d_initial)


FORWARD = Pass(gru_reset_after_sequence, gru_reset_after_step)
BACKWARD = Pass(gru_reset_after_sequence_backward, gru_reset_after_step_backward)

"""The LSTM with vector peepholes or without, forward and backward, in compiled code.

Shapes and arguments are those of ``pointwise`` and ``matmul``; the convention of autograd functions
is that of ``autograd``.
"""

# ruff: noqa: ANN401  (torch does not type the context of autograd functions)

from __future__ import annotations

from functools import partial
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
    wide_dtype,
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
from nextchar.nn.kernels.pointwise import Index
from nextchar.nn.kernels.simd import Lines, formula
from nextchar.nn.kernels.slices import Array, Units, as_arrays
from nextchar.nn.kernels.threads import Signals, barrier, join_pool, share_of


def run_lstm(inputs: SequenceInputs) -> SequenceOutputs:
    """Run the cell over a sequence."""
    rows, index, (h, c), weights, *options = inputs
    c = c.to(wide_dtype(rows.dtype))
    peepholes = h.new_empty(0, h.shape[1])
    if "peephole_i" in weights:
        peepholes = torch.stack([weights[f"peephole_{gate}"] for gate in "ifo"])
    weight = weights["weight_hh"]
    outputs, c = apply(LSTMFunction, rows, index, h, c, weight, peepholes, *options)
    return SequenceOutputs(outputs, (last_of(outputs), c))


class LSTMFunction(Function):
    """The recurrence as an autograd function.

    Arguments: rows [R, 4·H] in the order i, f, g, o, their index [T, B], initial h and c [B, H],
    weight_hh [4·H, H], and the peepholes of i, f and o as [3, H], or [0, H] without peepholes.
    Results: h [T, B, H] and the last c [B, H]; both c have the type ``wide_dtype``.
    """

    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        index: Tensor | None,
        initial_h: Tensor,
        initial_c: Tensor,
        weight_hh: Tensor,
        peepholes: Tensor,
        keep: bool,
        integers: bool,
    ) -> tuple[Tensor, Tensor]:
        """Run all steps."""
        index, ctx.several = positions_of(rows, index, initial_h)
        T, B = index.shape
        hidden, cells = buffer_after(initial_h, T), buffer_after(initial_c, T)
        gates = rows.new_empty(T if keep else 1, B, len(weight_hh))
        tensors = rows.contiguous(), index.contiguous(), wide(peepholes), gates, cells, hidden
        arrays = Forward(*as_arrays(*tensors))
        states = run_forward(FORWARD, weight_hh, hidden, arrays, integers=integers, keep=keep)
        ctx.save_for_backward(rows, index, gates, hidden, cells, weight_hh, peepholes, states)
        return hidden[1:], cells[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_h: Tensor, grad_c: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the arguments; the index has none."""
        rows, index, gates, hidden, cells, weight_hh, peepholes, states = ctx.saved_tensors
        sums = make_row_sums(rows, ctx.several)
        d_gates = make_gradients(rows, index, ctx.several, full=len(states) == 0)
        d_c = grad_c.clone(memory_format=torch.contiguous_format)
        weights, d_peepholes = wide(peepholes), torch.zeros_like(wide(peepholes))
        tensors = grad_h.contiguous(), d_c, weights, gates, cells, d_gates, d_peepholes
        d_h, d_weight = run_backward(
            BACKWARD, weight_hh, d_gates, hidden, states, row_gradients(index, sums),
            Backward(*as_arrays(*tensors)),
        )  # fmt: skip
        d_rows = gradient_of_rows(d_gates, index, sums)
        return d_rows, None, d_h, d_c, d_weight, d_peepholes.to(rows.dtype), None, None


class Forward(NamedTuple):
    """The arrays of a forward step; ``peepholes`` is [3, H] for i, f and o, or [0, H]."""

    rows: Array
    row_index: Index
    peepholes: Array
    gates: Array
    cells: Array
    hidden: Array


class Backward(NamedTuple):
    """The arrays of a backward step.

    ``d_cell`` [B, H] is the gradient of c, which a step replaces by that of the earlier c. The
    gradients of the peepholes are added to ``d_peepholes``.
    """

    d_outputs: Array
    d_cell: Array
    peepholes: Array
    gates: Array
    cells: Array
    d_gates: Array
    d_peepholes: Array


def _forward(lines: Lines, *, peepholes: bool) -> None:
    i, f, g, o = (lines.read("row", gate) + lines.read("product", gate) for gate in range(4))
    c = lines.read("c")
    if peepholes:
        i += lines.read("peepholes", 0) * c
        f += lines.read("peepholes", 1) * c
    i, f, g = i.sigmoid(), f.sigmoid(), g.tanh()
    c = f * c + i * g
    if peepholes:
        o += lines.read("peepholes", 2) * c
    o = o.sigmoid()
    lines.write("c_new", c)
    lines.write_flushed("h", o * c.tanh())
    for gate, values in enumerate((i, f, g, o)):
        lines.write_flushed("gates", values, gate)


def _backward(lines: Lines, *, peepholes: bool) -> None:
    i, f, g, o = (lines.read("gates", gate) for gate in range(4))
    c, c_new = lines.read("c"), lines.read("c_new")
    tanh_c = c_new.tanh()
    d = lines.read("d_output") + lines.read("product")
    d_o = d * tanh_c * (o - o * o)
    d_c = lines.read("d_cell") + d * o * (1 - tanh_c * tanh_c)
    if peepholes:
        d_c += d_o * lines.read("peepholes", 2)
    d_g = d_c * i * (1 - g * g)
    d_i = d_c * g * (i - i * i)
    d_f = d_c * c * (f - f * f)
    d_c *= f
    if peepholes:
        d_c += d_i * lines.read("peepholes", 0) + d_f * lines.read("peepholes", 1)
        for gate, d_peephole in enumerate((d_i * c, d_f * c, d_o * c_new)):
            lines.write("d_peepholes", lines.read("d_peepholes", gate) + d_peephole, gate)
    lines.write("d_cell", d_c)
    for gate, values in enumerate((d_i, d_f, d_g, d_o)):
        lines.write_flushed("d_gates", values, gate)


_FORWARD_LINES = "row", "product", "c", "peepholes", "c_new", "h", "gates"
_BACKWARD_LINES = (
    "gates", "c", "c_new", "d_output", "product", "d_cell", "peepholes", "d_peepholes", "d_gates",
)  # fmt: skip
_plain_forward, _peephole_forward = (
    formula(*_FORWARD_LINES)(partial(_forward, peepholes=each)) for each in (False, True)
)
_plain_backward, _peephole_backward = (
    formula(*_BACKWARD_LINES)(partial(_backward, peepholes=each)) for each in (False, True)
)


@compiled_without_allocation
def lstm_step(t: int, units: Units, product: Array, arrays: Forward) -> None:
    """Take a step."""
    rows, row_index, peepholes, gates, cells, hidden = arrays
    (B, H), size, first = hidden.shape[1:], units[1] - units[0], units[0]
    for b in range(B):
        row, found, kept = rows[row_index[t, b]], product[b], gates[t % len(gates), b]
        c, c_new, h = cells[t, b], cells[t + 1, b], hidden[t + 1, b]
        if len(peepholes) > 0:
            _peephole_forward(
                size, row, first, H, found, 0, size, c, first, 0, peepholes, first, H,
                c_new, first, 0, h, first, 0, kept, first, H,
            )  # fmt: skip
        else:
            _plain_forward(
                size, row, first, H, found, 0, size, c, first, 0, peepholes, first, H,
                c_new, first, 0, h, first, 0, kept, first, H,
            )  # fmt: skip


@compiled_without_allocation
def lstm_step_backward(t: int, units: Units, product: Array, arrays: Backward) -> None:
    """Take a step backward."""
    d_outputs, d_cell, peepholes, gates, cells, d_gates, d_peepholes = arrays
    (B, H), size, first = d_cell.shape, units[1] - units[0], units[0]
    for b in range(B):
        kept, result, d_c = gates[t, b], d_gates[t % len(d_gates), b], d_cell[b]
        c, c_new, d, found = cells[t, b], cells[t + 1, b], d_outputs[t, b], product[b]
        if len(peepholes) > 0:
            _peephole_backward(
                size, kept, first, H, c, first, 0, c_new, first, 0, d, first, 0, found, 0, 0,
                d_c, first, 0, peepholes, first, H, d_peepholes, first, H, result, first, H,
            )  # fmt: skip
        else:
            _plain_backward(
                size, kept, first, H, c, first, 0, c_new, first, 0, d, first, 0, found, 0, 0,
                d_c, first, 0, peepholes, first, H, d_peepholes, first, H, result, first, H,
            )  # fmt: skip


@compiled_without_allocation
def lstm_sequence(
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
    own = load_rows(workspace, worker, weight, 4, units)
    for t in range(len(arrays.row_index)):
        multiply_states(t, arrays.hidden, states, own)
        lstm_step(t, units, own.product, arrays)
        store_states(t + 1, units, arrays.hidden, own, states)
        barrier(signals, worker, t + 1)


@compiled_without_allocation
def lstm_sequence_backward(
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
    d_gates, T = arrays.d_gates, len(arrays.d_outputs)
    own = load_columns(workspace, worker, weight, 4, units)
    own.product[:] = 0
    for t in range(T - 1, -1, -1):
        lstm_step_backward(t, units, own.product, arrays)
        store_gradients(t, units, 4, d_gates, own, stored)
        barrier(signals, worker, T - t)
        multiply_gradients(t, d_gates, stored, own)
        add_rows(t, units, 4, d_gates, rows)
        add_weights(t, units, 4, worker, own, stored)
    write_product(own.product, units, d_initial)


FORWARD = Pass(lstm_sequence, lstm_step)
BACKWARD = Pass(lstm_sequence_backward, lstm_step_backward)

"""The simple recurrence h_t = φ(p_t + U h_{t−1}), forward and backward, in compiled code.

Shapes and arguments are those of ``pointwise`` and ``matmul``; the convention of autograd functions
is that of ``autograd``.
"""

# ruff: noqa: ANN401  (torch does not type the context of autograd functions)

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from nextchar.compilation.jit import compiled_without_allocation, use_widest_vectors
from nextchar.config import Activation
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
)
from nextchar.nn.kernels.elementary import ACTIVATION_CODES, RELU, SIGMOID, TANH
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


def run_rnn(inputs: SequenceInputs, *, activation: Activation) -> SequenceOutputs:
    """Run the cell over a sequence."""
    rows, index, (h,), weights, *options = inputs
    outputs = apply(RNNFunction, rows, index, h, weights["weight_hh"], activation, *options)
    return SequenceOutputs(outputs, (last_of(outputs),))


class RNNFunction(Function):
    """The recurrence as an autograd function.

    Arguments: rows [R, H], their index [T, B], initial h [B, H], weight_hh [H, H] and the name of
    φ. Result: h [T, B, H].
    """

    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        index: Tensor | None,
        initial: Tensor,
        weight_hh: Tensor,
        activation: Activation,
        keep: bool,
        integers: bool,
    ) -> Tensor:
        """Run all steps."""
        index, ctx.several = positions_of(rows, index, initial)
        ctx.activation = ACTIVATION_CODES[activation]
        hidden = buffer_after(initial, len(index))
        groups = as_arrays(rows.contiguous(), index.contiguous(), hidden)
        arrays = Forward(ctx.activation, *groups)
        states = run_forward(FORWARD, weight_hh, hidden, arrays, integers=integers, keep=keep)
        ctx.save_for_backward(rows, index, hidden, weight_hh, states)
        return hidden[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of rows, initial and weight_hh."""
        rows, index, hidden, weight_hh, states = ctx.saved_tensors
        sums = make_row_sums(rows, ctx.several)
        d_gates = make_gradients(rows, index, ctx.several, full=len(states) == 0)
        arrays = Backward(ctx.activation, *as_arrays(grad.contiguous(), hidden, d_gates))
        of_rows = row_gradients(index, sums)
        initial, d_weight = run_backward(
            BACKWARD, weight_hh, d_gates, hidden, states, of_rows, arrays
        )
        return gradient_of_rows(d_gates, index, sums), None, initial, d_weight, *[None] * 3


class Forward(NamedTuple):
    """The arrays of a forward step."""

    activation: int
    rows: Array
    row_index: Index
    hidden: Array


class Backward(NamedTuple):
    """The arrays of a backward step; ``d_gates`` receives the gradient of the sum inside φ."""

    activation: int
    d_outputs: Array
    hidden: Array
    d_gates: Array


def _forward(lines: Lines, *, activation: int) -> None:
    total = lines.read("row") + lines.read("product")
    if activation == RELU:
        lines.write_flushed("h", total.rectified())
    else:
        lines.write_flushed("h", total.tanh() if activation == TANH else total.sigmoid())


def _backward(lines: Lines, *, activation: int) -> None:
    d, h = lines.read("d_output") + lines.read("product"), lines.read("h")
    if activation == RELU:
        lines.write_flushed("d_gates", d.where(h.above(0), d * h))  # h is 0 or NaN there
    else:
        lines.write_flushed("d_gates", d * (1 - h * h) if activation == TANH else d * (h - h * h))


_FORWARD_LINES, _BACKWARD_LINES = ("row", "product", "h"), ("d_output", "product", "h", "d_gates")
_tanh_forward, _relu_forward, _sigmoid_forward = (
    formula(*_FORWARD_LINES)(partial(_forward, activation=each)) for each in (TANH, RELU, SIGMOID)
)
_tanh_backward, _relu_backward, _sigmoid_backward = (
    formula(*_BACKWARD_LINES)(partial(_backward, activation=each)) for each in (TANH, RELU, SIGMOID)
)


@compiled_without_allocation
def rnn_step(t: int, units: Units, product: Array, arrays: Forward) -> None:
    """Take a step."""
    size, first, hidden = units[1] - units[0], units[0], arrays.hidden
    for b in range(hidden.shape[1]):
        row, found, h = arrays.rows[arrays.row_index[t, b]], product[b], hidden[t + 1, b]
        if arrays.activation == TANH:
            _tanh_forward(size, row, first, 0, found, 0, 0, h, first, 0)
        elif arrays.activation == SIGMOID:
            _sigmoid_forward(size, row, first, 0, found, 0, 0, h, first, 0)
        else:
            _relu_forward(size, row, first, 0, found, 0, 0, h, first, 0)


@compiled_without_allocation
def rnn_step_backward(t: int, units: Units, product: Array, arrays: Backward) -> None:
    """Take a step backward."""
    size, first, hidden = units[1] - units[0], units[0], arrays.hidden
    for b in range(hidden.shape[1]):
        d, found, h = arrays.d_outputs[t, b], product[b], hidden[t + 1, b]
        result = arrays.d_gates[t % len(arrays.d_gates), b]
        if arrays.activation == TANH:
            _tanh_backward(size, d, first, 0, found, 0, 0, h, first, 0, result, first, 0)
        elif arrays.activation == SIGMOID:
            _sigmoid_backward(size, d, first, 0, found, 0, 0, h, first, 0, result, first, 0)
        else:
            _relu_backward(size, d, first, 0, found, 0, 0, h, first, 0, result, first, 0)


@compiled_without_allocation
def rnn_sequence(
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
    own = load_rows(workspace, worker, weight, 1, units)
    for t in range(len(arrays.row_index)):
        multiply_states(t, arrays.hidden, states, own)
        rnn_step(t, units, own.product, arrays)
        store_states(t + 1, units, arrays.hidden, own, states)
        barrier(signals, worker, t + 1)


@compiled_without_allocation
def rnn_sequence_backward(
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
    own = load_columns(workspace, worker, weight, 1, units)
    own.product[:] = 0
    for t in range(T - 1, -1, -1):
        rnn_step_backward(t, units, own.product, arrays)
        store_gradients(t, units, 1, d_gates, own, stored)
        barrier(signals, worker, T - t)
        multiply_gradients(t, d_gates, stored, own)
        add_rows(t, units, 1, d_gates, rows)
        add_weights(t, units, 1, worker, own, stored)
    write_product(own.product, units, d_initial)


FORWARD = Pass(rnn_sequence, rnn_step)
BACKWARD = Pass(rnn_sequence_backward, rnn_step_backward)

"""Backward through time by hand, for every gated cell on a CPU.

Each function takes the projected inputs of a whole window, so that what is left of a step is
one product with the recurrent weights (two where a cell needs two) and what is pointwise. In
float32 and float64 all steps are one compiled call (``windows``); in bfloat16, whose products only
torch can take, a step is a call of torch and a compiled one (``pointwise``). On the way back the
same goes in the other direction; each weight gradient is then one product over the T·B rows, or,
of integers, the sum of some on the way. (Werbos, 1990: backpropagation through time.)

The projected inputs come as *rows* [R, G·H] and an index int64[T, B] that says which row stands
at a position: a vocabulary of R symbols is projected once, not at each of its T·B places. Where
the index is None, every position has its own row, R = T·B.

Without ``keep`` nobody will go back, and the gates of one step are remembered, not of all. With
``integers`` the products with the recurrent weights are those of ``fixed_point``: for float32, H a
multiple of 16, and states of at most 1.

All tensors of a call have one dtype, float32, float64 or bfloat16, and so have the gradients; but
c and whatever a step adds up are in float32, or float64 for float64. A second derivative is an
error.

Shapes: T time steps, B streams, H hidden, G gates, R rows. Time first.
"""

# ruff: noqa: ANN401  (autograd hands its functions a context that torch does not type)

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from nextchar.config import Activation
from nextchar.nn.kernels import pointwise, pointwise_gru, windows, windows_gru
from nextchar.nn.kernels.launch import (
    STEP_OF_STATES,
    Arrays,
    IntegerGradients,
    IntegerStates,
    as_array,
    as_arrays,
    go,
    go_back,
    is_compiled,
    new_panels,
    run_window,
    weight_gradient,
    wide_dtype,
)
from nextchar.nn.kernels.onednn import product_with

ACTIVATIONS: dict[Activation, int] = {
    "tanh": pointwise.TANH,
    "relu": pointwise.RELU,
    "sigmoid": pointwise.SIGMOID,
}


class RNNThroughTime(Function):
    """The simple recurrence h_t = φ(p_t + U h_{t−1}).

    Takes rows [R, H], their index [T, B], initial h [B, H], weight_hh [H, H] and the name of φ;
    gives h [T, B, H].
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
        index, several = _positions(rows, index, initial)
        hidden = _buffer_after(initial, len(index))
        arrays = (
            ACTIVATIONS[activation],
            *as_arrays(rows.contiguous(), index.contiguous(), hidden),
        )
        forward = windows.rnn_forward, pointwise.rnn_forward
        states = go(*forward, weight_hh, hidden, arrays, integers=integers, keep=keep)
        ctx.several = several
        ctx.save_for_backward(rows, index, hidden, weight_hh, states)
        ctx.activation = activation
        return hidden[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients of rows, initial and weight_hh."""
        rows, index, hidden, weight_hh, states = ctx.saved_tensors
        d_rows = _sums_of(rows, ctx.several)
        d_gates = _gradients(rows, index, ctx.several, full=len(states) == 0)
        arrays = (ACTIVATIONS[ctx.activation], *as_arrays(grad.contiguous(), hidden, d_gates))
        backward = windows.rnn_backward, pointwise.rnn_backward
        initial, d_weight = go_back(
            *backward, weight_hh, d_gates, hidden, states, as_arrays(index, d_rows), arrays
        )
        return _of_rows(d_gates, index, d_rows), None, initial, d_weight, *[None] * 3


class LSTMThroughTime(Function):
    """The LSTM, with vector peepholes or none.

    Takes rows [R, 4·H] in the order i, f, g, o, their index [T, B], initial h and c [B, H],
    weight_hh [4·H, H], and the peepholes of i, f and o as [3, H], or [0, H] for none. Gives
    h [T, B, H] and the last c [B, H]; c comes and goes in ``wide_dtype``.
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
        index, several = _positions(rows, index, initial_h)
        T, B = index.shape
        hidden, cells = _buffer_after(initial_h, T), _buffer_after(initial_c, T)
        gates = rows.new_empty(T if keep else 1, B, len(weight_hh))
        arrays = as_arrays(
            rows.contiguous(), index.contiguous(), _wide(peepholes), gates, cells, hidden
        )
        forward = windows.lstm_forward, pointwise.lstm_forward
        states = go(*forward, weight_hh, hidden, arrays, integers=integers, keep=keep)
        ctx.several = several
        ctx.save_for_backward(rows, index, gates, hidden, cells, weight_hh, peepholes, states)
        return hidden[1:], cells[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_h: Tensor, grad_c: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients of the arguments; the index has none."""
        rows, index, gates, hidden, cells, weight_hh, peepholes, states = ctx.saved_tensors
        d_rows = _sums_of(rows, ctx.several)
        d_gates = _gradients(rows, index, ctx.several, full=len(states) == 0)
        carry = grad_c.clone(memory_format=torch.contiguous_format)
        d_peepholes = torch.zeros_like(_wide(peepholes))
        arrays = as_arrays(
            grad_h.contiguous(), carry, _wide(peepholes), gates, cells, d_gates, d_peepholes
        )
        backward = windows.lstm_backward, pointwise.lstm_backward
        initial, d_weight = go_back(
            *backward, weight_hh, d_gates, hidden, states, as_arrays(index, d_rows), arrays
        )
        return (
            _of_rows(d_gates, index, d_rows),
            None,
            initial,
            carry,
            d_weight,
            d_peepholes.to(rows.dtype),
            None,
            None,
        )


class GRUAfterThroughTime(Function):
    """The GRU whose reset gate acts after the product.

    Takes rows [R, 3·H] in the order r, z, n, their index [T, B], initial h [B, H], weight_hh
    [3·H, H] and bias_hh [H] (b', which the reset gate multiplies too); gives h [T, B, H].
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
        index, several = _positions(rows, index, initial)
        (T, B), H = index.shape, initial.shape[1]
        hidden, gates = _buffer_after(initial, T), rows.new_empty(T if keep else 1, B, 4 * H)
        arrays = as_arrays(rows.contiguous(), index.contiguous(), _wide(bias_hh), gates, hidden)
        forward = windows_gru.gru_after_forward, pointwise_gru.gru_after_forward
        states = go(*forward, weight_hh, hidden, arrays, integers=integers, keep=keep)
        ctx.several = several
        ctx.save_for_backward(rows, index, gates, hidden, weight_hh, bias_hh, states)
        return hidden[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients of the arguments; the index has none."""
        rows, index, gates, hidden, weight_hh, bias_hh, states = ctx.saved_tensors
        d_rows = _sums_of(rows, ctx.several)
        d_projected = _gradients(rows, index, ctx.several, full=False)
        d_recurrent = _gradients(rows, index, True, full=len(states) == 0)
        carry, d_bias = torch.zeros_like(_wide(hidden[0])), torch.zeros_like(_wide(bias_hh))
        arrays = as_arrays(
            grad.contiguous(), carry, gates, hidden, d_projected, d_recurrent, d_bias
        )
        backward = windows_gru.gru_after_backward, pointwise_gru.gru_after_backward
        initial, d_weight = go_back(
            *backward, weight_hh, d_recurrent, hidden, states, as_arrays(index, d_rows), arrays
        )
        return (
            _of_rows(d_projected, index, d_rows),
            None,
            carry.add_(initial).to(rows.dtype),
            d_weight,
            d_bias.to(rows.dtype),
            None,
            None,
        )


class GRUBeforeThroughTime(Function):
    """The GRU whose reset gate acts before the product.

    Takes rows [R, 3·H] in the order r, z, n, their index [T, B], initial h [B, H] and weight_hh
    [3·H, H]; gives h [T, B, H].
    """

    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        index: Tensor | None,
        initial: Tensor,
        weight_hh: Tensor,
        keep: bool,
        integers: bool,
    ) -> Tensor:
        """Run all steps."""
        index, several = _positions(rows, index, initial)
        (T, B), (G, H) = index.shape, weight_hh.shape
        hidden, remembered = _buffer_after(initial, T), rows.new_empty(T, B, H)
        gates, weights = (
            rows.new_empty(T if keep else 1, B, G),
            (weight_hh[: 2 * H], weight_hh[2 * H :]),
        )
        read: Arrays = as_arrays(rows.contiguous(), index.contiguous(), gates, hidden)
        states, more_states = (
            IntegerStates.make(T, B, H, integers=integers, keep=keep) for _ in weights
        )
        if is_compiled(rows):
            if integers:
                states.begin(hidden)
            seen = (*states.arrays, *more_states.arrays, STEP_OF_STATES)
            arrays = (*seen, *as_arrays(*weights), *read, as_array(remembered))
            run_window(windows_gru.gru_before_forward, T, B, weights, arrays, integers=integers)
        else:
            units, kept = (0, H), (*read, as_array(remembered))
            to_rz, to_n = (product_with(weight, B) for weight in weights)
            for t, (h, m) in enumerate(zip(hidden[:-1].unbind(), remembered.unbind(), strict=True)):
                pointwise_gru.gru_before_open(t, units, as_array(to_rz(h)), *kept)
                pointwise_gru.gru_before_close(t, units, as_array(to_n(m)), *read)
        ctx.several = several
        pairs = states.pairs, more_states.pairs
        ctx.save_for_backward(rows, index, gates, remembered, hidden, weight_hh, *pairs)
        return hidden[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients of the arguments; the index has none."""
        rows, index, gates, remembered, hidden, weight_hh, *pairs = ctx.saved_tensors
        (B, H), integers = hidden.shape[1:], len(pairs[0]) > 0
        T, d_rows, initial = len(gates), _sums_of(rows, ctx.several), torch.zeros_like(hidden[0])
        d_gates = _gradients(rows, index, ctx.several, full=not integers)
        d_opened, d_candidate = initial.new_empty(B, 2 * H), torch.empty_like(initial)
        carry, weights = torch.zeros_like(_wide(initial)), (weight_hh[: 2 * H], weight_hh[2 * H :])
        closing = (grad.contiguous(), carry, gates, hidden, d_gates, d_candidate)
        gradients = [
            IntegerGradients.make(T, B, weight, H, integers=integers) for weight in weights
        ]
        if is_compiled(rows):
            seen: Arrays = ()
            for each, of_states in zip(gradients, pairs, strict=True):
                seen = (*seen, *each.arrays(of_states))
            arrays = (
                *seen,
                STEP_OF_STATES,
                new_panels(B),
                *as_arrays(index, d_rows),
                *as_arrays(*weights, initial, *closing[:-1], d_candidate[None], d_opened[None]),
            )
            run_window(
                windows_gru.gru_before_backward, T, B, weights, arrays, back=True,
                integers=integers,
            )  # fmt: skip
        else:
            units, first = (0, H), as_arrays(*closing)
            second = as_arrays(carry, gates, hidden, d_gates, d_opened)
            from_rz, from_n = (product_with(weight.t(), B) for weight in weights)
            for t in reversed(range(T)):
                pointwise_gru.gru_before_backward_close(t, units, as_array(initial), *first)
                product = as_array(from_n(d_candidate))
                pointwise_gru.gru_before_backward_open(t, units, product, *second)
                initial = from_rz(d_opened)
        if integers:
            d_rz, d_n = (each.d_weight for each in gradients)
        else:
            d_rz = weight_gradient(d_gates[:, :, : 2 * H], hidden[:-1])
            d_n = weight_gradient(d_gates[:, :, 2 * H :], remembered)
        return (
            _of_rows(d_gates, index, d_rows),
            None,
            carry.add_(initial).to(rows.dtype),
            torch.cat((d_rz, d_n)),
            None,
            None,
        )


def _buffer_after(initial: Tensor, steps: int) -> Tensor:
    """Make a buffer [T+1, B, H] that begins with the initial state."""
    buffer = initial.new_empty(steps + 1, *initial.shape)
    buffer[0] = initial
    return buffer


def _positions(rows: Tensor, index: Tensor | None, initial: Tensor) -> tuple[Tensor, bool]:
    """Give the index int64[T, B], and whether a row may stand at several positions."""
    if index is None:
        return torch.arange(len(rows)).view(-1, len(initial)), False
    return index, True


def _wide(tensor: Tensor) -> Tensor:
    """Give a tensor in the type in which a step adds up."""
    return tensor.to(wide_dtype(tensor.dtype))


def _sums_of(rows: Tensor, several: bool) -> Tensor:
    """Make where the gradients of rows [R, G·H] are summed up; empty if each stands once."""
    R, K = rows.shape
    return rows.new_zeros(R if several else 0, K, dtype=wide_dtype(rows.dtype))


def _gradients(rows: Tensor, index: Tensor, several: bool, *, full: bool) -> Tensor:
    """Make room for the gradients of all steps [T, B, G·H], or of one where nobody needs all."""
    T, B = index.shape
    every = full or not several or not is_compiled(rows)
    return rows.new_empty(T if every else 1, B, rows.shape[1])


def _of_rows(d_projected: Tensor, index: Tensor, sums: Tensor) -> Tensor:
    """Give the gradient of the rows [R, G·H]: their sums, which compiled windows have made."""
    if len(sums) == 0:
        return d_projected.flatten(0, 1)
    if not is_compiled(d_projected):
        values, at, total = as_arrays(d_projected.flatten(0, 1), index.flatten(), sums)
        pointwise.add_rows(values, at, total)
    return sums.to(d_projected.dtype)

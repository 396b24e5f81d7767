"""Backward through time by hand, for every gated cell on a CPU.

Each function takes the projected inputs of a whole window, so that what is left in its loop is
one product with the recurrent weights (two where a cell needs two) and one compiled call
(``pointwise``). On the way back the loop does the same in the other direction; each weight
gradient is then one product over the T·B rows. (Werbos, 1990: backpropagation through time.)

The projected inputs come as *rows* [R, G·H] and an index int64[T, B] that says which row stands
at a position: a vocabulary of R symbols is projected once, not at each of its T·B places. Where
the index is None, every position has its own row, R = T·B.

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
from nextchar.nn import pointwise
from nextchar.nn.lines import Array
from nextchar.nn.products import product_with

ACTIVATIONS: dict[Activation, int] = {
    "tanh": pointwise.TANH,
    "relu": pointwise.RELU,
    "sigmoid": pointwise.SIGMOID,
}


def wide_dtype(dtype: torch.dtype) -> torch.dtype:
    """Give the type of c and of sums within a step: float64 for float64, else float32."""
    return torch.float64 if dtype == torch.float64 else torch.float32


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
    ) -> Tensor:
        """Run all steps."""
        index, several = _positions(rows, index, initial)
        hidden = _buffer_after(initial, len(index))
        multiply = product_with(weight_hh, len(initial))
        arrays = _arrays(rows.contiguous(), index.contiguous(), hidden, _lines(initial))
        for t, h in enumerate(hidden[:-1].unbind()):
            pointwise.rnn_forward(t, _array(multiply(h)), ACTIVATIONS[activation], *arrays)
        ctx.several = several
        ctx.save_for_backward(rows, index, hidden, weight_hh)
        ctx.activation = activation
        return hidden[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients of rows, initial and weight_hh."""
        rows, index, hidden, weight_hh = ctx.saved_tensors
        d_gates, product = torch.empty_like(hidden[1:]), torch.zeros_like(hidden[0])
        arrays = _arrays(grad.contiguous(), hidden, d_gates, _lines(product))
        multiply = product_with(weight_hh.t(), len(product))
        for t, d in _backwards(d_gates):
            pointwise.rnn_backward(t, _array(product), ACTIVATIONS[ctx.activation], *arrays)
            product = multiply(d)
        d_weight = _weight_gradient(d_gates, hidden[:-1])
        return _of_rows(d_gates, rows, index, ctx.several), None, product, d_weight, None


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
    ) -> tuple[Tensor, Tensor]:
        """Run all steps."""
        index, several = _positions(rows, index, initial_h)
        (T, B), G = index.shape, len(weight_hh)
        hidden, cells = _buffer_after(initial_h, T), _buffer_after(initial_c, T)
        gates, multiply = rows.new_empty(T, B, G), product_with(weight_hh, B)
        arrays = _arrays(
            rows.contiguous(),
            index.contiguous(),
            _wide(peepholes),
            gates,
            cells,
            hidden,
            _lines(initial_h),
        )
        for t, h in enumerate(hidden[:-1].unbind()):
            pointwise.lstm_forward(t, _array(multiply(h)), *arrays)
        ctx.several = several
        ctx.save_for_backward(rows, index, gates, hidden, cells, weight_hh, peepholes)
        return hidden[1:], cells[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_h: Tensor, grad_c: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients of the arguments; the index has none."""
        rows, index, gates, hidden, cells, weight_hh, peepholes = ctx.saved_tensors
        d_gates, product = torch.empty_like(gates), torch.zeros_like(hidden[0])
        carry = grad_c.clone(memory_format=torch.contiguous_format)
        d_peepholes = torch.zeros_like(_wide(peepholes))
        arrays = _arrays(
            grad_h.contiguous(), carry, _wide(peepholes), gates, cells, d_gates, d_peepholes,
            _lines(product),
        )  # fmt: skip
        multiply = product_with(weight_hh.t(), len(product))
        for t, d in _backwards(d_gates):
            pointwise.lstm_backward(t, _array(product), *arrays)
            product = multiply(d)
        return (
            _of_rows(d_gates, rows, index, ctx.several),
            None,
            product,
            carry,
            _weight_gradient(d_gates, hidden[:-1]),
            d_peepholes.to(rows.dtype),
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
    ) -> Tensor:
        """Run all steps."""
        index, several = _positions(rows, index, initial)
        (T, B), H = index.shape, initial.shape[1]
        hidden, multiply = _buffer_after(initial, T), product_with(weight_hh, B)
        gates = rows.new_empty(T, B, 4 * H)
        arrays = _arrays(
            rows.contiguous(),
            index.contiguous(),
            _wide(bias_hh),
            gates,
            hidden,
            _lines(initial),
        )
        for t, h in enumerate(hidden[:-1].unbind()):
            pointwise.gru_after_forward(t, _array(multiply(h)), *arrays)
        ctx.several = several
        ctx.save_for_backward(rows, index, gates, hidden, weight_hh, bias_hh)
        return hidden[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients of the arguments; the index has none."""
        rows, index, gates, hidden, weight_hh, bias_hh = ctx.saved_tensors
        d_projected = rows.new_empty(*index.shape, len(weight_hh))
        d_recurrent, product = torch.empty_like(d_projected), torch.zeros_like(hidden[0])
        carry, d_bias = torch.zeros_like(_wide(product)), torch.zeros_like(_wide(bias_hh))
        arrays = _arrays(
            grad.contiguous(),
            carry,
            gates,
            hidden,
            d_projected,
            d_recurrent,
            d_bias,
            _lines(product),
        )
        multiply = product_with(weight_hh.t(), len(product))
        for t, d in _backwards(d_recurrent):
            pointwise.gru_after_backward(t, _array(product), *arrays)
            product = multiply(d)
        return (
            _of_rows(d_projected, rows, index, ctx.several),
            None,
            carry.add_(product).to(rows.dtype),
            _weight_gradient(d_recurrent, hidden[:-1]),
            d_bias.to(rows.dtype),
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
    ) -> Tensor:
        """Run all steps."""
        index, several = _positions(rows, index, initial)
        (T, B), (G, H) = index.shape, weight_hh.shape
        hidden, remembered = _buffer_after(initial, T), rows.new_empty(T, B, H)
        gates, lines = rows.new_empty(T, B, G), _lines(initial)
        to_rz = product_with(weight_hh[: 2 * H], B)
        to_n = product_with(weight_hh[2 * H :], B)
        rows_at = _arrays(rows.contiguous(), index.contiguous())
        opening = _arrays(gates, hidden, remembered, lines)
        closing = _arrays(gates, hidden, lines)
        for t, (h, m) in enumerate(zip(hidden[:-1].unbind(), remembered.unbind(), strict=True)):
            pointwise.gru_before_open(t, _array(to_rz(h)), *rows_at, *opening)
            pointwise.gru_before_close(t, _array(to_n(m)), *rows_at, *closing)
        ctx.several = several
        ctx.save_for_backward(rows, index, gates, remembered, hidden, weight_hh)
        return hidden[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients of the arguments; the index has none."""
        rows, index, gates, remembered, hidden, weight_hh = ctx.saved_tensors
        (B, H), lines = hidden.shape[1:], _lines(hidden[0])
        d_gates, product = torch.empty_like(gates), torch.zeros_like(hidden[0])
        d_opened, d_candidate = product.new_empty(B, 2 * H), torch.empty_like(product)
        carry = torch.zeros_like(_wide(product))
        from_rz = product_with(weight_hh[: 2 * H].t(), B)
        from_n = product_with(weight_hh[2 * H :].t(), B)
        closing = _arrays(grad.contiguous(), carry, gates, hidden, d_gates, d_candidate, lines)
        opening = _arrays(carry, gates, hidden, d_gates, d_opened, lines)
        for t, _ in _backwards(d_gates):
            pointwise.gru_before_backward_close(t, _array(product), *closing)
            pointwise.gru_before_backward_open(t, _array(from_n(d_candidate)), *opening)
            product = from_rz(d_opened)
        d_rz = _weight_gradient(d_gates[:, :, : 2 * H], hidden[:-1])
        d_n = _weight_gradient(d_gates[:, :, 2 * H :], remembered)
        return (
            _of_rows(d_gates, rows, index, ctx.several),
            None,
            carry.add_(product).to(rows.dtype),
            torch.cat((d_rz, d_n)),
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


def _lines(state: Tensor) -> Tensor:
    """Make the memory that ``pointwise`` works in, for states [B, H] like this one."""
    return _wide(state.new_empty(pointwise.LINES, state.shape[1]))


def _array(tensor: Tensor) -> Array:
    """Give a tensor as an array of ``pointwise``, on the same memory."""
    bits = tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor
    array: Array = bits.detach().numpy()
    return array


def _arrays(*tensors: Tensor) -> tuple[Array, ...]:
    return tuple(_array(tensor) for tensor in tensors)


def _backwards(d_gates: Tensor) -> list[tuple[int, Tensor]]:
    """List the steps and the gradients of their gates from the last to the first."""
    return list(reversed(list(enumerate(d_gates.unbind()))))


def _weight_gradient(d_gates: Tensor, seen: Tensor) -> Tensor:
    """Sum over T and B the outer products of d_gates [T, B, G·H] and what they saw [T, B, H]."""
    return d_gates.flatten(0, 1).t() @ seen.flatten(0, 1)


def _of_rows(d_projected: Tensor, rows: Tensor, index: Tensor, several: bool) -> Tensor:
    """Sum the gradients [T, B, G·H] of all positions of each row; gives [R, G·H]."""
    if not several:
        return d_projected.flatten(0, 1)
    sums = rows.new_zeros(rows.shape, dtype=wide_dtype(rows.dtype))
    values, at, total = _arrays(d_projected.flatten(0, 1), index.flatten(), sums)
    pointwise.add_rows(values, at, total, total[0].copy())
    return sums.to(rows.dtype)

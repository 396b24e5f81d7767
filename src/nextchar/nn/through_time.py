"""Backward through time by hand, for the recurrences that torch has no fast CPU path for.

Each function takes the projected inputs of a whole window, so that what is left in its loop is
one product with the recurrent weights and a few pointwise calls into buffers made beforehand. On
the way back, every factor that does not depend on the recurrence is computed for all steps at
once; the loop multiplies it by what arrives from later steps; each weight gradient is then one
product over the T·B rows. (Werbos, 1990: backpropagation through time.)

All tensors of a call have one dtype and live on one device, and so have the gradients. Nothing
is saved where no gradient is wanted. A second derivative is an error.

Shapes: T time steps, B streams, H hidden, G gates. Time first.
"""

# ruff: noqa: ANN401  (autograd hands its functions a context that torch does not type)

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from nextchar.config import Activation

IN_PLACE: dict[Activation, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh_,
    "relu": torch.relu_,
    "sigmoid": torch.sigmoid_,
}


class RNNThroughTime(Function):
    """The simple recurrence h_t = φ(p_t + U h_{t−1}).

    Takes projected [T, B, H], initial h [B, H], weight_hh [H, H] and the name of φ; gives
    h [T, B, H].
    """

    @staticmethod
    def forward(
        ctx: Any,
        projected: Tensor,
        initial: Tensor,
        weight_hh: Tensor,
        activation: Activation,
    ) -> Tensor:
        """Run all steps."""
        hidden = _buffer_after(initial, len(projected))
        transposed, activate = weight_hh.t(), IN_PLACE[activation]
        for p, earlier, h in zip(projected.unbind(), hidden[:-1].unbind(), hidden[1:].unbind(),
                                 strict=True):  # fmt: skip
            activate(torch.addmm(p, earlier, transposed, out=h))
        ctx.save_for_backward(hidden, weight_hh)
        ctx.activation = activation
        return hidden[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients of projected, initial, weight_hh and (none) activation."""
        hidden, weight_hh = ctx.saved_tensors
        d_gates = _slope(hidden[1:], ctx.activation)
        d_h = grad[-1]
        for arriving, d in _backwards(grad, d_gates):
            d_h = torch.addmm(arriving, d.mul_(d_h), weight_hh)
        return d_gates, d_h, _weight_gradient(d_gates, hidden[:-1]), None


class LSTMThroughTime(Function):
    """The LSTM with peepholes; with peepholes of zero, the LSTM.

    Takes projected [T, B, 4·H] in the order i, f, g, o, initial h and c [B, H], weight_hh
    [4·H, H], and the peepholes of i, f and o: vectors [3, H] or matrices [3, H, H]. Gives
    h [T, B, H] and the last c [B, H].
    """

    @staticmethod
    def forward(
        ctx: Any,
        projected: Tensor,
        initial_h: Tensor,
        initial_c: Tensor,
        weight_hh: Tensor,
        peepholes: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Run all steps."""
        T, B, H = len(projected), *initial_h.shape
        hidden, cells = _buffer_after(initial_h, T), _buffer_after(initial_c, T)
        gates, squashed = projected.new_empty(T, B, 4, H), projected.new_empty(T, B, H)
        transposed = weight_hh.t()
        h, c = initial_h, initial_c
        for p, z, s, h_next, c_next in zip(
            projected.unbind(), gates.unbind(), squashed.unbind(), hidden[1:].unbind(),
            cells[1:].unbind(), strict=True,
        ):  # fmt: skip
            torch.addmm(p, h, transposed, out=z.view(B, 4 * H))
            i, f, g, o = z.unbind(1)
            _look(z[:, :2], c, peepholes[:2]).sigmoid_()
            torch.mul(f, c, out=c_next).addcmul_(i, g.tanh_())
            _look(z[:, 3:], c_next, peepholes[2:]).sigmoid_()
            torch.mul(o, torch.tanh(c_next, out=s), out=h_next)
            h, c = h_next, c_next
        ctx.save_for_backward(gates, squashed, hidden, cells, weight_hh, peepholes)
        return hidden[1:], c.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_h: Tensor, grad_c: Tensor) -> tuple[Tensor, ...]:
        """Give the gradients of the five arguments."""
        gates, squashed, hidden, cells, weight_hh, peepholes = ctx.saved_tensors
        B, H = grad_c.shape
        d_gates, h_to_c, c_to_c = _lstm_factors(gates, squashed, cells, peepholes)
        matrices = peepholes.dim() == 3
        d_h, d_c = grad_h[-1], grad_c.clone()
        for arriving, d, hc, cc in _backwards(grad_h, d_gates, h_to_c, c_to_c):
            d_o = d[:, 3].mul_(d_h)
            d_c.addcmul_(d_h, hc)
            if matrices:
                d_c.addmm_(d_o, peepholes[2])
            d[:, :3].mul_(d_c.unsqueeze(1))
            d_c.mul_(cc)
            if matrices:
                d_c.addmm_(d[:, :2].view(B, 2 * H), peepholes[:2].view(2 * H, H))
            d_h = torch.addmm(arriving, d.view(B, 4 * H), weight_hh)
        d_projected = d_gates.flatten(2)
        return (
            d_projected,
            d_h,
            d_c,
            _weight_gradient(d_projected, hidden[:-1]),
            _peephole_gradient(d_gates, cells, peepholes),
        )


class GRUAfterThroughTime(Function):
    """The GRU whose reset gate acts after the product.

    Takes projected [T, B, 3·H] in the order r, z, n, initial h [B, H], weight_hh [3·H, H] and
    bias_hh [H] (b', which the reset gate multiplies too); gives h [T, B, H].
    """

    @staticmethod
    def forward(
        ctx: Any,
        projected: Tensor,
        initial: Tensor,
        weight_hh: Tensor,
        bias_hh: Tensor,
    ) -> Tensor:
        """Run all steps."""
        T, B, H = len(projected), *initial.shape
        hidden, candidates = _buffer_after(initial, T), projected.new_empty(T, B, H)
        # the product is added to the input's part of r and z, but to b' alone for the candidate,
        # whose input must not be multiplied by r
        gates = projected.view(T, B, 3, H).clone()
        gates[:, :, 2] = bias_hh
        transposed = weight_hh.t()
        h = initial
        for p, z, n, h_next in zip(
            projected[:, :, 2 * H :].unbind(), gates.unbind(), candidates.unbind(),
            hidden[1:].unbind(), strict=True,
        ):  # fmt: skip
            z.view(B, 3 * H).addmm_(h, transposed)
            z[:, :2].sigmoid_()
            reset, update, recurrent = z.unbind(1)
            torch.addcmul(p, reset, recurrent, out=n).tanh_()
            h = torch.lerp(n, h, update, out=h_next)
        ctx.save_for_backward(gates, candidates, hidden, weight_hh)
        return hidden[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        """Give the gradients of the four arguments."""
        gates, candidates, hidden, weight_hh = ctx.saved_tensors
        r, z, recurrent = gates.unbind(2)
        B, H = grad.shape[1:]
        to_n, to_z = _gru_factors(z, candidates, hidden)
        d_gates = torch.stack((to_n * recurrent * _slope(r, "sigmoid"), to_z, to_n * r), dim=2)
        d_hidden = torch.empty_like(hidden)
        d_h = d_hidden[-1].copy_(grad[-1])
        for arriving, d, keep, d_earlier in _backwards(grad, d_gates, z, d_hidden[:-1]):
            d.mul_(d_h.unsqueeze(1))
            torch.addcmul(arriving, d_h, keep, out=d_earlier)
            d_h = d_earlier.addmm_(d.view(B, 3 * H), weight_hh)
        d_weight = _weight_gradient(d_gates.flatten(2), hidden[:-1])
        d_bias = d_gates[:, :, 2].sum((0, 1))
        d_gates[:, :, 2] = to_n.mul_(d_hidden[1:])
        return d_gates.flatten(2), d_h, d_weight, d_bias


class GRUBeforeThroughTime(Function):
    """The GRU whose reset gate acts before the product.

    Takes projected [T, B, 3·H] in the order r, z, n, initial h [B, H] and weight_hh [3·H, H];
    gives h [T, B, H].
    """

    @staticmethod
    def forward(
        ctx: Any,
        projected: Tensor,
        initial: Tensor,
        weight_hh: Tensor,
    ) -> Tensor:
        """Run all steps."""
        T, B, H = len(projected), *initial.shape
        hidden, remembered = _buffer_after(initial, T), projected.new_empty(T, B, H)
        gates = projected.view(T, B, 3, H).clone()
        to_rz, to_n = weight_hh[: 2 * H].t(), weight_hh[2 * H :].t()
        h = initial
        for z, m, h_next in zip(
            gates.unbind(), remembered.unbind(), hidden[1:].unbind(), strict=True
        ):
            z[:, :2].view(B, 2 * H).addmm_(h, to_rz).sigmoid_()
            reset, update, candidate = z.unbind(1)
            candidate.addmm_(torch.mul(reset, h, out=m), to_n).tanh_()
            h = torch.lerp(candidate, h, update, out=h_next)
        ctx.save_for_backward(gates, remembered, hidden, weight_hh)
        return hidden[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        """Give the gradients of the three arguments."""
        gates, remembered, hidden, weight_hh = ctx.saved_tensors
        r, z, n = gates.unbind(2)
        B, H = grad.shape[1:]
        weight_rz, weight_n = weight_hh[: 2 * H], weight_hh[2 * H :]
        to_n, to_z = _gru_factors(z, n, hidden)
        # the reset gate's factor is of the gradient of r ⊙ h, the others' of that of h
        d_gates = torch.stack((hidden[:-1] * _slope(r, "sigmoid"), to_z, to_n), dim=2)
        d_h = grad[-1]
        for arriving, d, reset, keep in _backwards(grad, d_gates, r, z):
            d[:, 1:].mul_(d_h.unsqueeze(1))
            d_remembered = d[:, 2] @ weight_n
            d[:, 0].mul_(d_remembered)
            d_h = torch.addcmul(arriving, d_h, keep).addcmul_(d_remembered, reset)
            d_h.addmm_(d[:, :2].view(B, 2 * H), weight_rz)
        d_rz = _weight_gradient(d_gates[:, :, :2].flatten(2), hidden[:-1])
        d_n = _weight_gradient(d_gates[:, :, 2], remembered)
        return d_gates.flatten(2), d_h, torch.cat((d_rz, d_n))


def _buffer_after(initial: Tensor, steps: int) -> Tensor:
    """Make a buffer [T+1, B, H] that begins with the initial state."""
    buffer = initial.new_empty(steps + 1, *initial.shape)
    buffer[0] = initial
    return buffer


def _slope(value: Tensor, activation: Activation) -> Tensor:
    """Give the derivative of an activation from its value."""
    match activation:
        case "tanh":
            return 1 - value * value
        case "sigmoid":
            return value - value * value
        case "relu":
            return (value > 0).to(value.dtype)


def _backwards(grad: Tensor, *factors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Go from the last step to the first, over the factors [T, ...] of each step.

    The first of each tuple is the gradient [B, H] that reaches the *earlier* h from outside the
    recurrence: that of the step before, and zeros for the initial state.
    """
    arriving = (torch.zeros_like(grad[0]), *grad[:-1].unbind())
    steps = list(zip(arriving, *(factor.unbind() for factor in factors), strict=True))
    yield from reversed(steps)


def _weight_gradient(d_gates: Tensor, seen: Tensor) -> Tensor:
    """Sum over T and B the outer products of d_gates [T, B, G·H] and what they saw [T, B, H]."""
    return d_gates.flatten(0, 1).t() @ seen.flatten(0, 1)


def _look(gates: Tensor, cell: Tensor, peepholes: Tensor) -> Tensor:
    """Add in place to K gates [B, K, H] what they see of the cell [B, H]; give them."""
    B, K, H = gates.shape
    if peepholes.dim() == 2:
        return gates.addcmul_(cell.unsqueeze(1), peepholes)
    gates.view(B, K * H).addmm_(cell, peepholes.view(K * H, H).t())
    return gates


def _lstm_factors(
    gates: Tensor, squashed: Tensor, cells: Tensor, peepholes: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Give what the gradients at a step are multiplied by.

    Returns
    -------
    d_gates [T, B, 4, H], h_to_c [T, B, H], c_to_c [T, B, H]
        From that of c to those of i, f, g and from that of h to that of o; from h to c; and from
        c to the c before. Vector peepholes are in the last two, matrices are not.
    """
    i, f, g, o = gates.unbind(2)
    d_gates = torch.stack(
        (
            g * _slope(i, "sigmoid"),
            cells[:-1] * _slope(f, "sigmoid"),
            i * _slope(g, "tanh"),
            squashed * _slope(o, "sigmoid"),
        ),
        dim=2,
    )
    h_to_c = o * _slope(squashed, "tanh")
    if peepholes.dim() == 3:
        return d_gates, h_to_c, f
    c_to_c = f + (d_gates[:, :, :2] * peepholes[:2]).sum(2)
    return d_gates, h_to_c.addcmul_(d_gates[:, :, 3], peepholes[2]), c_to_c


def _peephole_gradient(d_gates: Tensor, cells: Tensor, peepholes: Tensor) -> Tensor:
    d_i, d_f, _, d_o = d_gates.unbind(2)
    pairs = ((d_i, cells[:-1]), (d_f, cells[:-1]), (d_o, cells[1:]))
    if peepholes.dim() == 3:
        return torch.stack([_weight_gradient(d, seen) for d, seen in pairs])
    return torch.stack([(d * seen).sum((0, 1)) for d, seen in pairs])


def _gru_factors(z: Tensor, n: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Give the factors [T, B, H] from the gradient of h to those of the candidate and of z."""
    return (1 - z) * _slope(n, "tanh"), (hidden[:-1] - n) * _slope(z, "sigmoid")

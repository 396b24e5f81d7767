"""The linear recurrence h_t = a_t ⊙ h_{t−1} + b_t over a whole sequence, as a parallel scan.

Shapes: T time steps, B streams, H hidden. Time first.
"""

# ruff: noqa: ANN401  (torch does not type the context of autograd functions)

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

# On a CPU, a plain loop is faster for steps of at least this many numbers: it reads memory once,
# and the scan three times.
WIDE_STEP = 4096


def linear_recurrence(decay: Tensor, inputs: Tensor, initial: Tensor) -> Tensor:
    """Solve h_t = a_t ⊙ h_{t−1} + b_t for all t.

    Parameters
    ----------
    decay, inputs
        a and b [T, B, H] of any size; a may be 0, since nothing is divided by it.
    initial
        h before the first step [B, H].

    Returns
    -------
    Tensor
        h [T, B, H]; differentiable once in all three.
    """
    hidden: Tensor = _LinearRecurrence.apply(decay, inputs, initial)  # type: ignore[no-untyped-call]
    return hidden


class _LinearRecurrence(Function):
    @staticmethod
    def forward(ctx: Any, decay: Tensor, inputs: Tensor, initial: Tensor) -> Tensor:
        solve = _loop if _is_wide(initial) else _scan
        hidden = solve(decay, inputs, initial)
        ctx.save_for_backward(decay, initial, hidden)
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        """Run the same recurrence from the end: d_t = g_t + a_{t+1} ⊙ d_{t+1}."""
        decay, initial, hidden = ctx.saved_tensors
        solve = _loop_backwards if _is_wide(initial) else _scan_backwards
        d_inputs = solve(decay, grad)
        d_decay = torch.empty_like(decay)
        torch.mul(d_inputs[0], initial, out=d_decay[0])
        torch.mul(d_inputs[1:], hidden[:-1], out=d_decay[1:])
        return d_decay, d_inputs, d_inputs[0] * decay[0]


def _is_wide(step: Tensor) -> bool:
    return step.device.type == "cpu" and step.numel() >= WIDE_STEP


def _loop(decay: Tensor, inputs: Tensor, initial: Tensor) -> Tensor:
    hidden = torch.empty_like(inputs)
    h = initial
    for a, b, out in zip(decay.unbind(), inputs.unbind(), hidden.unbind(), strict=True):
        h = torch.addcmul(b, a, h, out=out)
    return hidden


def _loop_backwards(decay: Tensor, grad: Tensor) -> Tensor:
    total = torch.empty_like(grad)
    later = total[-1].copy_(grad[-1])
    steps = zip(decay[1:].unbind(), grad[:-1].unbind(), total[:-1].unbind(), strict=True)
    for a, g, out in reversed(list(steps)):
        later = torch.addcmul(g, a, later, out=out)
    return total


def _scan(decay: Tensor, inputs: Tensor, initial: Tensor) -> Tensor:
    """Join neighbouring steps, solve the shorter recurrence, fill in the rest (Blelloch, 1990).

    Two steps combine into one of the same form, with a' = a_2 ⊙ a_1 and b' = b_2 + a_2 ⊙ b_1. The
    work is linear in T, and the number of calls is logarithmic.
    """
    if len(decay) == 1:
        return torch.addcmul(inputs, decay, initial)
    whole = len(decay) // 2 * 2
    first_a, second_a = decay[0:whole:2], decay[1::2]
    first_b, second_b = inputs[0:whole:2], inputs[1::2]
    hidden = torch.empty_like(inputs)
    hidden[1::2] = _scan(first_a * second_a, torch.addcmul(second_b, second_a, first_b), initial)
    torch.addcmul(inputs[0], decay[0], initial, out=hidden[0])
    torch.addcmul(inputs[2::2], decay[2::2], hidden[1:-1:2], out=hidden[2::2])
    return hidden


def _scan_backwards(decay: Tensor, grad: Tensor) -> Tensor:
    zeros = torch.zeros_like(grad[0])
    following = torch.cat((decay[1:], zeros.unsqueeze(0)))
    return _scan(following.flip(0), grad.flip(0), zeros).flip(0)

"""All steps of a window, one after the other: compiled together, or with the products of torch.

In float32 and float64 a window is one call of ``windows`` in each worker of a team. In bfloat16 a
step is a product, which torch takes in the processor's own bfloat16, and a compiled call.

Shapes: T time steps, B streams, H hidden, G gates. Weights are [G·H, H].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from nextchar.nn import pointwise, windows
from nextchar.nn.lines import Array
from nextchar.nn.products import product_with
from nextchar.nn.team import make_signals, run_team, suggested_workers

Arrays = tuple[Any, ...]
Window = Callable[..., None]
Step = Callable[..., None]


def is_compiled(tensor: Tensor) -> bool:
    """Say whether the windows of this type are one compiled call."""
    return tensor.dtype != torch.bfloat16


def go(window: Window, step: Step, weight: Tensor, hidden: Tensor, arrays: Arrays) -> None:
    """Take all steps of a cell that has one product; ``hidden`` is [T+1, B, H]."""
    B, H = hidden.shape[1:]
    if is_compiled(hidden):
        run_window(window, len(hidden) - 1, B, [weight], (as_array(weight), *arrays))
        return
    multiply, lines = product_with(weight, B), as_array(new_lines(hidden))
    for t, h in enumerate(hidden[:-1].unbind()):
        step(t, (0, H), as_array(multiply(h)), *arrays, lines)


def go_back(window: Window, step: Step, weight: Tensor, d_gates: Tensor, arrays: Arrays) -> Tensor:
    """Take all steps back; ``d_gates`` [T, B, G·H] is what the products take.

    Gives the gradient of the initial h [B, H] that comes through the gates.
    """
    B, H = d_gates.shape[1], weight.shape[1]
    initial = d_gates.new_zeros(B, H)
    if is_compiled(d_gates):
        given = (as_array(weight), as_array(initial), *arrays)
        run_window(window, len(d_gates), B, [weight], given, back=True)
        return initial
    multiply, lines = product_with(weight.t(), B), as_array(new_lines(initial))
    for t, d in reversed(list(enumerate(d_gates.unbind()))):
        step(t, (0, H), as_array(initial), *arrays, lines)
        initial = multiply(d)
    return initial


def run_window(
    window: Window,
    steps: int,
    streams: int,
    weights: Sequence[Tensor],
    arrays: Arrays,
    *,
    back: bool = False,
) -> None:
    """Run a compiled window in as many workers as it is worth.

    Parameters
    ----------
    window
        A function of ``windows``.
    steps, streams
        T and B.
    weights
        Of the products of a step.
    arrays
        What the window takes besides the team's signals and room.
    back
        Whether the products are those of the way back.
    """
    H, like = weights[0].shape[1], as_array(weights[0])
    products = steps * streams * sum(each.numel() for each in weights)
    workers = suggested_workers(H, products)
    rooms: list[Array] = []
    for weight in weights:
        gates, inner = (1, len(weight)) if back else (len(weight) // H, H)
        rooms.extend(windows.make_room(workers, streams, H, like, gates, inner))
    lines = windows.make_lines(workers, H, like)
    run_team(window, make_signals(workers), lines, *rooms, *arrays)


def wide_dtype(dtype: torch.dtype) -> torch.dtype:
    """Give the type of c and of sums within a step: float64 for float64, else float32."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def new_lines(state: Tensor) -> Tensor:
    """Make the memory that a step of ``pointwise`` works in, for states [..., H] like this one."""
    return state.new_empty(pointwise.LINES, state.shape[-1], dtype=wide_dtype(state.dtype))


def as_array(tensor: Tensor) -> Array:
    """Give a tensor as an array of ``pointwise``, on the same memory."""
    bits = tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor
    array: Array = bits.detach().numpy()
    return array


def as_arrays(*tensors: Tensor) -> tuple[Array, ...]:
    """Give several."""
    return tuple(as_array(tensor) for tensor in tensors)

"""All steps of a window, one after the other: compiled together, or with the products of torch.

In float32 and float64 a window is one call of ``windows`` in each worker of a team. In bfloat16 a
step is a product, which torch takes in the processor's own bfloat16, and a compiled call.

Shapes: T time steps, B streams, H hidden, G gates. Weights are [G·H, H].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from nextchar.nn.kernels import fixed_point
from nextchar.nn.kernels.matmul import make_room
from nextchar.nn.kernels.onednn import product_with
from nextchar.nn.kernels.slices import Array
from nextchar.nn.kernels.threads import make_signals, run_team, suggested_workers

Arrays = tuple[Any, ...]
Window = Callable[..., None]
Step = Callable[..., None]

_PAIRS_AT_ONCE = 256  # of states in the gradient of a weight: 32 KiB, which stay near
STEP_OF_STATES = np.full(fixed_point.COLUMNS, 1 / fixed_point.ONE, np.float32)


def is_compiled(tensor: Tensor) -> bool:
    """Say whether the windows of this type are one compiled call."""
    return tensor.dtype != torch.bfloat16


def go(
    window: Window,
    step: Step,
    weight: Tensor,
    hidden: Tensor,
    arrays: Arrays,
    *,
    integers: bool,
    keep: bool,
) -> Tensor:
    """Take all steps of a cell that has one product; ``hidden`` is [T+1, B, H].

    Gives the pairs of ``IntegerStates``, which ``go_back`` needs, if somebody will go back.
    """
    T, (B, H) = len(hidden) - 1, hidden.shape[1:]
    states = IntegerStates.make(T, B, H, integers=integers, keep=keep)
    if is_compiled(hidden):
        if integers:
            states.begin(hidden)
        given = (*states.arrays, STEP_OF_STATES, as_array(weight), *arrays)
        run_window(window, T, B, [weight], given, integers=integers)
        return states.pairs
    multiply = product_with(weight, B)
    for t, h in enumerate(hidden[:-1].unbind()):
        step(t, (0, H), as_array(multiply(h)), *arrays)
    return states.pairs


def go_back(
    window: Window,
    step: Step,
    weight: Tensor,
    d_gates: Tensor,
    hidden: Tensor,
    pairs: Tensor,
    of_rows: Arrays,
    arrays: Arrays,
) -> tuple[Tensor, Tensor]:
    """Take all steps back; ``d_gates`` is what the products take.

    It is [T, B, G·H], or [1, B, G·H] of the newest step where products are of integers.
    ``hidden`` [T+1, B, H] and ``pairs`` are of the way forward, and decide on integers;
    ``of_rows`` are the index and what to sum the rows' gradients into. Gives the gradients of the
    initial h [B, H], as far as it comes through the gates, and of the weight.
    """
    T, B, H = len(hidden) - 1, *hidden.shape[1:]
    initial, integers = d_gates.new_zeros(B, H), len(pairs) > 0
    if is_compiled(d_gates):
        gradients = IntegerGradients.make(T, B, weight, H, integers=integers)
        products = (*gradients.arrays(pairs), STEP_OF_STATES, new_panels(B))
        given = (*products, *of_rows, *as_arrays(weight, initial), *arrays)
        run_window(window, T, B, [weight], given, back=True, integers=integers)
        if integers:
            return initial, gradients.d_weight
        return initial, weight_gradient(d_gates, hidden[:-1])
    multiply = product_with(weight.t(), B)
    for t, d in reversed(list(enumerate(d_gates.unbind()))):
        step(t, (0, H), as_array(initial), *arrays)
        initial = multiply(d)
    return initial, weight_gradient(d_gates, hidden[:-1])


class IntegerStates(NamedTuple):
    """What integer products read of the states of a window; nothing where there are none.

    Attributes
    ----------
    integers
        int16[2, B, H], the states of two steps.
    pairs
        int32[T, pairs, H]: all states, for the way back; empty where nobody goes back.
    """

    integers: Tensor
    pairs: Tensor

    @classmethod
    def make(cls, steps: int, streams: int, size: int, *, integers: bool, keep: bool) -> Self:
        """Make the room for states [T, B, H]."""
        if not integers:
            return cls(torch.empty(0, 0, 0, dtype=torch.int16), _make_pairs((0,), 0, 0))
        rows = torch.empty(2, streams, size, dtype=torch.int16)
        return cls(rows, _make_pairs((steps if keep else 0,), streams, size))

    def begin(self, hidden: Tensor) -> None:
        """Take the first of the states [at least 1, B, H]."""
        whole = 0, hidden.shape[2]
        fixed_point.fix_states(0, whole, as_array(hidden), STEP_OF_STATES[0], *self.arrays)

    @property
    def arrays(self) -> Arrays:
        """Both, for a window."""
        return as_arrays(self.integers, self.pairs)


class IntegerGradients(NamedTuple):
    """What integer products read and write on the way back; nothing where there are none.

    Attributes
    ----------
    integers, pairs
        The gradients of two steps, int16[2, B, G·H], and of n, int32[blocks, G, n, pairs, 16].
    steps
        float32[blocks, T].
    d_weight
        float32[G·H, I].
    """

    integers: Tensor
    pairs: Tensor
    steps: Tensor
    d_weight: Tensor

    @classmethod
    def make(
        cls, steps: int, streams: int, weight: Tensor, hidden_size: int, *, integers: bool
    ) -> Self:
        """Make the room for T steps of B streams and the gradient of a weight [G·H, I]."""
        (K, I), H, T, B = weight.shape, hidden_size, steps, streams  # noqa: E741
        if not integers:
            K = I = H = T = B = 0  # noqa: E741
        blocks, each = H // fixed_point.BLOCK, fixed_point.BLOCK
        rows = torch.empty(2, B, K, dtype=torch.int16)
        at_once = max(1, _PAIRS_AT_ONCE // fixed_point.pairs_of(streams))
        pairs = _make_pairs((blocks, K // max(H, 1), at_once), B, each)
        return cls(rows, pairs, torch.empty(blocks, T), torch.zeros(K, I))

    def arrays(self, states: Tensor) -> Arrays:
        """All, and the pairs of the states, for a window."""
        return as_arrays(self.integers, states, self.pairs, self.steps, self.d_weight)


def _make_pairs(shape: tuple[int, ...], streams: int, size: int) -> Tensor:
    """Make int32[*shape, pairs, size]; pairs that no stream fills are zero."""
    count = fixed_point.pairs_of(streams)
    is_full = count == (streams + 1) // 2
    return (torch.empty if is_full else torch.zeros)((*shape, count, size), dtype=torch.int32)


def new_panels(streams: int) -> Array:
    """Make room for states in the gradient of a weight, for every worker [W, ·, C]."""
    count = max(fixed_point.pairs_of(streams), _PAIRS_AT_ONCE)
    return np.empty((torch.get_num_threads(), count, fixed_point.COLUMNS), np.int32)


def weight_gradient(d_gates: Tensor, seen: Tensor) -> Tensor:
    """Sum over T and B the outer products of d_gates [T, B, G·H] and what they saw [T, B, H]."""
    return d_gates.flatten(0, 1).t() @ seen.flatten(0, 1)


def run_window(
    window: Window,
    steps: int,
    streams: int,
    weights: Sequence[Tensor],
    arrays: Arrays,
    *,
    back: bool = False,
    integers: bool,
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
    integers
        Whether they are of ``fixed_point``.
    """
    H, like = weights[0].shape[1], as_array(weights[0])
    products = steps * streams * sum(each.numel() for each in weights)
    workers = suggested_workers(H, products)
    rooms: list[Array] = []
    for weight in weights:
        gates, inner = (1, len(weight)) if back else (len(weight) // H, H)
        rooms.extend(make_room(workers, streams, H, like, gates, inner, integers=integers))
    run_team(window, make_signals(workers), *rooms, *arrays)


def wide_dtype(dtype: torch.dtype) -> torch.dtype:
    """Give the type of c and of sums within a step: float64 for float64, else float32."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def as_array(tensor: Tensor) -> Array:
    """Give a tensor as an array of ``pointwise``, on the same memory."""
    bits = tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor
    array: Array = bits.detach().numpy()
    return array


def as_arrays(*tensors: Tensor) -> tuple[Array, ...]:
    """Give several."""
    return tuple(as_array(tensor) for tensor in tensors)

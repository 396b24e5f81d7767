"""Memory for the integers of states and gradients, as tensors.

Autograd saves some of it between the passes; compiled code reads it as the named tuples of
``matmul``. Without integer products everything is empty.

Shapes: T time steps, B streams, H hidden, G gates, I inputs, W workers.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from nextchar.nn.kernels.fixed_point import BLOCK, COLUMNS, ONE, pairs_of, quantize_states
from nextchar.nn.kernels.matmul import QuantizedGradients, QuantizedStates
from nextchar.nn.kernels.slices import Array, as_array

_PAIRS_AT_ONCE = 256  # of states in the gradient of a weight: 32 KiB, which stay in the cache
STATE_SCALES = np.full(COLUMNS, 1 / ONE, np.float32)


class IntegerStates(NamedTuple):
    """The states of a sequence as integers.

    Attributes
    ----------
    integers
        The states of two time steps, int16[2, B, H].
    pairs
        All states, for the backward pass, int32[T, pairs, H]; empty without one.
    """

    integers: Tensor
    pairs: Tensor

    @classmethod
    def make(cls, steps: int, streams: int, size: int, *, integers: bool, keep: bool) -> Self:
        """Allocate memory for states [T, B, H]; ``keep`` them for a backward pass."""
        if not integers:
            return cls(torch.empty(0, 0, 0, dtype=torch.int16), _make_pairs((0,), 0, 0))
        rows = torch.empty(2, streams, size, dtype=torch.int16)
        return cls(rows, _make_pairs((steps if keep else 0,), streams, size))

    def begin(self, hidden: Tensor) -> None:
        """Store the first of the states [at least 1, B, H]."""
        states = self.arrays()
        units, scale = (0, hidden.shape[2]), STATE_SCALES[0]
        quantize_states(0, units, as_array(hidden), scale, states.integers, states.pairs)

    def arrays(self, scales: Array = STATE_SCALES) -> QuantizedStates:
        """Return the states for compiled code."""
        return QuantizedStates(as_array(self.integers), as_array(self.pairs), scales)


class IntegerGradients(NamedTuple):
    """The gradients of the gates as integers, and the gradient of the weight.

    Attributes
    ----------
    integers, pairs
        The gradients of two time steps, int16[2, B, G·H], and of n, int32[blocks, G, n, pairs, 16].
    scales
        float32[blocks, T].
    d_weight
        float32[G·H, I].
    """

    integers: Tensor
    pairs: Tensor
    scales: Tensor
    d_weight: Tensor

    @classmethod
    def make(
        cls, steps: int, streams: int, weight: Tensor, hidden_size: int, *, integers: bool
    ) -> Self:
        """Allocate memory for T steps of B streams and the gradient of a weight [G·H, I]."""
        (K, I), H, T, B = weight.shape, hidden_size, steps, streams  # noqa: E741
        if not integers:
            K = I = H = T = B = 0  # noqa: E741
        blocks = H // BLOCK
        rows = torch.empty(2, B, K, dtype=torch.int16)
        at_once = max(1, _PAIRS_AT_ONCE // pairs_of(streams))
        pairs = _make_pairs((blocks, K // max(H, 1), at_once), B, BLOCK)
        return cls(rows, pairs, torch.empty(blocks, T), torch.zeros(K, I))

    def arrays(
        self, states: Tensor, streams: int, state_scales: Array = STATE_SCALES
    ) -> QuantizedGradients:
        """Return the gradients of B streams for compiled code, with the pairs of the states."""
        return QuantizedGradients(
            integers=as_array(self.integers),
            pairs=as_array(self.pairs),
            scales=as_array(self.scales),
            d_weight=as_array(self.d_weight),
            states=as_array(states),
            state_scales=state_scales,
            panels=_make_panels(streams),
        )


def _make_pairs(shape: tuple[int, ...], streams: int, size: int) -> Tensor:
    """Make int32[*shape, pairs, size]; pairs that no stream fills are zero."""
    count = pairs_of(streams)
    is_full = count == (streams + 1) // 2
    return (torch.empty if is_full else torch.zeros)((*shape, count, size), dtype=torch.int32)


def _make_panels(streams: int) -> Array:
    """Allocate the workers' memory for packed states in the gradient of a weight, [W, ·, C]."""
    count = max(pairs_of(streams), _PAIRS_AT_ONCE)
    return np.empty((torch.get_num_threads(), count, COLUMNS), np.int32)

"""The loop that writes with torch alone, and what every loop has in common.

Shapes: B samples, V vocabulary size, n symbols of each sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.errors import NextcharError
from nextchar.generation.sampling import Sampling, argmax, draw, filtered_logits
from nextchar.generation.uniforms import Uniforms
from nextchar.nn.network import State

StoredWeights = Literal["float32", "int8"]
Symbols = NDArray[np.int64]
Step = Callable[[Tensor, State], tuple[Tensor, State]]


@dataclass
class Position:
    """Where the samples stand: all that the next symbols hang on.

    Attributes
    ----------
    logits
        Of the next symbols, [B, V].
    state
        Of the network, on its device.
    recent
        The newest symbols, the oldest first, int64[B, n].
    uniforms
        The random numbers to come.
    """

    logits: Tensor
    state: State
    recent: Tensor
    uniforms: Uniforms


class Loop(Protocol):
    """Writes on from a position."""

    def write(self, count: int, excluded: Sequence[int]) -> Symbols:
        """Give the next symbols of each sample, int64[count, B], none of them excluded."""


class PlainLoop:
    """Writes with torch alone, on any device and in any type: some twenty calls a symbol.

    Parameters
    ----------
    sampling
        How symbols are chosen.
    position
        Where the samples stand; it moves on.
    step
        ``network.step``, or what does the same.
    """

    def __init__(self, sampling: Sampling, position: Position, step: Step) -> None:
        self._step = step
        self._sampling = sampling
        self.position = position
        self._device = position.state[0][0].device

    def write(self, count: int, excluded: Sequence[int]) -> Symbols:
        """Give the next symbols of each sample, int64[count, B], none of them excluded."""
        position, uniforms = self.position, torch.from_numpy(self.position.uniforms.draw(count))
        written = []
        with torch.inference_mode():
            for numbers in uniforms:
                symbols = self._choose(position.logits.cpu(), list(excluded), numbers)
                position.logits, position.state = self._step(
                    symbols.to(self._device), position.state
                )
                position.recent = torch.cat([position.recent, symbols.unsqueeze(1)], 1)
                position.recent = position.recent[:, -self._sampling.repetition_window :]
                written.append(symbols)
            return torch.stack(written).numpy()

    def _choose(self, logits: Tensor, excluded: list[int], uniforms: Tensor) -> Tensor:
        if excluded:
            logits = logits.clone()
            logits[:, excluded] = -math.inf
        if not bool(logits.amax(-1).isfinite().all()):
            raise not_finite()
        logits = filtered_logits(logits, self._sampling, self.position.recent)
        return argmax(logits) if self._sampling.temperature == 0 else draw(logits, uniforms)


def not_finite() -> NextcharError:
    """Say that a network gives no numbers that a symbol could be drawn with."""
    return NextcharError(
        "the network's logits are not finite numbers: it has diverged, and writes nothing"
    )

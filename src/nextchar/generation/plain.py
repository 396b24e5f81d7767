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
from nextchar.generation.automaton import ENDED, Automaton, ConstraintState
from nextchar.generation.sampling import Sampling, argmax, choose, tempered_logits
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
    progress
        Where the samples stand in the constraint, if there is one.
    """

    logits: Tensor
    state: State
    recent: Tensor
    uniforms: Uniforms
    progress: ConstraintState


class Loop(Protocol):
    """Writes on from a position."""

    def write(self, count: int, excluded: Sequence[int]) -> Symbols:
        """Give the next symbols of each sample, int64[count, B], none of them excluded.

        A text that has ended goes on with ``ENDED``.
        """


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
    constraint
        What holds the text; ``None`` for a free one.
    """

    def __init__(
        self, sampling: Sampling, position: Position, step: Step, constraint: Automaton | None
    ) -> None:
        self._step = step
        self._constraint = constraint
        self._sampling = sampling
        self.position = position
        self._device = position.state[0][0].device

    def write(self, count: int, excluded: Sequence[int]) -> Symbols:
        """Give the next symbols of each sample, int64[count, B], none of them excluded."""
        if self._constraint is not None and (self.position.progress.state == ENDED).all():
            return np.full((count, len(self.position.progress.state)), ENDED)
        position, uniforms = self.position, torch.from_numpy(self.position.uniforms.draw(count))
        written = []
        with torch.inference_mode():
            for numbers in uniforms:
                symbols = self._choose(position.logits.cpu(), list(excluded), numbers)
                if self._constraint is not None:
                    position.progress.advance(self._constraint, symbols.numpy())
                written.append(symbols)
                symbols = symbols.clamp(min=0)  # What has ended is read on with anything.
                position.logits, position.state = self._step(
                    symbols.to(self._device), position.state
                )
                position.recent = torch.cat([position.recent, symbols.unsqueeze(1)], 1)
                position.recent = position.recent[:, -self._sampling.repetition_window :]
            return torch.stack(written).numpy()

    def _choose(self, logits: Tensor, excluded: list[int], uniforms: Tensor) -> Tensor:
        if excluded:
            logits = logits.clone()
            logits[:, excluded] = -math.inf
        if not bool(logits.amax(-1).isfinite().all()):
            raise not_finite()
        sampling = self._sampling
        logits = tempered_logits(logits, sampling, self.position.recent)
        if self._constraint is None:
            return choose(logits, sampling, uniforms)
        return self._choose_constrained(logits, uniforms, self._constraint)

    def _choose_constrained(
        self, logits: Tensor, uniforms: Tensor, constraint: Automaton
    ) -> Tensor:
        """Let a text end with the probability of what may not follow, or choose of the rest."""
        progress = self.position.progress
        allowed = torch.from_numpy(progress.allowed(constraint))
        may_end = torch.from_numpy(progress.may_end(constraint))
        barred = (logits.double().softmax(-1) * ~allowed).sum(-1)
        if self._sampling.temperature == 0:
            barred = (~allowed.gather(-1, argmax(logits).unsqueeze(-1)).squeeze(-1)).double()
        stops = may_end & (uniforms < barred)
        stops |= ~allowed.any(-1)
        rest = ((uniforms - barred) / (1 - barred)).clamp(0, 1 - 2**-53)
        uniforms = torch.where(may_end, rest, uniforms)
        logits = logits.masked_fill(~allowed & ~stops.unsqueeze(-1), -math.inf)
        return choose(logits, self._sampling, uniforms).masked_fill(stops, ENDED)


def not_finite() -> NextcharError:
    """Say that a network gives no numbers that a symbol could be drawn with."""
    return NextcharError(
        "the network's logits are not finite numbers: it has diverged, and writes nothing"
    )

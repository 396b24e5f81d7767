"""The generation loop in plain torch, and the interface that all loops share.

Shapes: B samples, V vocabulary size, n symbols of each sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.errors import NextcharError
from nextchar.generation.automaton import ENDED, Automaton, ConstraintState
from nextchar.generation.sampling import Sampling, argmax, choose, tempered_logits
from nextchar.generation.uniforms import Uniforms
from nextchar.nn.network import State

if TYPE_CHECKING:
    from nextchar.generation.mixer import MixedTexts

StoredWeights = Literal["float32", "int8"]
Symbols = NDArray[np.int64]
Step = Callable[[Tensor, State], tuple[Tensor, State]]


@dataclass
class Position:
    """The complete state of generation, which determines the next symbols.

    Attributes
    ----------
    logits
        The logits of the next symbol, [B, V].
    state
        The state of the network, on its device.
    recent
        The most recent symbols, oldest first, int64[B, n].
    uniforms
        The source of uniform random numbers.
    progress
        The state of the constraint, if there is one.
    texts
        The newest symbols of each sample, if the network is mixed with experts.
    """

    logits: Tensor
    state: State
    recent: Tensor
    uniforms: Uniforms
    progress: ConstraintState
    texts: MixedTexts | None = None


class Loop(Protocol):
    """Generates symbols from a position onwards."""

    def write(self, count: int, excluded: Sequence[int]) -> Symbols:
        """Return the next symbols of each sample, int64[count, B], without the excluded ones.

        The symbols of a text that has ended are ``ENDED``.
        """


class PlainLoop:
    """Generates with plain torch, on any device and in any dtype: about twenty calls per symbol.

    Parameters
    ----------
    sampling
        The sampling options.
    position
        The initial position; updated in place.
    step
        ``network.step``, or a function with the same result.
    constraint
        The constraint on the text; ``None`` for none.
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
        """Return the next symbols of each sample, int64[count, B], without the excluded ones."""
        if self._constraint is not None and (self.position.progress.state == ENDED).all():
            return np.full((count, len(self.position.progress.state)), ENDED)
        position, uniforms = self.position, torch.from_numpy(self.position.uniforms.draw(count))
        written = []
        with torch.inference_mode():
            for numbers in uniforms:
                symbols = self._choose(self._predicted().cpu(), list(excluded), numbers)
                if self._constraint is not None:
                    position.progress.advance(self._constraint, symbols.numpy())
                written.append(symbols)
                symbols = symbols.clamp(min=0)  # any valid id, for texts that have ended
                position.logits, position.state = self._step(
                    symbols.to(self._device), position.state
                )
                if position.texts is not None:
                    position.texts.append(symbols)
                position.recent = torch.cat([position.recent, symbols.unsqueeze(1)], 1)
                position.recent = position.recent[:, -self._sampling.repetition_window :]
            return torch.stack(written).numpy()

    def _predicted(self) -> Tensor:
        """Return the logits of the next symbol, or ln p of the mixture with experts, [B, V]."""
        texts, logits = self.position.texts, self.position.logits
        return logits if texts is None else texts.predict(logits)

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
        """End a text with the total probability of the masked symbols, or choose an allowed one."""
        progress = self.position.progress
        allowed = torch.from_numpy(progress.allowed(constraint))
        may_end = torch.from_numpy(progress.may_end(constraint))
        masked = (logits.double().softmax(-1) * ~allowed).sum(-1)
        if self._sampling.temperature == 0:
            masked = (~allowed.gather(-1, argmax(logits).unsqueeze(-1)).squeeze(-1)).double()
        ending = may_end & (uniforms < masked)
        ending |= ~allowed.any(-1)
        rest = ((uniforms - masked) / (1 - masked)).clamp(0, 1 - 2**-53)
        uniforms = torch.where(may_end, rest, uniforms)
        logits = logits.masked_fill(~allowed & ~ending.unsqueeze(-1), -math.inf)
        return choose(logits, self._sampling, uniforms).masked_fill(ending, ENDED)


def not_finite() -> NextcharError:
    """Return the error for logits that are not finite."""
    return NextcharError(
        "the network's logits are not finite numbers: it has diverged and cannot generate text"
    )

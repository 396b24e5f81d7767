"""The loop that writes: one step of the network, one draw, for B samples at once.

B samples, V vocabulary size. Works on ids and knows no text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from nextchar.generation.sampling import Sampling, argmax, draw, filtered_logits
from nextchar.nn.network import Network, State

_UNIFORMS_AT_ONCE = 256


class Uniforms:
    """Uniform numbers for B samples, each from a generator of its own.

    A sample's numbers depend on its seed alone, not on how many are drawn beside it.

    Parameters
    ----------
    seeds
        One seed a sample.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._block = torch.empty(0, len(seeds), dtype=torch.float64)
        self._next = 0

    def draw(self) -> Tensor:
        """Give the next number of each sample, float64[B] in [0, 1)."""
        if self._next == len(self._block):
            columns = [
                torch.rand(_UNIFORMS_AT_ONCE, generator=generator, dtype=torch.float64)
                for generator in self._generators
            ]
            self._block, self._next = torch.stack(columns, 1), 0
        self._next += 1
        return self._block[self._next - 1]


def generate_ids(
    network: Network,
    prompt: Tensor,
    sampling: Sampling,
    seeds: Sequence[int],
    *,
    excluded: Sequence[int] = (),
    excluded_first: Sequence[int] = (),
) -> Iterator[Tensor]:
    """Write without end, one symbol of every sample at a time.

    Parameters
    ----------
    network
        Read only; its mode is set to evaluation.
    prompt
        int64[n], n ≥ 1: what every sample continues.
    sampling
        How symbols are chosen.
    seeds
        One seed a sample; B is their number.
    excluded, excluded_first
        Symbols that are never drawn, and those that are not drawn first.

    Yields
    ------
    int64[B] on the CPU, without end.
    """
    network.eval()
    device = next(network.parameters()).device
    uniforms = Uniforms(seeds)
    penalized = sampling.repetition_penalty != 1
    recent = prompt[-sampling.repetition_window :].expand(len(seeds), -1) if penalized else None
    with torch.inference_mode():
        logits, state = _prime(network, prompt.to(device), len(seeds))
    forbidden = [*excluded, *excluded_first]
    while True:
        # Entered anew for each symbol: a generator must not hold the mode while it is suspended.
        with torch.inference_mode():
            ids = _choose(logits.cpu(), sampling, uniforms, recent, forbidden)
            logits, state = network.step(ids.to(device), state)
            if recent is not None:
                recent = torch.cat([recent, ids.unsqueeze(1)], 1)[:, -sampling.repetition_window :]
        forbidden = list(excluded)
        yield ids


def _prime(network: Network, prompt: Tensor, samples: int) -> tuple[Tensor, State]:
    """Read the prompt once; give its last logits [B, V] and the state, for every sample."""
    logits, state = network(prompt.unsqueeze(1), network.initial_state(1))
    copies = tuple(
        tuple(tensor.expand(samples, -1).contiguous() for tensor in cell_state)
        for cell_state in state
    )
    return logits[-1].expand(samples, -1), copies


def _choose(
    logits: Tensor,
    sampling: Sampling,
    uniforms: Uniforms,
    recent: Tensor | None,
    excluded: list[int],
) -> Tensor:
    if excluded:
        logits = logits.clone()
        logits[:, excluded] = -math.inf
    logits = filtered_logits(logits, sampling, recent)
    return argmax(logits) if sampling.temperature == 0 else draw(logits, uniforms.draw())

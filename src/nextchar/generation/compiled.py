"""The loops that write with compiled code, on the CPU, from where the plain one stands.

Shapes: B samples, V vocabulary size, n symbols of each sample.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from nextchar.generation.choosing import NOT_A_NUMBER, choose_each, make_chooser
from nextchar.generation.kernel import write
from nextchar.generation.packing import make_memory, pack
from nextchar.generation.plain import Position, StoredWeights, Symbols, not_finite
from nextchar.generation.sampling import Sampling
from nextchar.nn.network import Network


class SingleLoop:
    """Writes one text: everything between two symbols is compiled.

    Parameters
    ----------
    network
        Of float32, on the CPU; its weights are copied.
    sampling
        How symbols are chosen.
    position
        Where the text stands; only its uniforms move on.
    stored
        What the weights are kept in.
    """

    def __init__(
        self, network: Network, sampling: Sampling, position: Position, stored: StoredWeights
    ) -> None:
        self._weights = pack(network, stored)
        self._memory = make_memory(self._weights, position.logits, position.state)
        self._chooser = make_chooser(sampling, network.vocabulary_size, position.recent.numpy())
        self._uniforms = position.uniforms

    def write(self, count: int, excluded: Sequence[int]) -> Symbols:
        """Give the next symbols, int64[count, 1], none of them excluded."""
        _bar(self._chooser.barred, excluded)
        symbols = np.empty((count, 1), np.int64)
        uniforms = self._uniforms.draw(count)[:, 0]
        if write(self._weights, self._memory, self._chooser, uniforms, symbols[:, 0]) < count:
            raise not_finite()
        return symbols


class BatchLoop:
    """Writes B texts side by side: the network's step by torch, the choices compiled.

    Parameters
    ----------
    network
        Read only.
    sampling
        How symbols are chosen.
    position
        Where the samples stand; it moves on, but for what is recent.
    """

    def __init__(self, network: Network, sampling: Sampling, position: Position) -> None:
        self._network = network
        self._position = position
        self._chooser = make_chooser(sampling, network.vocabulary_size, position.recent.numpy())

    def write(self, count: int, excluded: Sequence[int]) -> Symbols:
        """Give the next symbols of each sample, int64[count, B], none of them excluded."""
        _bar(self._chooser.barred, excluded)
        position, uniforms = self._position, self._position.uniforms.draw(count)
        written = np.empty(uniforms.shape, np.int64)
        with torch.inference_mode():
            for numbers, symbols in zip(uniforms, written, strict=True):
                choose_each(position.logits.cpu().numpy(), self._chooser, numbers, symbols)
                if symbols.min() == NOT_A_NUMBER:
                    raise not_finite()
                read = torch.from_numpy(symbols).to(position.state[0][0].device)
                position.logits, position.state = self._network.step(read, position.state)
        return written


def _bar(barred: NDArray[np.bool_], excluded: Sequence[int]) -> None:
    barred[:] = False
    barred[list(excluded)] = True

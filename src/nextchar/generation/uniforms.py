"""The random numbers of generation.

Shapes: B samples, n symbols.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from nextchar.errors import ConfigError

_AT_ONCE = 256


class Uniforms:
    """Uniform numbers for B samples, each from a generator of its own.

    A sample's numbers depend on its seed alone, not on how many are drawn beside it or at once.

    Parameters
    ----------
    seeds
        One seed a sample.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._left = np.empty((0, len(seeds)))

    def draw(self, count: int) -> NDArray[np.float64]:
        """Give the next numbers of each sample, float64[count, B] in [0, 1)."""
        blocks, available = [self._left], len(self._left)
        while available < count:
            blocks.append(self._block())
            available += _AT_ONCE
        numbers = np.concatenate(blocks)
        self._left = numbers[count:]
        return numbers[:count]

    def _block(self) -> NDArray[np.float64]:
        columns = [
            torch.rand(_AT_ONCE, generator=generator, dtype=torch.float64).numpy()
            for generator in self._generators
        ]
        return np.stack(columns, 1)


def resolve_seed(seed: int | None) -> int:
    """Give the seed, or a fresh one for ``None``; ``ConfigError`` outside [0, 2^63)."""
    if seed is not None and not 0 <= seed < 1 << 63:
        raise ConfigError(f"seed must be at least 0 and below 2^63; got {seed}")
    return secrets.randbits(32) if seed is None else int(seed)

"""The random numbers used by generation.

Shapes: B samples, n symbols.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from nextchar.errors import ConfigError

_BLOCK_SIZE = 256


class Uniforms:
    """Uniform random numbers for B samples, each from its own generator.

    The numbers of a sample depend only on its seed. They do not depend on the number of samples or
    on the block size.

    Parameters
    ----------
    seeds
        One seed per sample.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._left = np.empty((0, len(seeds)))

    def draw(self, count: int) -> NDArray[np.float64]:
        """Return the next numbers of each sample, float64[count, B] in [0, 1)."""
        blocks, available = [self._left], len(self._left)
        while available < count:
            blocks.append(self._block())
            available += _BLOCK_SIZE
        numbers = np.concatenate(blocks)
        self._left = numbers[count:]
        return numbers[:count]

    def _block(self) -> NDArray[np.float64]:
        columns = [
            torch.rand(_BLOCK_SIZE, generator=generator, dtype=torch.float64).numpy()
            for generator in self._generators
        ]
        return np.stack(columns, 1)


def resolve_seed(seed: int | None) -> int:
    """Return the seed, or a random one for ``None``; raise ``ConfigError`` outside [0, 2^63)."""
    if seed is not None and not 0 <= seed < 1 << 63:
        raise ConfigError(f"seed must be at least 0 and below 2^63; got {seed}")
    return secrets.randbits(32) if seed is None else int(seed)

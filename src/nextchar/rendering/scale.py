"""Levels of bits that readers can distinguish, the same in every rendering.

Legend: N characters, C grapheme clusters.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nextchar.evaluation.score import Score

# Lower bound of each level above 0, in bits. High levels are wider: small differences matter less.
STEPS = (1, 2, 3, 4, 6, 8, 10, 12)

# The level of a character without bits.
UNMEASURED = -1

# The lowest level at which a line break is shown.
VISIBLE_BREAK = 3


def levels(bits: ArrayLike) -> NDArray[np.int64]:
    """Return the levels of bits, int64[N], 0 to 8; ``UNMEASURED`` for NaN."""
    array = np.asarray(bits, dtype=np.float64)
    found = np.searchsorted(STEPS, np.nan_to_num(array), side="right")
    return np.where(np.isnan(array), UNMEASURED, found)


def level_names() -> list[str]:
    """Return the range of bits of each level, such as ``"2-3"``."""
    between = [f"{low}-{high}" for low, high in itertools.pairwise(STEPS)]
    return [f"<{STEPS[0]}", *between, f"{STEPS[-1]}+"]


def cluster_sums(score: Score, bits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of bits over each grapheme cluster, float64[C]; NaN if it has none."""
    if not score.text:
        return bits
    starts = score.borders[:-1]
    sums = np.add.reduceat(np.nan_to_num(bits), starts)
    return np.where(np.logical_and.reduceat(np.isnan(bits), starts), np.nan, sums)

"""From bits to a few levels that people can tell apart, the same in every rendering.

N characters.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import ArrayLike, NDArray

# The bits at which each level above 0 begins. They widen: that 9 bits are not 10 interests nobody.
STEPS = (1, 2, 3, 4, 6, 8, 10, 12)

# The level of a character without bits.
UNMEASURED = -1

# A line break is shown from this level on.
VISIBLE_BREAK = 3


def levels(bits: ArrayLike) -> NDArray[np.int64]:
    """Give the levels of bits, shape [N], 0 to 8; ``UNMEASURED`` for NaN."""
    array = np.asarray(bits, dtype=np.float64)
    found = np.searchsorted(STEPS, np.nan_to_num(array), side="right")
    return np.where(np.isnan(array), UNMEASURED, found)


def names_of_levels() -> list[str]:
    """Say which bits each level holds, as ``"2-3"``."""
    between = [f"{low}-{high}" for low, high in itertools.pairwise(STEPS)]
    return [f"<{STEPS[0]}", *between, f"{STEPS[-1]}+"]

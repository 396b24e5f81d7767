"""Weights as small integers: symmetric quantisation with one factor for each row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def quantized(
    weights: NDArray[np.float32], dtype: type[np.int8 | np.int16], *, axis: int
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Return weights as integers, and the factors that give the weights back.

    The error is at most half of a factor, which is the largest weight of the row over the largest
    integer. A row of zeros has the factor 1.

    Parameters
    ----------
    weights
        float32 of any shape.
    dtype
        The type of the integers.
    axis
        The axis along which the weights of a row lie.

    Returns
    -------
    NDArray, NDArray
        The integers, in the shape of the weights, and the factors, whose length along the axis
        is 1.
    """
    factors: NDArray[np.float32] = np.abs(weights).max(axis, keepdims=True)
    factors = factors / np.float32(np.iinfo(dtype).max)
    factors[factors == 0] = 1
    return np.rint(weights / factors).astype(dtype), factors

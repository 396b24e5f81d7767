"""Vectors in two dimensions, for a picture.

Shapes: n vectors of size E.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def principal_components(
    vectors: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Normalise vectors [n, E] to length 1, and project them onto two principal components.

    Returns
    -------
    points, shares
        The points [n, 2], and each component's share of the variance [2]. For E = 1, the second
        component is 0.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    left, sizes, right = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    # The sign of a component is arbitrary. A positive largest coordinate makes maps reproducible.
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])
    points, shares = np.zeros((len(vectors), 2)), np.zeros(2)
    found = min(2, len(sizes))
    points[:, :found] = (left * sizes * signs)[:, :2]
    shares[:found] = (sizes**2 / max(float((sizes**2).sum()), 1e-12))[:2]
    return points, shares

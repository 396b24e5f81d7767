"""Places of labels beside points, so that no two overlap.

Shapes: n labels. All numbers have the same unit, such as points of a page.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_GAP = 1.5
_RINGS = (0.0, 5.0, 10.0, 16.0, 23.0, 31.0)  # further and further from the point
_DIRECTIONS = tuple(
    (math.cos(math.radians(angle)), math.sin(math.radians(angle)))
    for angle in (0, 90, 180, 270, 45, 135, 315, 225, 22, 67, 112, 157, 202, 247, 292, 337)
)


def place_labels(points: Numbers, sizes: Numbers, radii: Numbers, room: Numbers) -> Numbers:
    """Place labels one after the other, each as near to its point as those before it allow.

    Parameters
    ----------
    points
        The points, [n, 2], the most important one first.
    sizes
        Width and height of each label, [n, 2].
    radii
        Of the mark at each point, [n]; no label covers a mark.
    room
        Lower left and upper right corner of the picture, [2, 2].

    Returns
    -------
    NDArray
        The centre of each label, [n, 2]; NaN for a label without a free place near its point.
    """
    centres = np.full(points.shape, np.nan)
    low, high = points - radii[:, None], points + radii[:, None]  # boxes that are taken
    for number, (point, size, radius) in enumerate(zip(points, sizes, radii, strict=True)):
        places = _places(point, size / 2, float(radius))
        bottom, top = places - size / 2, places + size / 2
        is_inside = ((bottom >= room[0]) & (top <= room[1])).all(axis=1)
        hits = ((bottom[:, None] < high) & (top[:, None] > low)).all(axis=2).any(axis=1)
        free = np.flatnonzero(is_inside & ~hits)
        if len(free):
            centres[number] = places[free[0]]
            low = np.vstack([low, bottom[free[0]]])
            high = np.vstack([high, top[free[0]]])
    return centres


def _places(point: Numbers, half: Numbers, radius: float) -> Numbers:
    """Return the centres that a label may have, the best first, [places, 2]."""
    ways = np.array(_DIRECTIONS)
    beside = ways / np.abs(ways).max(axis=1, keepdims=True) * half
    steps = [point + ways * (radius + _GAP + ring) + beside for ring in _RINGS]
    return np.concatenate(steps)

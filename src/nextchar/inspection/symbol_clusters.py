"""Clusters of vectors by Ward's method, and the number of them by the silhouette.

Nothing is drawn at random. Shapes: n vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST = 10  # clusters
_Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Clusters:
    """A partition of vectors.

    Attributes
    ----------
    numbers
        The cluster of each vector, int64[n], numbered from 0 by the first vector of each.
    silhouette
        The mean silhouette, −1 to 1; at most 0.25 means no substantial structure (Kaufman &
        Rousseeuw 1990).
    """

    numbers: NDArray[np.int64]
    silhouette: float


def cluster(distances: _Floats) -> Clusters:
    """Partition vectors into 2 to ``MOST`` clusters, as many as have the highest silhouette.

    Clusters are merged by the least growth of the variance within them (Ward 1963), by the formula
    of Lance & Williams (1967). Of equal silhouettes, that of the fewest clusters is taken
    (Rousseeuw 1987).

    Parameters
    ----------
    distances
        Euclidean distances [n, n] of at least three vectors.
    """
    found = [
        Clusters(numbers=numbers, silhouette=silhouette(distances, numbers))
        for numbers in _partitions(distances)
    ]
    return max(reversed(found), key=lambda each: each.silhouette)


def silhouette(distances: _Floats, numbers: NDArray[np.int64]) -> float:
    """Return the mean silhouette of a partition; a vector alone in its cluster counts 0."""
    members = np.eye(int(numbers.max()) + 1)[numbers]
    sizes = members.sum(axis=0)
    sums, rows = distances @ members, np.arange(len(numbers))
    own = sums[rows, numbers] / np.maximum(sizes[numbers] - 1, 1)
    means = sums / sizes
    means[rows, numbers] = np.inf
    other = means.min(axis=1)
    widest = np.maximum(np.maximum(own, other), 1e-12)
    return float(np.where(sizes[numbers] > 1, (other - own) / widest, 0.0).mean())


def _partitions(distances: _Floats) -> Iterator[NDArray[np.int64]]:
    """Merge clusters, and yield each partition of 2 to ``MOST``, the finest first."""
    groups: list[list[int]] = [[number] for number in range(len(distances))]
    squares = distances**2
    np.fill_diagonal(squares, np.inf)
    sizes = np.ones(len(distances))
    while len(groups) > 2:
        first, second = sorted(divmod(int(squares.argmin()), len(groups)))
        total = sizes[first] + sizes[second] + sizes
        merged = (
            (sizes[first] + sizes) * squares[first]
            + (sizes[second] + sizes) * squares[second]
            - sizes * squares[first, second]
        ) / total
        merged[first] = np.inf
        squares[first], squares[:, first] = merged, merged
        squares = np.delete(np.delete(squares, second, axis=0), second, axis=1)
        sizes[first] += sizes[second]
        sizes = np.delete(sizes, second)
        groups[first] += groups.pop(second)
        if len(groups) <= MOST:
            yield _numbered(groups, len(distances))


def _numbered(groups: Sequence[Sequence[int]], count: int) -> NDArray[np.int64]:
    numbers = np.empty(count, np.int64)
    for number, group in enumerate(sorted(groups, key=min)):
        numbers[list(group)] = number
    return numbers

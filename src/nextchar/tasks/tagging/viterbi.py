"""The most probable labels of an item when not every label may follow every other.

Legend: n positions, K labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FORBIDDEN = -1e6  # nats: with it there is always a path, with the fewest violations


@dataclass(frozen=True, eq=False)
class Grammar:
    """Which label may stand where beside which.

    Attributes
    ----------
    first, last
        Whether a label may begin, and end, an item: bool[K].
    follows
        Whether a label may follow another: bool[K, K], from the row to the column.
    """

    first: NDArray[np.bool_]
    follows: NDArray[np.bool_]
    last: NDArray[np.bool_]

    @property
    def is_free(self) -> bool:
        """Whether nothing is forbidden."""
        return bool(self.first.all() and self.follows.all() and self.last.all())


def free(count: int) -> Grammar:
    """Let each of K labels follow each."""
    return Grammar(np.ones(count, bool), np.ones((count, count), bool), np.ones(count, bool))


def viterbi(
    scores: NDArray[np.floating],
    grammar: Grammar,
    *,
    before: int | None = None,
    ends: bool = True,
) -> NDArray[np.int64]:
    """Give the labels with the highest sum of scores among those that the grammar allows.

    Viterbi (1967), over sums of a network's log-probabilities. Where the grammar allows no labels
    at all, those that break it least often are taken.

    Parameters
    ----------
    scores
        Of each label at each position, [n, K]; what cannot stand there ``FORBIDDEN`` or less.
    grammar
        Which labels may follow which.
    before
        The label before the first position, where an item goes on.
    ends
        Whether the item ends here.

    Returns
    -------
    NDArray
        int64[n].
    """
    if len(scores) == 0:
        return np.empty(0, dtype=np.int64)
    if grammar.is_free:
        return np.asarray(scores.argmax(axis=1), dtype=np.int64)
    begin = grammar.first if before is None else grammar.follows[before]
    step = np.where(grammar.follows, 0.0, FORBIDDEN)
    best = scores[0] + np.where(begin, 0.0, FORBIDDEN)
    came_from = np.zeros(scores.shape, dtype=np.int64)
    for position in range(1, len(scores)):
        sums = best[:, None] + step
        came_from[position] = sums.argmax(axis=0)
        best = sums.max(axis=0) + scores[position]
    if ends:
        best = best + np.where(grammar.last, 0.0, FORBIDDEN)
    path = np.empty(len(scores), dtype=np.int64)
    path[-1] = best.argmax()
    for position in range(len(scores) - 1, 0, -1):
        path[position - 1] = came_from[position, path[position]]
    return path

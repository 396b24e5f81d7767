"""Viterbi decoding under constraints on label transitions.

Legend: n positions, K labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FORBIDDEN = -1e6  # nats; a finite penalty, so that the best path has the fewest violations


@dataclass(frozen=True, eq=False)
class Grammar:
    """Constraints on label sequences.

    Attributes
    ----------
    first, last
        Allowed labels at the first and at the last position of an item: bool[K].
    follows
        Allowed transitions: bool[K, K], from row to column.
    """

    first: NDArray[np.bool_]
    follows: NDArray[np.bool_]
    last: NDArray[np.bool_]

    @property
    def is_free(self) -> bool:
        """Whether all label sequences are allowed."""
        return bool(self.first.all() and self.follows.all() and self.last.all())


def free(count: int) -> Grammar:
    """Return a grammar that allows all sequences of K labels."""
    return Grammar(np.ones(count, bool), np.ones((count, count), bool), np.ones(count, bool))


def viterbi(
    scores: NDArray[np.floating],
    grammar: Grammar,
    *,
    before: int | None = None,
    ends: bool = True,
) -> NDArray[np.int64]:
    """Return the label sequence with the highest sum of scores that the grammar allows.

    The algorithm is that of Viterbi (1967), on log-probabilities of a network. If the grammar
    allows no sequence, the result has the fewest violations.

    Parameters
    ----------
    scores
        Score of each label at each position, [n, K]; at most ``FORBIDDEN`` for impossible labels.
    grammar
        Constraints on the sequence.
    before
        The label before the first position, if the item continues from there.
    ends
        Whether the item ends at the last position.

    Returns
    -------
    NDArray
        The labels, int64[n].
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

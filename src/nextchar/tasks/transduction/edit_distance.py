"""Edit distances and error rates of outputs against references.

Legend: N items, n and m symbols of two sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nextchar.compilation.jit import compiled
from nextchar.text.sequences import Sequences


@dataclass(frozen=True)
class Errors:
    """The errors of N items.

    Attributes
    ----------
    distances
        Edit distance of each output from its reference, int64[N].
    reference_symbols
        Number of symbols of all references.
    """

    distances: NDArray[np.int64]
    reference_symbols: int

    @property
    def symbol_error_rate(self) -> float:
        """Sum of the distances, divided by the total length of the references; may exceed 1."""
        return float(self.distances.sum()) / max(1, self.reference_symbols)

    @property
    def sequence_error_rate(self) -> float:
        """Share of items that differ from their reference."""
        return float((self.distances > 0).mean()) if len(self.distances) else 0.0

    def rates(self) -> dict[str, float]:
        """Return both rates by name."""
        return {
            "symbol_error_rate": self.symbol_error_rate,
            "sequence_error_rate": self.sequence_error_rate,
        }


def count_errors(outputs: Sequence[ArrayLike], references: Sequences) -> Errors:
    """Return the errors of outputs, each against one reference."""
    distances = [edit_distance(each, references[number]) for number, each in enumerate(outputs)]
    return Errors(np.array(distances, dtype=np.int64), len(references.values))


def edit_distance(left: ArrayLike, right: ArrayLike) -> int:
    """Return the Levenshtein distance between two sequences [n] and [m].

    It is the minimum number of insertions, deletions and substitutions (Levenshtein 1966), computed
    by the algorithm of Wagner & Fischer (1974).
    """
    a, b = (np.asarray(each, dtype=np.int64) for each in (left, right))
    return int(distance(a, b))


@compiled
def distance(a: NDArray[np.int64], b: NDArray[np.int64]) -> int:
    """Return the distance of ``edit_distance``, as a function for compiled code."""
    row = np.arange(len(b) + 1)
    for i in range(len(a)):
        diagonal = row[0]
        row[0] = i + 1
        for j in range(len(b)):
            above = row[j + 1]
            best = diagonal if a[i] == b[j] else diagonal + 1
            best = min(best, above + 1, row[j] + 1)
            diagonal = above
            row[j + 1] = best
    return int(row[len(b)])

"""How far what was written is from what should have been.

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
        Edit distance of each from its reference, int64[N].
    reference_symbols
        PairCodec of all references.
    """

    distances: NDArray[np.int64]
    reference_symbols: int

    @property
    def symbol_error_rate(self) -> float:
        """The sum of the distances over that of the references' lengths; it can pass 1."""
        return float(self.distances.sum()) / max(1, self.reference_symbols)

    @property
    def sequence_error_rate(self) -> float:
        """Share of the items that are not as their reference."""
        return float((self.distances > 0).mean()) if len(self.distances) else 0.0

    def rates(self) -> dict[str, float]:
        """Give both by name."""
        return {
            "symbol_error_rate": self.symbol_error_rate,
            "sequence_error_rate": self.sequence_error_rate,
        }


def count_errors(written: Sequence[ArrayLike], references: Sequences) -> Errors:
    """Compare what was written with one reference for each."""
    distances = [edit_distance(each, references[number]) for number, each in enumerate(written)]
    return Errors(np.array(distances, dtype=np.int64), len(references.values))


def edit_distance(left: ArrayLike, right: ArrayLike) -> int:
    """Count the insertions, deletions and substitutions between two sequences [n] and [m].

    Levenshtein (1966), by the recurrence of Wagner & Fischer (1974).
    """
    a, b = (np.asarray(each, dtype=np.int64) for each in (left, right))
    return int(distance(a, b))


@compiled
def distance(a: NDArray[np.int64], b: NDArray[np.int64]) -> int:
    """Do as ``edit_distance``, for other compiled loops."""
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

"""How well each unit follows a label, by the ranks of its values.

    true or false   AUC: the probability that a random true position has a higher value than a
                    false one; the larger of AUC and 1 − AUC, because a unit may follow the label
                    with either sign. 0.5 is chance, 1 is perfect.
    graded          |ρ|, Spearman's rank correlation. 0 is chance, 1 is perfect.

Among many units the best one follows any label a little, and units and labels both change slowly.
The control is therefore the best of all units for the same labels, shifted in a circle along the
text: they keep their own rhythm and lose the text's.

Shapes: T positions, U units, S sets of labels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHIFTS = 20
_UNITS_AT_ONCE = 128


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """The measure of each unit.

    Attributes
    ----------
    measures
        AUC without direction, or |ρ|: float64[U].
    signs
        1 for a unit that is higher where the label is, −1 for one that is lower: float64[U].
    controls
        The best measure of any unit for each shift of the labels, float64[SHIFTS].
    """

    measures: NDArray[np.float64]
    signs: NDArray[np.float64]
    controls: NDArray[np.float64]


def rank_units(
    blocks: Iterable[NDArray[np.float32]],
    values: NDArray[np.float64],
    *,
    is_graded: bool,
    seed: int,
) -> Ranking:
    """Measure how well units follow a label, and a label that was shifted.

    Parameters
    ----------
    blocks
        The values of units, [T, U] in all.
    values
        The label, float64[T]: not constant, NaN where it does not apply.
    is_graded
        Whether it is graded, or true or false.
    seed
        Draws the shifts.
    """
    applies = ~np.isnan(values)
    known = values[applies]
    rows = np.stack([known, *_shifted(known, seed)])
    true = known.sum()
    weights = _standardized(ranks(rows.T)) if is_graded else rows.T / (true * (len(known) - true))
    found = []
    for block in blocks:
        for start in range(0, block.shape[1], _UNITS_AT_ONCE):
            ranked = ranks(block[applies, start : start + _UNITS_AT_ONCE])
            # The ranks of n₁ true positions of T sum to n₁ n₀ (AUC − ½) more than their mean.
            centred = ranked - (len(known) + 1) / 2
            found.append((_standardized(ranked) if is_graded else centred).T @ weights)
    directed = np.concatenate(found)
    measures = np.minimum(np.abs(directed) + (0.0 if is_graded else 0.5), 1.0)
    return Ranking(
        measures=measures[:, 0],
        signs=np.where(directed[:, 0] < 0, -1.0, 1.0),
        controls=measures[:, 1:].max(0),
    )


def ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the ranks 1 … T in each column of values [T, U]; equal values share their mean."""
    found = np.empty(values.shape)
    for column in range(values.shape[1]):
        order = np.argsort(values[:, column])
        ordered = values[order, column]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        sizes = np.diff(np.r_[starts, len(ordered)])
        found[order, column] = np.repeat(starts + (sizes + 1) / 2, sizes)
    return found


def _standardized(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shift each column to mean 0 and scale it to norm 1; a constant one becomes 0."""
    centred = values - values.mean(0)
    norms = np.linalg.norm(centred, axis=0)
    scaled: NDArray[np.float64] = centred / np.where(norms > 0, norms, 1)
    return scaled


def _shifted(label: NDArray[np.float64], seed: int) -> list[NDArray[np.float64]]:
    """Shift a label along a circle, each time by at least a tenth of its length."""
    least = max(1, len(label) // 10)
    draw = np.random.default_rng(seed)
    places = draw.integers(least, max(least + 1, len(label) - least + 1), SHIFTS)
    return [np.roll(label, place) for place in places.tolist()]

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

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextchar.inspection.predicates import Labels

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
    blocks: Iterable[NDArray[np.float32]], labels: Sequence[Labels], *, seed: int
) -> list[Ranking]:
    """Measure how well units follow labels, and labels that were shifted.

    Each unit is sorted once for all labels.

    Parameters
    ----------
    blocks
        The values of units, [T, U] in all.
    labels
        The labels of T symbols.
    seed
        Draws the shifts.
    """
    groups = [_Group(labels, places, seed) for places in _places_by_domain(labels)]
    for block in blocks:
        for start in range(0, block.shape[1], _UNITS_AT_ONCE):
            part = block[:, start : start + _UNITS_AT_ONCE]
            order = part.argsort(0)
            for group in groups:
                group.measure(part, order)
    found = {place: ranking for group in groups for place, ranking in group.rankings()}
    return [found[place] for place in range(len(labels))]


def _places_by_domain(labels: Sequence[Labels]) -> list[list[int]]:
    """Group the labels, by index, that apply to the same symbols."""
    groups: dict[bytes, list[int]] = {}
    for place, each in enumerate(labels):
        groups.setdefault(each.applies.tobytes(), []).append(place)
    return list(groups.values())


class _Group:
    """Labels that apply to the same symbols, so that they share the ranks of the units."""

    def __init__(self, labels: Sequence[Labels], places: Sequence[int], seed: int) -> None:
        self._places = places
        self._is_graded = [labels[place].is_graded for place in places]
        self._applies = labels[places[0]].applies
        self._found: list[list[NDArray[np.float64]]] = [[] for _ in places]
        self._weights = []
        for place in places:
            known = labels[place].values[self._applies]
            rows = np.stack([known, *_shifted(known, seed)])
            true = known.sum()
            self._weights.append(
                _standardized(ranks(rows.T))
                if labels[place].is_graded
                else rows.T / (true * (len(known) - true))
            )

    def measure(self, part: NDArray[np.float32], order: NDArray[np.int64]) -> None:
        """Measure some units [T, U], sorted by ``order``."""
        ranked = _ranks(part, order, self._applies)
        # The ranks of n₁ true positions of T sum to n₁ n₀ (AUC − ½) more than their mean.
        centred = ranked - (len(ranked) + 1) / 2
        scaled = _standardized(ranked) if any(self._is_graded) else centred
        for found, weights, graded in zip(self._found, self._weights, self._is_graded, strict=True):
            found.append((scaled if graded else centred).T @ weights)

    def rankings(self) -> Iterator[tuple[int, Ranking]]:
        """Yield the index of each label, and its ranking."""
        for place, found, graded in zip(self._places, self._found, self._is_graded, strict=True):
            directed = np.concatenate(found)
            measures = np.minimum(np.abs(directed) + (0.0 if graded else 0.5), 1.0)
            yield (
                place,
                Ranking(
                    measures=measures[:, 0],
                    signs=np.where(directed[:, 0] < 0, -1.0, 1.0),
                    controls=measures[:, 1:].max(0),
                ),
            )


def ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the ranks 1 … T in each column of values [T, U]; equal values share their mean."""
    return _ranks(values, values.argsort(0), np.ones(len(values), np.bool_))


def _ranks(
    values: NDArray[np.floating], order: NDArray[np.int64], applies: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the ranks among some of the values, [n, U]; ``order`` sorts each column of all."""
    places = np.cumsum(applies) - 1
    found = np.empty((int(applies.sum()), values.shape[1]))
    for column, each in enumerate(order.T):
        known = each[applies[each]]
        ordered = values[known, column]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        sizes = np.diff(np.r_[starts, len(ordered)])
        found[places[known], column] = np.repeat(starts + (sizes + 1) / 2, sizes)
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

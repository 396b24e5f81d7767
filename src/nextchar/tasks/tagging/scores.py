"""Precision, recall, F1 and accuracy of predicted labels.

Legend: K labels of the tagger, n positions of an item.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MatchCounts:
    """Match counts of one class of marks, or of all.

    Attributes
    ----------
    true_positives
        Number of correct predictions.
    predicted
        Number of predictions.
    actual
        Number of occurrences in the reference.
    """

    true_positives: int
    predicted: int
    actual: int

    @property
    def precision(self) -> float:
        """Precision; 0 without predictions."""
        return self.true_positives / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Recall; 0 without occurrences in the reference."""
        return self.true_positives / self.actual if self.actual else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall (van Rijsbergen 1979)."""
        total = self.predicted + self.actual
        return 2 * self.true_positives / total if total else 0.0

    def to_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "wanted": self.actual,
        }


@dataclass(frozen=True)
class Scores:
    """The scores of predicted labels.

    Attributes
    ----------
    overall
        Match counts of all parts of labels together (micro-average).
    parts
        Match counts of each part, the most frequent first.
    places, places_correct
        Number of positions, and of those with the correct label.
    items, items_correct
        Number of items, and of those with only correct labels.
    """

    overall: MatchCounts
    parts: Mapping[str, MatchCounts]
    places: int
    places_correct: int
    items: int
    items_correct: int

    @property
    def accuracy(self) -> float:
        """Share of positions with the correct label."""
        return self.places_correct / max(1, self.places)

    @property
    def whole_items(self) -> float:
        """Share of items with only correct labels."""
        return self.items_correct / max(1, self.items)

    def figures(self) -> dict[str, float]:
        """Return the metrics of a validation, by name."""
        return {
            "f1": self.overall.f1,
            "precision": self.overall.precision,
            "recall": self.overall.recall,
            "accuracy": self.accuracy,
            "whole_items": self.whole_items,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return all figures by name."""
        return {
            **self.figures(),
            "places": self.places,
            "items": self.items,
            "labels": {part: counts.to_dict() for part, counts in self.parts.items()},
        }


class ConfusionCounts:
    """Counts of pairs of an actual and a predicted label.

    Parameters
    ----------
    parts
        The parts of each label: the K labels, then unseen ones, which are never predicted.
    """

    def __init__(self, parts: Sequence[Sequence[str]]) -> None:
        self._parts = parts
        self._counts = Counter[tuple[int, int]]()
        self._items = self._items_correct = 0

    def add(self, actual: NDArray[np.integer], predicted: NDArray[np.integer]) -> None:
        """Count the labels of one whole item, int64[n] each."""
        self._counts.update(zip(actual.tolist(), predicted.tolist(), strict=True))
        self._items += 1
        self._items_correct += bool((actual == predicted).all())

    def scores(self) -> Scores:
        """Return the scores of all items so far."""
        hits, predicted, actual = Counter[str](), Counter[str](), Counter[str]()
        for (target, guess), count in self._counts.items():
            common = Counter(self._parts[target]) & Counter(self._parts[guess])
            for counter, parts in (
                (hits, common.elements()),
                (predicted, self._parts[guess]),
                (actual, self._parts[target]),
            ):
                for part in parts:
                    counter[part] += count
        matches = {
            part: MatchCounts(hits[part], predicted[part], actual[part])
            for part in actual | predicted
        }
        ordered = sorted(matches, key=lambda part: (-matches[part].actual, part))
        return Scores(
            overall=MatchCounts(hits.total(), predicted.total(), actual.total()),
            parts={part: matches[part] for part in ordered},
            places=self._counts.total(),
            places_correct=sum(n for (target, guess), n in self._counts.items() if target == guess),
            items=self._items,
            items_correct=self._items_correct,
        )

"""How well labels were given: precision, recall and F1 of what is to be put back, accuracy.

Legend: K labels that can be given, n places of an item.
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
    """Counts of something that is to be found at places.

    Attributes
    ----------
    right
        MatchCounts where it is.
    given
        MatchCounts at all.
    wanted
        Places where it is.
    """

    right: int
    given: int
    wanted: int

    @property
    def precision(self) -> float:
        """Share of what was given that is right; 0 where nothing was given."""
        return self.right / self.given if self.given else 0.0

    @property
    def recall(self) -> float:
        """Share of what was wanted that was given; 0 where nothing was wanted."""
        return self.right / self.wanted if self.wanted else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both (van Rijsbergen 1979)."""
        return 2 * self.right / (self.given + self.wanted) if self.given + self.wanted else 0.0

    def to_dict(self) -> dict[str, float]:
        """Give the figures by name."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "wanted": self.wanted,
        }


@dataclass(frozen=True)
class Scores:
    """What labels came to.

    Attributes
    ----------
    overall
        Of all parts of labels that say something.
    parts
        Of each such part by itself, the most frequent first.
    places, places_right
        Places, and those with the right label.
    items, items_right
        Items, and those in which every label is right.
    """

    overall: MatchCounts
    parts: Mapping[str, MatchCounts]
    places: int
    places_right: int
    items: int
    items_right: int

    @property
    def accuracy(self) -> float:
        """Share of the places with the right label."""
        return self.places_right / max(1, self.places)

    @property
    def whole_items(self) -> float:
        """Share of the items in which every label is right."""
        return self.items_right / max(1, self.items)

    def figures(self) -> dict[str, float]:
        """Give what is reported of a validation."""
        return {
            "f1": self.overall.f1,
            "precision": self.overall.precision,
            "recall": self.overall.recall,
            "accuracy": self.accuracy,
            "whole_items": self.whole_items,
        }

    def to_dict(self) -> dict[str, Any]:
        """Give all figures by name."""
        return {
            **self.figures(),
            "places": self.places,
            "items": self.items,
            "labels": {part: found.to_dict() for part, found in self.parts.items()},
        }


class ConfusionCounts:
    """Counts of the labels that were given for those that are right.

    Parameters
    ----------
    parts
        What each label puts back: of the K labels, then of others that only occur as right ones.
    """

    def __init__(self, parts: Sequence[Sequence[str]]) -> None:
        self._parts = parts
        self._counts = Counter[tuple[int, int]]()
        self._items = self._items_right = 0

    def add(self, right: NDArray[np.integer], given: NDArray[np.integer]) -> None:
        """Count one whole item: numbers of labels, int64[n] each."""
        self._counts.update(zip(right.tolist(), given.tolist(), strict=True))
        self._items += 1
        self._items_right += bool((right == given).all())

    def scores(self) -> Scores:
        """Give what was counted."""
        hits, given, wanted = Counter[str](), Counter[str](), Counter[str]()
        for (right, guess), count in self._counts.items():
            common = Counter(self._parts[right]) & Counter(self._parts[guess])
            for counter, parts in (
                (hits, common.elements()),
                (given, self._parts[guess]),
                (wanted, self._parts[right]),
            ):
                for part in parts:
                    counter[part] += count
        found = {
            part: MatchCounts(hits[part], given[part], wanted[part]) for part in wanted | given
        }
        ordered = sorted(found, key=lambda part: (-found[part].wanted, part))
        return Scores(
            overall=MatchCounts(hits.total(), given.total(), wanted.total()),
            parts={part: found[part] for part in ordered},
            places=self._counts.total(),
            places_right=sum(n for (right, guess), n in self._counts.items() if right == guess),
            items=self._items,
            items_right=self._items_right,
        )

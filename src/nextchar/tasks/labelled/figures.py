"""How good a classifier is: its figures from probabilities and the labels that items have.

Where items have weights, an item counts as many times as its weight says.

Legend: N items, C labels, K bins of confidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10


@dataclass(frozen=True, kw_only=True)
class LabelFigures:
    """How well one label is found.

    Attributes
    ----------
    precision
        Share of the items said to have the label that have it; 0 where none is said to.
    recall
        Share of the items that have the label that are said to; 0 where none has it.
    f1
        Their harmonic mean 2·p·r / (p + r); 0 where both are 0.
    items
        Items that have the label, or the sum of their weights.
    """

    precision: float
    recall: float
    f1: float
    items: float


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Items whose best label has a probability in a range: a row of a reliability table.

    Attributes
    ----------
    low, high
        The range (low, high]; the first holds 0 too.
    items
        Their number, or the sum of their weights.
    confidence
        Mean probability of the best label; 0 where there is no item.
    accuracy
        Share of them that are right.
    """

    low: float
    high: float
    items: float
    confidence: float
    accuracy: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassificationFigures:
    """What a classifier came to on items.

    Attributes
    ----------
    labels
        In the order of everything else.
    confusion
        Items by their label (rows) and the label that was said (columns), int64[C, C]; where they
        have weights, the sums of these, float64[C, C].
    nats
        Mean of −ln p of the items' own labels.
    bins
        The reliability table.
    """

    labels: tuple[str, ...]
    confusion: NDArray[np.int64] | NDArray[np.float64]
    nats: float
    bins: tuple[Bin, ...]

    @property
    def items(self) -> float:
        """N, or the sum of the weights."""
        total: float = self.confusion.sum().item()
        return total

    @property
    def accuracy(self) -> float:
        """Share of the items whose label was said."""
        return float(np.trace(self.confusion) / self.items)

    @property
    def by_label(self) -> tuple[LabelFigures, ...]:
        """Precision, recall and F1 of each label."""
        right = np.diag(self.confusion)
        said, has = self.confusion.sum(0), self.confusion.sum(1)
        return tuple(
            LabelFigures(
                precision=_share(hit, tried),
                recall=_share(hit, there),
                f1=_share(2 * hit, tried + there),
                items=there,
            )
            for hit, tried, there in zip(right.tolist(), said.tolist(), has.tolist(), strict=True)
        )

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the labels that an item has or was said to have."""
        is_there = (self.confusion.sum(0) + self.confusion.sum(1)) > 0
        scores = [each.f1 for each, there in zip(self.by_label, is_there, strict=True) if there]
        return math.fsum(scores) / len(scores)

    @property
    def calibration_error(self) -> float:
        """Mean distance of confidence and accuracy over the bins, weighed by their items.

        The expected calibration error (Naeini, Cooper & Hauskrecht 2015).
        """
        gaps = (each.items * abs(each.confidence - each.accuracy) for each in self.bins)
        return math.fsum(gaps) / self.items

    def to_dict(self) -> dict[str, Any]:
        """Give all figures by name, as JSON can hold them."""
        return {
            "items": self.items,
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "nats_per_item": self.nats,
            "bits_per_item": self.nats / math.log(2),
            "expected_calibration_error": self.calibration_error,
            "labels": {
                name: vars(figures)
                for name, figures in zip(self.labels, self.by_label, strict=True)
            },
            "confusion": self.confusion.tolist(),
            "reliability": [vars(each) for each in self.bins],
        }


def figures_of(
    log_probabilities: NDArray[np.floating[Any]],
    targets: NDArray[np.integer[Any]],
    labels: tuple[str, ...],
    weights: NDArray[np.floating[Any]] | None = None,
) -> ClassificationFigures:
    """Measure log-probabilities [N, C] against the places of the items' labels, int[N]; N ≥ 1.

    Weights [N], above 0, say how much each item counts; all 1 if not given.
    """
    logs = log_probabilities.astype(np.float64)
    said = logs.argmax(1)
    count = len(labels)
    confusion = np.bincount(targets * count + said, weights, minlength=count * count)
    right = said == targets
    return ClassificationFigures(
        labels=labels,
        confusion=confusion.reshape(count, count),
        nats=float(np.average(-logs[np.arange(len(logs)), targets], weights=weights)),
        bins=_reliability(np.exp(logs.max(1)), right, weights),
    )


def _reliability(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    weights: NDArray[np.floating[Any]] | None,
) -> tuple[Bin, ...]:
    places = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    shares = np.ones(len(places), np.int64) if weights is None else weights.astype(np.float64)
    bins = []
    for place in range(BINS):
        inside = places == place
        items = shares[inside].sum().item()
        bins.append(
            Bin(
                low=place / BINS,
                high=(place + 1) / BINS,
                items=items,
                confidence=_share(float(confidence[inside] @ shares[inside]), items),
                accuracy=_share(float(right[inside] @ shares[inside]), items),
            )
        )
    return tuple(bins)


def _share(part: float, whole: float) -> float:
    """Return a part as a share of the whole; 0 of nothing."""
    return part / whole if whole else 0.0

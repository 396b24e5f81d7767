"""Classification metrics from predicted probabilities and true labels.

Weighted items count in proportion to their weights.

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
    """The metrics of one label.

    Attributes
    ----------
    precision
        Precision; 0 if the label is never predicted.
    recall
        Recall; 0 if no item has the label.
    f1
        Harmonic mean 2·p·r / (p + r) of precision and recall; 0 if both are 0.
    items
        Number of items with the label, or the sum of their weights.
    """

    precision: float
    recall: float
    f1: float
    items: float


@dataclass(frozen=True, kw_only=True)
class Bin:
    """A row of a reliability table: the items with a confidence in a range.

    Attributes
    ----------
    low, high
        The range (low, high]. The first range includes 0.
    items
        Number of items, or the sum of their weights.
    confidence
        Mean probability of the predicted label; 0 without items.
    accuracy
        Share of items with a correct prediction; 0 without items.
    """

    low: float
    high: float
    items: float
    confidence: float
    accuracy: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassificationFigures:
    """The metrics of a classifier on items.

    Attributes
    ----------
    labels
        The labels, in the order of rows and columns.
    confusion
        The confusion matrix: items by true label (rows) and predicted label (columns),
        int64[C, C]; for weighted items, sums of weights, float64[C, C].
    nats
        Mean of −ln p(true label).
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
        """Share of items with a correct prediction."""
        return float(np.trace(self.confusion) / self.items)

    @property
    def by_label(self) -> tuple[LabelFigures, ...]:
        """Precision, recall and F1 of each label."""
        hits = np.diag(self.confusion).tolist()
        predicted, actual = self.confusion.sum(0).tolist(), self.confusion.sum(1).tolist()
        return tuple(
            LabelFigures(
                precision=_share(hit, guesses),
                recall=_share(hit, items),
                f1=_share(2 * hit, guesses + items),
                items=items,
            )
            for hit, guesses, items in zip(hits, predicted, actual, strict=True)
        )

    @property
    def macro_f1(self) -> float:
        """Mean F1 over the labels that occur or are predicted."""
        occurs = (self.confusion.sum(0) + self.confusion.sum(1)) > 0
        scores = [each.f1 for each, used in zip(self.by_label, occurs, strict=True) if used]
        return math.fsum(scores) / len(scores)

    @property
    def calibration_error(self) -> float:
        """The expected calibration error (Naeini, Cooper & Hauskrecht 2015).

        It is the mean absolute difference between confidence and accuracy over the bins, weighted
        by their items.
        """
        gaps = (each.items * abs(each.confidence - each.accuracy) for each in self.bins)
        return math.fsum(gaps) / self.items

    def to_dict(self) -> dict[str, Any]:
        """Return all metrics by name, as JSON-compatible values."""
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
    """Return the metrics of log-probabilities [N, C] against label indices int[N]; N ≥ 1.

    Weights [N] must be above 0 and default to 1.
    """
    logs = log_probabilities.astype(np.float64)
    predicted = logs.argmax(1)
    count = len(labels)
    confusion = np.bincount(targets * count + predicted, weights, minlength=count * count)
    correct = predicted == targets
    return ClassificationFigures(
        labels=labels,
        confusion=confusion.reshape(count, count),
        nats=float(np.average(-logs[np.arange(len(logs)), targets], weights=weights)),
        bins=_reliability(np.exp(logs.max(1)), correct, weights),
    )


def _reliability(
    confidence: NDArray[np.float64],
    correct: NDArray[np.bool_],
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
                accuracy=_share(float(correct[inside] @ shares[inside]), items),
            )
        )
    return tuple(bins)


def _share(part: float, whole: float) -> float:
    """Return part / whole, or 0 if the whole is 0."""
    return part / whole if whole else 0.0

"""Classification metrics from predicted probabilities and true labels.

Weighted items count in proportion to their weights. There may be thousands of labels, so only the
cells of the confusion matrix that are not zero are kept.

Legend: N items, C labels, K bins of confidence, n cells of the confusion matrix above zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import ConfigError

BINS = 10
MOST_LABELS = 1000  # of a whole confusion matrix


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
    cells
        The true label and the predicted label of each cell of the confusion matrix that is not
        zero, ascending: int64[n, 2].
    cell_items
        Items of each cell, int64[n]; for weighted items, sums of weights, float64[n].
    nats
        Mean of −ln p(true label).
    bins
        The reliability table.
    """

    labels: tuple[str, ...]
    cells: NDArray[np.int64]
    cell_items: NDArray[np.int64] | NDArray[np.float64]
    nats: float
    bins: tuple[Bin, ...]

    @property
    def confusion(self) -> NDArray[np.int64] | NDArray[np.float64]:
        """The confusion matrix: items by true label (rows) and predicted label (columns), [C, C].

        Raises
        ------
        ConfigError
            There are more than ``MOST_LABELS`` labels.
        """
        if len(self.labels) > MOST_LABELS:
            raise ConfigError(
                f"a confusion matrix has at most {MOST_LABELS:,} labels, got {len(self.labels):,}: "
                "cells and cell_items have its values above zero"
            )
        matrix: NDArray[Any] = np.zeros((len(self.labels),) * 2, self.cell_items.dtype)
        matrix[self.cells[:, 0], self.cells[:, 1]] = self.cell_items
        return matrix

    @property
    def confused(self) -> dict[int, list[tuple[int, float]]]:
        """The wrong labels given to items of each true label, with the items, most items first."""
        found: dict[int, list[tuple[int, float]]] = {}
        order = np.argsort(-self.cell_items, kind="stable")
        values = self.cell_items[order].tolist()
        for (true, predicted), items in zip(self.cells[order].tolist(), values, strict=True):
            if true != predicted:
                found.setdefault(true, []).append((predicted, items))
        return found

    @property
    def items(self) -> float:
        """N, or the sum of the weights."""
        total: float = self.cell_items.sum().item()
        return total

    @property
    def accuracy(self) -> float:
        """Share of items with a correct prediction."""
        return float(self._sums[0].sum() / self.items)

    @property
    def by_label(self) -> tuple[LabelFigures, ...]:
        """Precision, recall and F1 of each label."""
        hits, actual, predicted = (each.tolist() for each in self._sums)
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
        _, actual, predicted = self._sums
        occurs = (predicted + actual) > 0
        scores = [each.f1 for each, used in zip(self.by_label, occurs, strict=True) if used]
        return math.fsum(scores) / len(scores)

    @property
    def _sums(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return the items with a correct label, with a true and with a predicted label, [C]."""
        is_hit = self.cells[:, 0] == self.cells[:, 1]
        sums = [
            np.zeros(len(self.labels), self.cell_items.dtype) for _ in ("hit", "true", "predicted")
        ]
        np.add.at(sums[0], self.cells[is_hit, 0], self.cell_items[is_hit])
        np.add.at(sums[1], self.cells[:, 0], self.cell_items)
        np.add.at(sums[2], self.cells[:, 1], self.cell_items)
        return sums[0], sums[1], sums[2]

    @property
    def calibration_error(self) -> float:
        """The expected calibration error (Naeini, Cooper & Hauskrecht 2015).

        It is the mean absolute difference between confidence and accuracy over the bins, weighted
        by their items.
        """
        gaps = (each.items * abs(each.confidence - each.accuracy) for each in self.bins)
        return math.fsum(gaps) / self.items

    def to_dict(self) -> dict[str, Any]:
        """Return all metrics by name, as JSON-compatible values.

        With more than ``MOST_LABELS`` labels, ``confusion`` is ``None``, and ``confusion_cells``
        lists the true label, the predicted label and the items of each cell above zero.
        """
        whole = len(self.labels) <= MOST_LABELS
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
            "confusion": self.confusion.tolist() if whole else None,
            **({} if whole else {"confusion_cells": self._named_cells()}),
            "reliability": [vars(each) for each in self.bins],
        }

    def _named_cells(self) -> list[list[str | float]]:
        pairs = zip(self.cells.tolist(), self.cell_items.tolist(), strict=True)
        return [[self.labels[true], self.labels[said], items] for (true, said), items in pairs]


@dataclass(frozen=True, eq=False)
class Predictions:
    """The predictions of items, without a value for each label.

    Attributes
    ----------
    targets, predicted
        The true and the predicted label of each item, int64[N].
    nats
        −ln p(true label) of each item, float64[N].
    confidence
        The probability of the predicted label, float64[N].
    """

    targets: NDArray[np.int64]
    predicted: NDArray[np.int64]
    nats: NDArray[np.float64]
    confidence: NDArray[np.float64]

    @classmethod
    def of(
        cls, log_probabilities: NDArray[np.floating[Any]], targets: NDArray[np.integer[Any]]
    ) -> Self:
        """Return the predictions in log-probabilities [N, C], with the true labels int[N]."""
        logs = log_probabilities.astype(np.float64)
        own = -logs[np.arange(len(logs)), targets]
        return cls(targets.astype(np.int64), logs.argmax(1), own, np.exp(logs.max(1)))

    @classmethod
    def joined(cls, parts: Sequence[Self], places: NDArray[np.int64]) -> Self:
        """Return the predictions of all parts; ``places`` [N] are their items, one after another.

        The result is in the order of the items.
        """
        order = np.argsort(places)
        names = [field.name for field in fields(cls)]
        columns = [np.concatenate([getattr(part, name) for part in parts]) for name in names]
        return cls(*(column[order] for column in columns))

    def figures(
        self, labels: tuple[str, ...], weights: NDArray[np.floating[Any]] | None = None
    ) -> ClassificationFigures:
        """Return the metrics; the weights [N] must be above 0 and default to 1."""
        keys = self.targets * len(labels) + self.predicted
        found, places = np.unique(keys, return_inverse=True)
        return ClassificationFigures(
            labels=labels,
            cells=np.stack(np.divmod(found, len(labels)), axis=1),
            cell_items=np.bincount(places, weights, minlength=len(found)),
            nats=float(np.average(self.nats, weights=weights)),
            bins=_reliability(self.confidence, self.predicted == self.targets, weights),
        )


def figures_of(
    log_probabilities: NDArray[np.floating[Any]],
    targets: NDArray[np.integer[Any]],
    labels: tuple[str, ...],
    weights: NDArray[np.floating[Any]] | None = None,
) -> ClassificationFigures:
    """Return the metrics of log-probabilities [N, C] against label indices int[N]; N ≥ 1.

    Weights [N] must be above 0 and default to 1.
    """
    return Predictions.of(log_probabilities, targets).figures(labels, weights)


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

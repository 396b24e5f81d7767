"""Classifying by writing: the label under which a text is the most probable (Bayes' rule).

argmax of log p(text | label) + log p(label), where p(label) is the share in the training part
(Ng & Jordan 2001; with recurrent networks Yogatama et al. 2017).

Shapes: N texts, K labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import ConfigError
from nextchar.tasks.conditioning.model import ConditionalModel


@dataclass(frozen=True, kw_only=True)
class ClassificationFigures:
    """How often the label was right.

    Attributes
    ----------
    items
        N.
    accuracy
        Share of the texts whose label was found, 0 to 1.
    macro_f1
        Mean of the labels' F1, of all labels that were right or predicted anywhere.
    nats_per_item
        −log p(right label | text), the mean.
    """

    items: int
    accuracy: float
    macro_f1: float
    nats_per_item: float


class GenerativeClassifier:
    """A classifier made of a model that writes texts from labels.

    Parameters
    ----------
    model
        Of labels.
    prior
        p(label) in place of the shares in the training part, [K]: above 0, with a sum of 1.
    """

    def __init__(
        self, model: ConditionalModel, *, prior: NDArray[np.float64] | None = None
    ) -> None:
        self.model = model
        self.prior = model.prior if prior is None else prior
        if self.prior.shape != model.prior.shape or (self.prior <= 0).any():
            raise ConfigError(f"a prior has a number above 0 for each of {len(model.prior)} labels")

    @classmethod
    def load(cls, run: str | Path, *, device: str = "cpu") -> Self:
        """Read a run of ``nextchar condition train``."""
        return cls(ConditionalModel.load(run, device=device))

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the K labels."""
        return self.model.labels.names

    def log_probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Give log p(label | text), in nats, [N, K]."""
        joint = self.model.log_likelihoods(texts) + np.log(self.prior)
        posterior: NDArray[np.float64] = joint - np.logaddexp.reduce(joint, axis=1, keepdims=True)
        return posterior

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Give p(label | text), [N, K]."""
        return np.exp(self.log_probabilities(texts))

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Give the most probable label of each text."""
        return [self.labels[number] for number in self.log_probabilities(texts).argmax(axis=1)]

    def evaluate(self, texts: Sequence[str], labels: Sequence[object]) -> ClassificationFigures:
        """Compare with the right labels; ``ConfigError`` for one that is not known."""
        right = np.array([self.model.labels.index(str(label)) for label in labels])
        log_probabilities = self.log_probabilities(texts)
        predicted = log_probabilities.argmax(axis=1)
        return ClassificationFigures(
            items=len(right),
            accuracy=float((predicted == right).mean()),
            macro_f1=macro_f1(right, predicted),
            nats_per_item=float(-log_probabilities[np.arange(len(right)), right].mean()),
        )


def macro_f1(right: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Give the mean of 2 tp / (2 tp + fp + fn) over all classes that occur in either [N]."""
    scores = [
        2 * ((right == each) & (predicted == each)).sum()
        / ((right == each).sum() + (predicted == each).sum())
        for each in np.union1d(right, predicted)
    ]  # fmt: skip
    return float(np.mean(scores))

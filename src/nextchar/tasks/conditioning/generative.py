"""Generative classification with a conditional model, by Bayes' rule.

The predicted label is the argmax of log p(text | label) + log p(label), with p(label) the relative
frequency in the training part (Ng & Jordan 2001; with recurrent networks Yogatama et al. 2017).

Shapes: N texts, K labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nextchar.config.arguments import checked
from nextchar.config.condition import ConditionRunConfig
from nextchar.errors import ConfigError
from nextchar.tasks.conditioning.model import ConditionalModel
from nextchar.tasks.labelled.figures import ClassificationFigures, figures_of
from nextchar.tasks.labelled.items import in_known_form, known_items, tell_unknown
from nextchar.text.labelled import LabelledText
from nextchar.training.events import Listener


class GenerativeClassifier:
    """A generative classifier: a model of texts given labels, with a prior over labels.

    Parameters
    ----------
    model
        A model conditioned on labels.
    prior
        p(label), [K], above 0 with a sum of 1; by default the relative frequencies in the training
        part.
    """

    task = ConditionalModel.task

    def __init__(
        self, model: ConditionalModel, *, prior: NDArray[np.float64] | None = None
    ) -> None:
        self.model = model
        self.prior = model.prior if prior is None else prior
        if self.prior.shape != model.prior.shape or (self.prior <= 0).any():
            raise ConfigError(
                f"prior must have a number above 0 for each of {len(model.prior)} labels"
            )

    @classmethod
    @checked
    def load(cls, run: str | Path, *, device: str = "cpu") -> Self:
        """Return the classifier of a run of ``nextchar condition train``."""
        return cls(ConditionalModel.load(run, device=device))

    def __repr__(self) -> str:
        return repr(self.model).replace(type(self.model).__name__, type(self).__name__, 1)

    @property
    def config(self) -> ConditionRunConfig:
        """The configuration of the run."""
        return self.model.config

    @property
    def label_names(self) -> tuple[str, ...]:
        """The K labels."""
        return self.model.labels.names

    @checked
    def log_probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return log p(label | text), in nats, [N, K]."""
        joint = self.model.log_likelihoods(texts) + np.log(self.prior)
        posterior: NDArray[np.float64] = joint - np.logaddexp.reduce(joint, axis=1, keepdims=True)
        return posterior

    @checked
    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return p(label | text), [N, K]."""
        probabilities: NDArray[np.float64] = np.exp(self.log_probabilities(texts))
        return probabilities

    @checked
    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return the most probable label of each text."""
        return [self.label_names[number] for number in self.log_probabilities(texts).argmax(axis=1)]

    @checked
    def evaluate(self, texts: Sequence[str], labels: Sequence[object]) -> ClassificationFigures:
        """Return the metrics against the true labels; raise ``ConfigError`` for an unknown one."""
        actual = np.array([self.model.labels.index(str(label)) for label in labels], np.int64)
        return figures_of(self.log_probabilities(texts), actual, self.label_names)

    def evaluate_items(
        self,
        items: Sequence[LabelledText],
        *,
        skip_unseen: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> ClassificationFigures:
        """Return the metrics on labelled items; see ``labelled.items.known_items``."""
        known = known_items(self.label_names, items, skip_unseen=skip_unseen, listeners=listeners)
        known = in_known_form(self.model.form, known)
        tell_unknown(self.model.symbols.vocabulary, known, listeners)
        return self.evaluate([item.text for item in known], [item.label for item in known])

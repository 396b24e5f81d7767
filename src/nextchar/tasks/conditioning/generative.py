"""Classifying by writing: the label under which a text is the most probable (Bayes' rule).

argmax of log p(text | label) + log p(label), where p(label) is the share in the training part
(Ng & Jordan 2001; with recurrent networks Yogatama et al. 2017).

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
    """A classifier made of a model that writes texts from labels.

    Parameters
    ----------
    model
        Of labels.
    prior
        p(label) in place of the shares in the training part, [K]: above 0, with a sum of 1.
    """

    task = ConditionalModel.task

    def __init__(
        self, model: ConditionalModel, *, prior: NDArray[np.float64] | None = None
    ) -> None:
        self.model = model
        self.prior = model.prior if prior is None else prior
        if self.prior.shape != model.prior.shape or (self.prior <= 0).any():
            raise ConfigError(f"a prior has a number above 0 for each of {len(model.prior)} labels")

    @classmethod
    @checked
    def load(cls, run: str | Path, *, device: str = "cpu") -> Self:
        """Read a run of ``nextchar condition train``."""
        return cls(ConditionalModel.load(run, device=device))

    def __repr__(self) -> str:
        return repr(self.model).replace(type(self.model).__name__, type(self).__name__, 1)

    @property
    def config(self) -> ConditionRunConfig:
        """Those of its run."""
        return self.model.config

    @property
    def label_names(self) -> tuple[str, ...]:
        """The K labels."""
        return self.model.labels.names

    @checked
    def log_probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Give log p(label | text), in nats, [N, K]."""
        joint = self.model.log_likelihoods(texts) + np.log(self.prior)
        posterior: NDArray[np.float64] = joint - np.logaddexp.reduce(joint, axis=1, keepdims=True)
        return posterior

    @checked
    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Give p(label | text), [N, K]."""
        probabilities: NDArray[np.float64] = np.exp(self.log_probabilities(texts))
        return probabilities

    @checked
    def predict(self, texts: Sequence[str]) -> list[str]:
        """Give the most probable label of each text."""
        return [self.label_names[number] for number in self.log_probabilities(texts).argmax(axis=1)]

    @checked
    def evaluate(self, texts: Sequence[str], labels: Sequence[object]) -> ClassificationFigures:
        """Compare with the right labels; ``ConfigError`` for one that is not known."""
        right = np.array([self.model.labels.index(str(label)) for label in labels], np.int64)
        return figures_of(self.log_probabilities(texts), right, self.label_names)

    def evaluate_items(
        self,
        items: Sequence[LabelledText],
        *,
        skip_unseen: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> ClassificationFigures:
        """Compare with the labels that were read; see ``classification.training.known_items``."""
        known = known_items(self.label_names, items, skip_unseen=skip_unseen, listeners=listeners)
        known = in_known_form(self.model.form, known)
        tell_unknown(self.model.symbols.vocabulary, known, listeners)
        return self.evaluate([item.text for item in known], [item.label for item in known])

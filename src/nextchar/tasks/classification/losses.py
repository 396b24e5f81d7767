"""Weights and divergences of a classifier's loss.

Shapes: B items of a batch, M members of an ensemble, C labels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nextchar.config import ClassifierRunConfig
from nextchar.tasks.classification.labels import LabelSet


def weighted(values: Tensor, shares: Tensor | None) -> Tensor:
    """Weigh values of B items, which may be there more than once: [B] or [M, k·B]."""
    return values if shares is None else values * shares.repeat(values.shape[-1] // len(shares))


def divergence(logits: Tensor, shares: Tensor | None) -> Tensor:
    """Give the mean of KL(p‖q) and KL(q‖p) of both halves of logits [M, 2·B, C], over the items.

    Summed over the members.
    """
    first, second = logits.log_softmax(-1).chunk(2, dim=1)
    gaps = (first.exp() - second.exp()) * (first - second)
    return weighted(gaps.sum((0, 2)), shares).mean() / 2


def label_weights(labels: LabelSet, config: ClassifierRunConfig) -> NDArray[np.float32]:
    """Weigh labels by a power of their inverse frequency, so that an item weighs 1 on average."""
    weights = labels.shares**-config.classifier.class_weights
    on_average: NDArray[np.float64] = weights / (labels.shares * weights).sum()
    return on_average.astype(np.float32)

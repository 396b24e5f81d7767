"""Logistic regression with an L1 penalty, which sets most weights to zero.

Solved by accelerated proximal gradient steps (FISTA, Beck & Teboulle 2009): a gradient step on the
cross-entropy, then every weight moves towards zero by the same amount and stops there. The biases
have no penalty.

Shapes: N texts, H features, C labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

STEPS = 300
_POWER_STEPS = 30


@dataclass(frozen=True, eq=False)
class SparseSolution:
    """The weights float32[H, C] and the biases float32[C] of a regression."""

    weights: Tensor
    bias: Tensor

    def predict(self, features: Tensor) -> Tensor:
        """Return the most probable label of each text, int64[N]."""
        return (features @ self.weights + self.bias).argmax(-1)


def strongest_penalty(features: Tensor, targets: Tensor, labels: int) -> float:
    """Return the smallest penalty at which all weights are zero."""
    one_hot = functional.one_hot(targets, labels).to(features.dtype)
    slopes = features.T @ (one_hot - one_hot.mean(0)) / len(features)
    return float(slopes.abs().max())


def regress_sparsely(
    features: Tensor, targets: Tensor, start: SparseSolution, penalty: float
) -> SparseSolution:
    """Minimise the mean cross-entropy plus penalty · Σ |weights|.

    Parameters
    ----------
    features
        float32[N, H], best of mean 0 and standard deviation 1.
    targets
        Labels, int64[N].
    start
        The initial solution.
    penalty
        Above 0.
    """
    one_hot = functional.one_hot(targets, len(start.bias)).to(features.dtype)
    step = 1 / _curvature(features)
    weights, bias = start.weights, start.bias
    ahead, ahead_bias, momentum = weights, bias, 1.0
    for _ in range(STEPS):
        residuals = (features @ ahead + ahead_bias).softmax(-1) - one_hot
        moved = ahead - step * (features.T @ residuals) / len(features)
        new = moved.sign() * (moved.abs() - step * penalty).clamp(min=0)
        new_bias = ahead_bias - step * residuals.mean(0)
        following = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        share = (momentum - 1) / following
        ahead = new + share * (new - weights)
        ahead_bias = new_bias + share * (new_bias - bias)
        weights, bias, momentum = new, new_bias, following
    return SparseSolution(weights, bias)


def _curvature(features: Tensor) -> float:
    """Return a bound on the curvature of the mean cross-entropy: half the largest eigenvalue.

    It is that of the covariance of the features and a constant, found by power iteration; a tenth
    is added because the iteration approaches it from below.
    """
    whole = torch.cat([features, features.new_ones(len(features), 1)], 1)
    vector = whole.T @ whole.sum(1)
    size = 1.0
    for _ in range(_POWER_STEPS):
        vector = vector / vector.norm()
        vector = whole.T @ (whole @ vector) / len(whole)
        size = float(vector.norm())
    return 1.1 * size / 2

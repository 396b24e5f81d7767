"""Logistic regression on weighted terms with an L2 penalty, a convex problem solved by L-BFGS.

Embedding bags compute the sparse matrix products: over the terms of a text, or the texts of a term.

Shapes: N texts, M nonzero values in all texts, R distinct terms, C labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

ITERATIONS = 50
_HISTORY_SIZE = 6
_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class SparseRows:
    """A sparse matrix [N, R] in compressed sparse row (CSR) format.

    Attributes
    ----------
    columns
        Column of each value, int64[M].
    values
        The nonzero values, float32[M].
    offsets
        Start of each row, int64[N].
    """

    columns: Tensor
    values: Tensor
    offsets: Tensor

    def times(self, matrix: Tensor) -> Tensor:
        """Return the product [N, C] with a dense matrix [R, C]."""
        return functional.embedding_bag(
            self.columns, matrix, self.offsets, mode="sum", per_sample_weights=self.values
        )

    def subset(self, places: Tensor) -> SparseRows:
        """Return the selected rows, in the given order."""
        ends = torch.cat([self.offsets[1:], torch.tensor([len(self.columns)])])
        lengths = (ends - self.offsets)[places]
        offsets = lengths.cumsum(0) - lengths
        shifts = torch.repeat_interleave(self.offsets[places] - offsets, lengths)
        taken = shifts + torch.arange(len(shifts))
        return SparseRows(self.columns[taken], self.values[taken], offsets)

    def transposed(self, rows: int) -> SparseRows:
        """Return the transposed matrix [R, N]; ``rows`` is R."""
        ends = torch.tensor([len(self.columns)])
        row_numbers = torch.repeat_interleave(torch.diff(self.offsets, append=ends))
        order = self.columns.argsort(stable=True)
        counts = torch.bincount(self.columns, minlength=rows)
        return SparseRows(row_numbers[order], self.values[order], counts.cumsum(0) - counts)


@dataclass(frozen=True, eq=False)
class Solution:
    """The weights float32[R, C] and the biases float32[C] of a regression."""

    weights: Tensor
    bias: Tensor

    def logits(self, features: SparseRows) -> Tensor:
        """Return the logits of texts, [N, C]."""
        return features.times(self.weights) + self.bias


def regress(
    features: SparseRows,
    targets: Tensor,
    start: Solution,
    *,
    strength: float,
    importance: Tensor | None = None,
) -> Solution:
    """Minimise the total cross-entropy plus the penalty ‖weights‖² / (2 · strength).

    Parameters
    ----------
    features
        Term weights of the texts, [N, R], on the CPU.
    targets
        Labels, int64[N].
    start
        Initial solution; a close one needs fewer iterations.
    strength
        Inverse regularisation strength (C in scikit-learn), above 0.
    importance
        Weight of each text, float32[N]; all 1 if not given.
    """
    transposed_features = features.transposed(len(start.weights))
    sample_weights = torch.ones(len(targets)) if importance is None else importance
    solution = Solution(start.weights.clone(), start.bias.clone())
    one_hot = torch.zeros(len(targets), len(start.bias))
    one_hot[torch.arange(len(targets)), targets] = 1

    def loss() -> Tensor:
        logs = solution.logits(features).log_softmax(-1)
        residuals = (logs.exp() - one_hot) * sample_weights.unsqueeze(-1)
        solution.weights.grad = transposed_features.times(residuals) + solution.weights / strength
        solution.bias.grad = residuals.sum(0)
        penalty = solution.weights.square().sum() / (2 * strength)
        return penalty - ((logs * one_hot).sum(-1) * sample_weights).sum()

    _minimize([solution.weights, solution.bias], loss, len(targets))
    return Solution(solution.weights.detach(), solution.bias.detach())


def _minimize(variables: list[Tensor], loss: Callable[[], Tensor], scale: float) -> None:
    optimizer = torch.optim.LBFGS(
        variables,
        max_iter=ITERATIONS,
        history_size=_HISTORY_SIZE,
        tolerance_grad=_TOLERANCE * scale,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )
    with torch.no_grad():
        optimizer.step(loss)  # type: ignore[no-untyped-call]

"""Logistic regression on weighted terms, with an L2 penalty: a convex problem, solved by L-BFGS.

Its sparse matrix products are embedding bags: over a text's terms, and over a term's texts.

Legend: N texts, M terms of all texts, R rows, C labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

ITERATIONS = 50
_REMEMBERED = 6
_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class SparseRows:
    """A sparse matrix [N, R], text by text.

    Attributes
    ----------
    columns
        Columns of the values, int64[M].
    values
        float32[M].
    offsets
        Start of each row: int64[N].
    """

    columns: Tensor
    values: Tensor
    offsets: Tensor

    def times(self, matrix: Tensor) -> Tensor:
        """Return the product with a dense matrix [R, C]: [N, C]."""
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
        """Return the same values column by column, of which there are R."""
        ends = torch.tensor([len(self.columns)])
        owners = torch.repeat_interleave(torch.diff(self.offsets, append=ends))
        order = self.columns.argsort(stable=True)
        counts = torch.bincount(self.columns, minlength=rows)
        return SparseRows(owners[order], self.values[order], counts.cumsum(0) - counts)


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
    """Minimise the sum of the cross-entropies and ‖weights‖² / 2·strength.

    Parameters
    ----------
    features
        [N, R], on the CPU.
    targets
        Labels, int64[N].
    start
        Starting point; the nearer to the solution, the fewer iterations.
    strength
        Inverse regularisation strength (C in scikit-learn), above 0.
    importance
        Weight of each text, float32[N]; all 1 if not given.
    """
    turned = features.transposed(len(start.weights))
    share = torch.ones(len(targets)) if importance is None else importance
    solution = Solution(start.weights.clone(), start.bias.clone())
    hits = torch.zeros(len(targets), len(start.bias))
    hits[torch.arange(len(targets)), targets] = 1

    def loss() -> Tensor:
        logs = solution.logits(features).log_softmax(-1)
        gaps = (logs.exp() - hits) * share.unsqueeze(-1)
        solution.weights.grad = turned.times(gaps) + solution.weights / strength
        solution.bias.grad = gaps.sum(0)
        penalty = solution.weights.square().sum() / (2 * strength)
        return penalty - ((logs * hits).sum(-1) * share).sum()

    _minimize([solution.weights, solution.bias], loss, len(targets))
    return Solution(solution.weights.detach(), solution.bias.detach())


def _minimize(variables: list[Tensor], loss: Callable[[], Tensor], scale: float) -> None:
    optimizer = torch.optim.LBFGS(
        variables,
        max_iter=ITERATIONS,
        history_size=_REMEMBERED,
        tolerance_grad=_TOLERANCE * scale,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )
    with torch.no_grad():
        optimizer.step(loss)  # type: ignore[no-untyped-call]

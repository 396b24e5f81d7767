"""Logistic regression on sparse rows, beside dense arithmetic."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from nextchar.nn.regression import Solution, SparseRows, regress


def some(count: int = 40, rows: int = 12) -> tuple[SparseRows, Tensor, Tensor]:
    """Draw a sparse matrix, the same one dense, and labels that it tells apart in part."""
    generator = torch.Generator().manual_seed(1)
    dense = torch.randn(count, rows, generator=generator)
    dense *= torch.rand(count, rows, generator=generator) < 0.4
    lengths = (dense != 0).sum(1)
    places = dense.nonzero()
    sparse = SparseRows(places[:, 1], dense[dense != 0], lengths.cumsum(0) - lengths)
    noisy = dense[:, :3] + torch.randn(count, 3, generator=generator)
    return sparse, dense, noisy.argmax(1)


def zeros(rows: int = 12, labels: int = 3) -> Solution:
    return Solution(torch.zeros(rows, labels), torch.zeros(labels))


def test_products_are_those_of_the_dense_matrix() -> None:
    sparse, dense, _ = some()
    matrix = torch.randn(12, 2, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(sparse.times(matrix), dense @ matrix, atol=1e-5)
    other = torch.randn(40, 2, generator=torch.Generator().manual_seed(3))
    assert torch.allclose(sparse.transposed(12).times(other), dense.T @ other, atol=1e-5)
    places = torch.tensor([7, 0, 39])
    assert torch.allclose(sparse.subset(places).times(matrix), dense[places] @ matrix, atol=1e-5)


def test_the_gradient_vanishes_at_the_solution() -> None:
    sparse, dense, targets = some()
    found = regress(sparse, targets, zeros(), strength=2.0)
    weights, bias = (part.clone().requires_grad_() for part in (found.weights, found.bias))
    loss = functional.cross_entropy(dense @ weights + bias, targets, reduction="sum")
    loss = loss + weights.square().sum() / 4
    gradients = torch.autograd.grad(loss, [weights, bias])
    assert max(float(each.abs().max()) for each in gradients) < 0.02


def test_importance_two_is_as_if_a_row_were_there_twice() -> None:
    sparse, _, targets = some()
    importance = torch.ones(40)
    importance[:5] = 2
    twice = torch.cat([torch.arange(40), torch.arange(5)])
    weighted = regress(sparse, targets, zeros(), strength=2.0, importance=importance)
    repeated = regress(sparse.subset(twice), targets[twice], zeros(), strength=2.0)
    assert torch.allclose(weighted.weights, repeated.weights, atol=0.02)

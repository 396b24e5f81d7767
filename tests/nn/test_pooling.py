"""Pooling: known numbers, and exactness whatever stands beside an item."""

from __future__ import annotations

import math

import pytest
import torch

from nextchar.config import Pooling
from nextchar.nn.encoder import Encoded
from nextchar.nn.pooling import Pool

KINDS: tuple[Pooling, ...] = ("last", "mean", "max", "mean_max", "attention")


def encoded(outputs: torch.Tensor, lengths: list[int], directions: int = 1) -> Encoded:
    sizes = torch.tensor(lengths)
    inside = torch.arange(len(outputs)).unsqueeze(1) < sizes
    return Encoded(outputs, inside, sizes, directions)


def pool(kind: Pooling, size: int) -> Pool:
    return Pool(kind, size, generator=torch.Generator().manual_seed(1))


def test_pooled_outputs_are_what_their_names_say() -> None:
    outputs = torch.tensor([[[1.0, -4.0]], [[3.0, -2.0]], [[99.0, 99.0]]])
    items = encoded(outputs, [2])
    assert pool("mean", 2)(items).tolist() == [[2.0, -3.0]]
    assert pool("max", 2)(items).tolist() == [[3.0, -2.0]]
    assert pool("mean_max", 2)(items).tolist() == [[2.0, -3.0, 3.0, -2.0]]
    assert pool("last", 2)(items).tolist() == [[3.0, -2.0]]
    both = encoded(outputs, [2], directions=2)
    assert pool("last", 2)(both).tolist() == [[3.0, -4.0]]


def test_attention_is_a_mean_weighted_by_its_scores() -> None:
    attention = pool("attention", 2)
    outputs = torch.tensor([[[1.0, 0.5]], [[-1.0, 2.0]]])
    assert attention.projection is not None
    assert attention.query is not None
    hidden = torch.tanh(outputs[:, 0] @ attention.projection.weight.T)
    first, second = (math.exp(score) for score in (hidden @ attention.query).tolist())
    expected = (first * outputs[0, 0] + second * outputs[1, 0]) / (first + second)
    assert torch.allclose(attention(encoded(outputs, [2]))[0], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_behind_an_item_changes_nothing(kind: Pooling) -> None:
    outputs = torch.randn(5, 2, 6, generator=torch.Generator().manual_seed(2))
    module = pool(kind, 6)
    together = module(encoded(outputs, [3, 5], directions=2))
    alone = module(encoded(outputs[:3, :1], [3], directions=2))
    assert torch.allclose(together[:1], alone, atol=1e-6)
    assert module.output_size == together.shape[1]

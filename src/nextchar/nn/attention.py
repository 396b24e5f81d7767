"""Attention of a decoder over the positions of a source.

    weights = softmax over the source of score(decoder output, encoder output)
    context = Σ weights · encoder outputs

Attention follows the decoder's recurrence, so the scores of all steps are computed at once (Luong,
Pham & Manning 2015). Padding after the end of a source has weight 0.

Shapes: S time steps of the longest source, T steps of the decoder, B items, D·H size of the
encoder outputs, H hidden size of the decoder, A key size. Batch first.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextchar.config import AttentionName
from nextchar.nn.embedding import Linear
from nextchar.nn.encoder import Encoded


@dataclass(frozen=True)
class Memory:
    """The keys and values of a batch of sources.

    Attributes
    ----------
    keys
        The keys, [B, S, A].
    values
        The values: the encoder outputs, [B, S, D·H].
    outside
        The padding mask, bool[B, 1, S]; true after the end of a source.
    """

    keys: Tensor
    values: Tensor
    outside: Tensor

    def of(self, items: Tensor) -> Self:
        """Return the memory of selected items, int64[n]."""
        return type(self)(self.keys[items], self.values[items], self.outside[items])


class Attention(nn.Module):
    """Base class of attention mechanisms.

    Parameters
    ----------
    memory_size
        D·H.
    query_size
        H, which is also used as A.
    """

    def __init__(self, memory_size: int, query_size: int) -> None:
        super().__init__()
        self.key = Linear(memory_size, query_size, bias=False)

    def initialize(self, generator: torch.Generator) -> None:
        """Initialise all parameters with the Xavier uniform distribution."""
        for parameter in self.parameters():
            nn.init.xavier_uniform_(parameter, generator=generator)

    def remember(self, encoded: Encoded) -> Memory:
        """Compute the keys and values of encoded sources."""
        values = encoded.outputs.transpose(0, 1)
        return Memory(self.key(values), values, ~encoded.inside.t().unsqueeze(1))

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Return contexts [B, T, D·H] and weights [B, T, S] for queries [B, T, H]."""
        scores = self.scores(queries, memory.keys)
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        weights = scores.masked_fill(memory.outside, -torch.inf).softmax(-1)
        return weights.to(memory.values.dtype) @ memory.values, weights

    @abstractmethod
    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the scores [B, T, S] of queries [B, T, H] against keys [B, S, A]."""


class DotAttention(Attention):
    """score(h, e) = h · W e, the "general" form of Luong, Pham & Manning (2015)."""

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the dot products [B, T, S]."""
        return queries.to(keys.dtype) @ keys.transpose(1, 2)


class AdditiveAttention(Attention):
    """score(h, e) = v · tanh(W e + U h), after Bahdanau, Cho & Bengio (2015)."""

    def __init__(self, memory_size: int, query_size: int) -> None:
        super().__init__(memory_size, query_size)
        self.query = Linear(query_size, query_size, bias=False)
        self.score = Linear(query_size, 1, bias=False)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the scores [B, T, S], using an intermediate [B, T, S, A]."""
        sums = self.query(queries).unsqueeze(2) + keys.unsqueeze(1)
        return functional.linear(sums.tanh(), self.score.weight).squeeze(-1)


ATTENTIONS: dict[AttentionName, type[Attention]] = {
    "dot": DotAttention,
    "additive": AdditiveAttention,
}

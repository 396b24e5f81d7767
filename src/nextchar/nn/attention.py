"""Attention: where in the source a decoder looks at each of its steps.

    weights = softmax over the source of score(decoder's output, encoder's output)
    context = Σ weights · encoder's outputs

The scores of all steps are taken together, as they come after the decoder's recurrence (Luong,
Pham & Manning 2015). Places behind the end of a source have no weight.

Shapes: S time steps of the longest source, T steps of the decoder, B items, D·H size of the
encoder's outputs, H hidden size of the decoder, A size of the keys. Items first.
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
    """What a decoder may look at.

    Attributes
    ----------
    keys
        What it is scored against, [B, S, A].
    values
        What it gets, the encoder's outputs [B, S, D·H].
    outside
        The places behind the ends, bool[B, 1, S].
    """

    keys: Tensor
    values: Tensor
    outside: Tensor

    def of(self, items: Tensor) -> Self:
        """Give that of some of the items, int64[n]."""
        return type(self)(self.keys[items], self.values[items], self.outside[items])


class Attention(nn.Module):
    """Scores places of the source.

    Parameters
    ----------
    memory_size
        D·H.
    query_size
        H; it is A too.
    """

    def __init__(self, memory_size: int, query_size: int) -> None:
        super().__init__()
        self.key = Linear(memory_size, query_size, bias=False)

    def initialize(self, generator: torch.Generator) -> None:
        """Draw the parameters, each a xavier matrix."""
        for parameter in self.parameters():
            nn.init.xavier_uniform_(parameter, generator=generator)

    def remember(self, encoded: Encoded) -> Memory:
        """Prepare what was read to be looked at."""
        values = encoded.outputs.transpose(0, 1)
        return Memory(self.key(values), values, ~encoded.inside.t().unsqueeze(1))

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Look from queries [B, T, H]: give contexts [B, T, D·H], and weights [B, T, S]."""
        scores = self.scores(queries, memory.keys)
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        weights = scores.masked_fill(memory.outside, -torch.inf).softmax(-1)
        return weights.to(memory.values.dtype) @ memory.values, weights

    @abstractmethod
    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Score queries [B, T, H] against keys [B, S, A]: [B, T, S]."""


class DotAttention(Attention):
    """score(h, e) = h · W e, the form "general" of Luong, Pham & Manning (2015)."""

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Take the products."""
        return queries.to(keys.dtype) @ keys.transpose(1, 2)


class AdditiveAttention(Attention):
    """score(h, e) = v · tanh(W e + U h), as Bahdanau, Cho & Bengio (2015)."""

    def __init__(self, memory_size: int, query_size: int) -> None:
        super().__init__(memory_size, query_size)
        self.query = Linear(query_size, query_size, bias=False)
        self.score = Linear(query_size, 1, bias=False)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Take the sums of all pairs, [B, T, S, A]."""
        sums = self.query(queries).unsqueeze(2) + keys.unsqueeze(1)
        return functional.linear(sums.tanh(), self.score.weight).squeeze(-1)


ATTENTIONS: dict[AttentionName, type[Attention]] = {
    "dot": DotAttention,
    "additive": AdditiveAttention,
}

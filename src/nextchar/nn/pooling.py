"""Pooling of an encoder's outputs into one vector per item.

Shapes: T time steps of the longest item, B items, F features of an output, P pooled features.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextchar.config import Pooling
from nextchar.nn.embedding import Linear
from nextchar.nn.encoder import Encoded


class Pool(nn.Module):
    """Pools the outputs of an encoder and ignores padding.

    ``last`` takes the final output of each direction. ``mean`` and ``max`` pool over all positions,
    and ``mean_max`` concatenates both. ``attention`` is a mean weighted by softmax(v · tanh(W h))
    over the positions (Yang et al. 2016).

    Parameters
    ----------
    kind
        The kind of pooling.
    size
        F.
    generator
        Random generator for the attention weights; ``None`` leaves them uninitialised.

    Attributes
    ----------
    output_size
        P: 2·F for ``mean_max``, else F.
    """

    def __init__(self, kind: Pooling, size: int, *, generator: torch.Generator | None) -> None:
        super().__init__()
        self.kind = kind
        self.output_size = (2 if kind == "mean_max" else 1) * size
        self.projection = Linear(size, size) if kind == "attention" else None
        self.query = nn.Parameter(torch.empty(size)) if kind == "attention" else None
        if generator is not None and self.projection is not None and self.query is not None:
            nn.init.xavier_uniform_(self.projection.weight, generator=generator)
            nn.init.zeros_(self.projection.bias)
            nn.init.normal_(self.query, std=1 / math.sqrt(size), generator=generator)

    def forward(self, encoded: Encoded) -> Tensor:
        """Return the pooled outputs, float32[B, P]; sums over positions use float32."""
        if self.kind == "last":
            return encoded.ends.float()
        outputs, inside = encoded.outputs.float(), encoded.inside.unsqueeze(-1)
        if self.kind == "attention":
            return (outputs * self._weights(outputs, inside)).sum(0)
        parts = []
        if self.kind in ("mean", "mean_max"):
            lengths = encoded.lengths.unsqueeze(-1)
            parts.append(outputs.masked_fill(~inside, 0).sum(0) / lengths)
        if self.kind in ("max", "mean_max"):
            parts.append(outputs.masked_fill(~inside, -math.inf).amax(0))
        return torch.cat(parts, dim=-1)

    def _weights(self, outputs: Tensor, inside: Tensor) -> Tensor:
        """Return the attention weight of each position, [T, B, 1]; 0 for padding."""
        if self.projection is None or self.query is None:
            raise ValueError(f"pooling {self.kind} has no attention")
        hidden = functional.linear(outputs, self.projection.weight, self.projection.bias).tanh()
        scores = (hidden.float() @ self.query).unsqueeze(-1)
        return scores.masked_fill(~inside, -math.inf).softmax(0)

"""Vectors of the n-grams that end at each position, from one hashed table.

An n-gram is hashed to a row of the table, so that no list of n-grams is kept and every n-gram of a
new text has a vector; n-grams that fall on one row share it (Weinberger et al. 2009; Bojanowski et
al. 2017 for words, Pagnoni et al. 2024 for bytes at each position).

Shapes: T time steps of the longest item, B items, N longest n-gram, E embedding. Time first.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextchar.nn.dropout import draw_kept
from nextchar.nn.entrance import Embedding

# Odd numbers near 2⁶³/φ and from Knuth's generator MMIX: products wrap around in int64.
_STEP = 6364136223846793005
_MIX = -7046029254386353131
_HIGH_BITS = 31


class NgramEmbedding(nn.Module):
    """The sum of the vectors of the n-grams, n from 1 to N, that end at each position.

    Parameters
    ----------
    longest
        N, at least 1.
    buckets
        Rows of the table.
    size
        E.
    dropout
        Probability that an n-gram is left out, each by itself, in training mode.

    The table begins at zero, so that an n-gram that was never learned from says nothing.
    """

    def __init__(
        self,
        *,
        longest: int,
        buckets: int,
        size: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.longest = longest
        self.dropout = dropout
        self.table = Embedding(buckets, size)
        nn.init.zeros_(self.table.weight)

    def forward(self, ids: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Give the vectors [T, B, E] of symbols int64[T, B].

        A position reads only itself and what stands before it, so that what is behind the end of
        an item changes nothing in it.

        Raises
        ------
        ValueError
            In training mode with dropout, no generator was given.
        """
        rows, is_there = ngram_rows(ids, self.longest, self.table.num_embeddings)
        weights = is_there.to(self.table.weight.dtype).expand(rows.shape).contiguous()
        if self.training and self.dropout > 0:
            if generator is None:
                raise ValueError(f"dropout {self.dropout} in training mode needs a generator")
            weights = weights * draw_kept(weights, self.dropout, generator) / (1 - self.dropout)
        count = ids.numel()
        sums = functional.embedding_bag(
            rows.movedim(0, -1).reshape(count, self.longest),
            self.table.weight,
            mode="sum",
            per_sample_weights=weights.movedim(0, -1).reshape(count, self.longest),
        )
        return sums.view(*ids.shape, -1)


def ngram_rows(ids: Tensor, longest: int, buckets: int) -> tuple[Tensor, Tensor]:
    """Hash the n-grams that end at each position.

    Returns
    -------
    Tensor, Tensor
        Rows int64[N, T, B], 0 to ``buckets`` − 1; and whether there is such an n-gram, which there
        is not where the text has too few symbols yet: bool[N, T, 1].
    """
    steps = len(ids)
    hashed = torch.zeros_like(ids)
    rows = []
    for n in range(1, longest + 1):
        earlier = torch.zeros_like(ids)
        earlier[n - 1 :] = ids[: max(0, steps - n + 1)] + 1
        hashed = (hashed + earlier) * _STEP + n
        mixed = (hashed ^ (hashed >> _HIGH_BITS)) * _MIX
        # Upper bits: the lower ones of a product depend on the lower ones of its factors alone.
        rows.append(((mixed >> _HIGH_BITS) & ((1 << _HIGH_BITS) - 1)) % buckets)
    sizes = torch.arange(longest, device=ids.device).view(-1, 1, 1)
    is_there = torch.arange(steps, device=ids.device).view(1, -1, 1) >= sizes
    return torch.stack(rows), is_there

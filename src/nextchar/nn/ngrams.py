"""Vectors of the n-grams that end at each position, and votes of a text's n-grams for its label.

An n-gram is hashed to a row of the table, so that no list of n-grams is kept and every n-gram of a
new text has a vector; n-grams that fall on one row share it (Weinberger et al. 2009; Bojanowski et
al. 2017 for words, Pagnoni et al. 2024 for bytes at each position).

Shapes: T time steps of the longest item, B items, N longest n-gram, E embedding, C labels,
K n-grams of the longest item, N·T. Time first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextchar.nn.dropout import draw_kept
from nextchar.nn.embedding import Embedding

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
            kept = draw_kept(weights, self.dropout, generator, axis=-1)
            weights = weights * kept / (1 - self.dropout)
        count = ids.numel()
        sums = functional.embedding_bag(
            rows.movedim(0, -1).reshape(count, self.longest),
            self.table.weight,
            mode="sum",
            per_sample_weights=weights.movedim(0, -1).reshape(count, self.longest),
        )
        return sums.view(*ids.shape, -1)


@dataclass(frozen=True)
class NgramRows:
    """The different n-grams of items.

    Attributes
    ----------
    rows
        Of the table, int64[B, K]; row 0 where an item has no more of them.
    evidence
        Of each for each label, float32[B, K, C]; 0 where there is none.
    number
        Of different n-grams, float32[B, 1].
    """

    rows: Tensor
    evidence: Tensor
    number: Tensor


class NgramEvidence(nn.Module):
    """Which n-grams a text has, and how unevenly the labels have them: naive Bayes.

    The evidence of an n-gram for a label is the logarithm of its share of the n-grams of texts with
    that label, over its share of those of all other texts. An n-gram counts once a text, and once
    more everywhere, so that no share is zero. As a scale of what a linear classifier reads, it lets
    weights matter sooner where labels differ (Wang & Manning 2012).

    Parameters
    ----------
    longest
        N, at least 1.
    buckets
        Rows that n-grams are hashed to.
    labels
        C.

    Attributes
    ----------
    table
        The evidence, float32[buckets, C]: 0 until ``count``, and for what was never seen.
    """

    table: Tensor

    def __init__(self, *, longest: int, buckets: int, labels: int) -> None:
        super().__init__()
        self.longest = longest
        self.register_buffer("table", torch.zeros(buckets, labels))

    def forward(self, ids: Tensor, lengths: Tensor) -> NgramRows:
        """Find the different n-grams of symbols int64[T, B], of which ``lengths`` are of items."""
        rows, is_first = self._different(ids, lengths)
        rows, kept = rows.masked_fill(~is_first, 0), is_first.to(self.table.dtype)
        evidence = functional.embedding(rows, self.table) * kept.unsqueeze(-1)
        return NgramRows(rows, evidence, kept.sum(1, keepdim=True))

    def _different(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Give the rows of all n-grams, int64[B, K], and whether each is the first, bool[B, K]."""
        buckets = len(self.table)
        rows, is_there = ngram_rows(ids, self.longest, buckets)
        is_inside = torch.arange(len(ids), device=ids.device).unsqueeze(1) < lengths
        rows = rows.masked_fill(~(is_there & is_inside), buckets)
        ordered = rows.flatten(0, 1).T.sort(dim=1).values
        is_first = ordered < buckets
        is_first[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
        return ordered, is_first

    def counts(
        self, ids: Tensor, lengths: Tensor, labels: Tensor, weights: Tensor | None = None
    ) -> Tensor:
        """Count the items of each label, int64[B], that have each n-gram: float32[buckets, C].

        With weights float32[B], sum these.
        """
        rows, is_first = self._different(ids, lengths)
        places = (rows * self.table.shape[1] + labels.unsqueeze(1))[is_first]
        shares = None if weights is None else weights.unsqueeze(1).expand_as(rows)[is_first]
        counts = torch.bincount(places, shares, minlength=self.table.numel())
        return counts.view_as(self.table).float()

    def count(self, counts: Tensor) -> None:
        """Take the evidence from the sum of ``counts`` over all items that are learned from."""
        total = counts.sum(1, keepdim=True)
        own, other = ((part + 1) / (part + 1).sum(0) for part in (counts, total - counts))
        self.table.copy_((own / other).log().masked_fill(total == 0, 0))


class NgramVotes(nn.Module):
    """Votes of the n-grams of a text for labels: a weight for each, times its evidence.

    The weights begin at zero, and so do the votes.

    Parameters
    ----------
    buckets, labels
        As of the evidence.
    """

    def __init__(self, buckets: int, labels: int) -> None:
        super().__init__()
        self.table = Embedding(buckets, labels)
        nn.init.zeros_(self.table.weight)

    def forward(self, found: NgramRows) -> Tensor:
        """Give the sum of the votes of each item over the root of their number, [B, C].

        The sum of independent votes grows like that root.
        """
        votes = functional.embedding(found.rows, self.table.weight) * found.evidence
        summed: Tensor = votes.sum(1)
        return summed / found.number.sqrt()


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

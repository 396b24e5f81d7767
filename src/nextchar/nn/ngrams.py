"""N-gram embeddings for each position, and a linear n-gram classifier.

N-grams are hashed to the rows of a table (Weinberger et al. 2009; Bojanowski et al. 2017 for words,
Pagnoni et al. 2024 for bytes at each position). No list of n-grams is needed, and unseen n-grams
have a vector too. N-grams with the same hash share a row.

Shapes: T time steps of the longest item, B items, N longest n-gram, E embedding, C labels,
K n-grams of the longest item, N·T, U distinct rows of all items. Time first. There may be thousands
of labels, so nothing has a value for each n-gram of an item and each label.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextchar.nn.dropout import draw_kept
from nextchar.nn.embedding import Embedding

# Odd multipliers: that of Knuth's MMIX generator, and 2⁶⁴/φ as int64. Products wrap around.
_STEP = 6364136223846793005
_MIX = -7046029254386353131
_HIGH_BITS = 31


class NgramEmbedding(nn.Module):
    """Sums of the embeddings of all n-grams, n from 1 to N, that end at each position.

    The table is initialised to zeros, so n-grams unseen in training have no effect.

    Parameters
    ----------
    longest
        N, at least 1.
    buckets
        Number of rows of the table.
    size
        E.
    dropout
        Probability of dropping each n-gram independently in training mode.
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
        """Return the vectors [T, B, E] of symbols int64[T, B].

        Each position depends only on itself and earlier positions, so padding has no effect on an
        item.

        Raises
        ------
        ValueError
            A generator is required for dropout in training mode, but is missing.
        """
        rows, weights = self._weighted(ids, generator)
        count = ids.numel()
        sums = functional.embedding_bag(
            rows.movedim(0, -1).reshape(count, self.longest),
            self.table.weight,
            mode="sum",
            per_sample_weights=weights.movedim(0, -1).reshape(count, self.longest),
        )
        return sums.view(*ids.shape, -1)

    def totals(
        self, ids: Tensor, inside: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the sums [B, E] of ``forward`` over the positions inside the items, bool[T, B].

        Parameters, dropout and errors are those of ``forward``.
        """
        rows, weights = self._weighted(ids, generator)
        sums: Tensor = functional.embedding_bag(
            rows.flatten(0, 1).T.contiguous(),
            self.table.weight,
            mode="sum",
            per_sample_weights=(weights * inside).flatten(0, 1).T.contiguous(),
        )
        return sums

    def _weighted(self, ids: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Return the rows int64[N, T, B] of all n-grams, and their weights float32[N, T, B]."""
        rows, is_there = ngram_rows(ids, self.longest, self.table.num_embeddings)
        weights = is_there.to(self.table.weight.dtype).expand(rows.shape).contiguous()
        if self.training and self.dropout > 0:
            if generator is None:
                raise ValueError(f"dropout {self.dropout} in training mode needs a generator")
            kept = draw_kept(weights, self.dropout, generator, axis=-1)
            weights = weights * kept / (1 - self.dropout)
        return rows, weights


@dataclass(frozen=True)
class NgramRows:
    """The distinct n-grams of items.

    Attributes
    ----------
    rows
        The distinct rows in the table of all items, int64[U].
    evidence
        Their evidence for each label, float32[U, C].
    places
        The index in ``rows`` of each n-gram, int64[B, K].
    counted
        1 for each distinct n-gram of an item, 0 for others and padding, float32[B, K].
    number
        Number of distinct n-grams, float32[B, 1].
    """

    rows: Tensor
    evidence: Tensor
    places: Tensor
    counted: Tensor
    number: Tensor


class NgramEvidence(nn.Module):
    """Naive Bayes log-count ratios of n-grams.

    The evidence of an n-gram for a label is the logarithm of a ratio: its share of the n-grams in
    texts with the label, divided by its share of the n-grams in all other texts. Each n-gram counts
    once per text. All counts are increased by one, so no share is zero. The ratios scale the inputs
    of a linear classifier, which speeds up the learning of discriminative n-grams (Wang & Manning
    2012).

    Parameters
    ----------
    longest
        N, at least 1.
    buckets
        Number of hash buckets.
    labels
        C.

    Attributes
    ----------
    table
        The evidence, float32[buckets, C]; 0 for unseen n-grams. All zeros before ``count``.
    """

    table: Tensor

    def __init__(self, *, longest: int, buckets: int, labels: int) -> None:
        super().__init__()
        self.longest = longest
        self.register_buffer("table", torch.zeros(buckets, labels))

    def forward(self, ids: Tensor, lengths: Tensor) -> NgramRows:
        """Return the distinct n-grams of symbols int64[T, B], for items of lengths int64[B]."""
        rows, is_first = self._distinct(ids, lengths)
        kept = rows.masked_fill(~is_first, 0)
        distinct, places = torch.unique(kept, return_inverse=True)
        counted = is_first.to(self.table.dtype)
        return NgramRows(
            distinct, self.table[distinct], places, counted, counted.sum(1, keepdim=True)
        )

    def _distinct(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sorted rows of all n-grams, int64[B, K], and a mask of distinct ones."""
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
        """Return the number of items with each n-gram and label, float32[buckets, C].

        Parameters
        ----------
        ids, lengths
            The symbols int64[T, B], and the lengths of the items int64[B].
        labels
            The label of each item, int64[B].
        weights
            The weight of each item, float32[B]; if given, the result is a sum of weights.
        """
        rows, is_first = self._distinct(ids, lengths)
        places = (rows * self.table.shape[1] + labels.unsqueeze(1))[is_first]
        shares = None if weights is None else weights.unsqueeze(1).expand_as(rows)[is_first]
        counts = torch.bincount(places, shares, minlength=self.table.numel())
        return counts.view_as(self.table).float()

    def count(self, counts: Tensor) -> None:
        """Compute the evidence from the sum of ``counts`` over the training set."""
        total = counts.sum(1, keepdim=True)
        own, other = ((part + 1) / (part + 1).sum(0) for part in (counts, total - counts))
        self.table.copy_((own / other).log().masked_fill(total == 0, 0))


class NgramVotes(nn.Module):
    """A linear classifier on n-grams, scaled by their evidence.

    The weights are initialised to zeros.

    Parameters
    ----------
    buckets, labels
        As in ``NgramEvidence``.
    """

    def __init__(self, buckets: int, labels: int) -> None:
        super().__init__()
        self.table = Embedding(buckets, labels)
        nn.init.zeros_(self.table.weight)

    def forward(self, found: NgramRows) -> Tensor:
        """Return the logits [B, C]: the sum over n-grams over the square root of their number.

        The sum of independent terms grows with that square root.
        """
        votes = functional.embedding(found.rows, self.table.weight) * found.evidence
        summed: Tensor = functional.embedding_bag(
            found.places, votes, mode="sum", per_sample_weights=found.counted
        )
        return summed / found.number.sqrt()


def ngram_rows(ids: Tensor, longest: int, buckets: int) -> tuple[Tensor, Tensor]:
    """Hash the n-grams that end at each position of symbols int64[T, B].

    Returns
    -------
    Tensor, Tensor
        Rows int64[N, T, B], 0 to ``buckets`` − 1, and a mask bool[N, T, 1]. The mask is false for
        n-grams longer than the text up to that position.
    """
    steps = len(ids)
    hashed = torch.zeros_like(ids)
    rows = []
    for n in range(1, longest + 1):
        earlier = torch.zeros_like(ids)
        earlier[n - 1 :] = ids[: max(0, steps - n + 1)] + 1
        hashed = (hashed + earlier) * _STEP + n
        mixed = (hashed ^ (hashed >> _HIGH_BITS)) * _MIX
        # Use the upper bits: the lower bits of a product depend only on those of its factors.
        rows.append(((mixed >> _HIGH_BITS) & ((1 << _HIGH_BITS) - 1)) % buckets)
    sizes = torch.arange(longest, device=ids.device).view(-1, 1, 1)
    is_there = torch.arange(steps, device=ids.device).view(1, -1, 1) >= sizes
    return torch.stack(rows), is_there

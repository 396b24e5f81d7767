"""Vectors of n-grams: which rows they take, and that nothing behind an item reaches it."""

from __future__ import annotations

import math

import pytest
import torch

from nextchar.nn.ngrams import NgramEmbedding, NgramEvidence, NgramVotes, ngram_rows


def table(longest: int = 3, dropout: float = 0.0, buckets: int = 500) -> NgramEmbedding:
    embedding = NgramEmbedding(longest=longest, buckets=buckets, size=4, dropout=dropout)
    assert not embedding.table.weight.any()
    torch.nn.init.normal_(embedding.table.weight, generator=torch.Generator().manual_seed(1))
    return embedding


def test_an_ngram_has_the_same_row_wherever_it_stands() -> None:
    ids = torch.tensor([[5, 7, 2, 9, 5, 7, 2]]).T
    rows, is_there = ngram_rows(ids, 3, 1 << 30)
    assert torch.equal(rows[2, 2], rows[2, 6])
    assert torch.equal(rows[1, 1], rows[1, 5])
    assert not torch.equal(rows[2, 1], rows[2, 5])
    assert is_there[:, :, 0].tolist()[2] == [False, False, *[True] * 5]


def test_different_ngrams_nearly_always_have_different_rows() -> None:
    draw = torch.Generator().manual_seed(2)
    ids = torch.randint(0, 100, (20_000, 1), generator=draw)
    grams = {tuple(gram) for gram in ids[:, 0].unfold(0, 3, 1).tolist()}
    rows, _ = ngram_rows(ids, 3, 1 << 30)
    assert len(set(rows[2, 2:, 0].tolist())) >= len(grams) - 3


def test_rows_are_spread_evenly_over_few_buckets() -> None:
    ids = torch.arange(60_000).unsqueeze(1)
    rows, _ = ngram_rows(ids, 2, 64)
    counts = torch.bincount(rows[1].flatten(), minlength=64)
    assert counts.min() > 0.85 * counts.float().mean()


def test_a_position_is_the_sum_of_the_vectors_of_the_ngrams_that_end_there() -> None:
    embedding = table().eval()
    ids = torch.tensor([[1, 2, 3, 4]]).T
    rows, _ = ngram_rows(ids, 3, 500)
    expected = embedding.table.weight[rows[:, 3, 0]].sum(0)
    assert torch.allclose(embedding(ids)[3, 0], expected)
    assert torch.allclose(embedding(ids)[0, 0], embedding.table.weight[rows[0, 0, 0]])


def test_what_stands_behind_changes_nothing_before_it() -> None:
    embedding = table().eval()
    ids = torch.tensor([[1, 2, 3], [1, 2, 9]]).T
    first, second = embedding(ids).unbind(1)
    assert torch.equal(first[:2], second[:2])


def test_dropout_keeps_the_mean_and_needs_a_generator() -> None:
    embedding = table(longest=1, dropout=0.5).train()
    ids = torch.zeros(20_000, 1, dtype=torch.long)
    generator = torch.Generator().manual_seed(3)
    mean = embedding(ids, generator).mean((0, 1))
    assert torch.allclose(mean, embedding.eval()(ids[:1])[0, 0], rtol=0.05, atol=0.02)
    with pytest.raises(ValueError, match="needs a generator"):
        embedding.train()(ids)


def evidence() -> NgramEvidence:
    """Evidence of items "1 2 1 2", "1 3" of label 0 and "3 3", "3 1" of label 1."""
    ids = torch.tensor([[1, 2, 1, 2], [1, 3, 0, 0], [3, 3, 0, 0], [3, 1, 0, 0]]).T
    made = NgramEvidence(longest=2, buckets=1 << 20, labels=2)
    labels = torch.tensor([0, 0, 1, 1])
    made.count(made.counts(ids, torch.tensor([4, 2, 2, 2]), labels))
    return made


def row(made: NgramEvidence, *gram: int) -> int:
    rows, _ = ngram_rows(torch.tensor([gram]).T, made.longest, len(made.table))
    return int(rows[len(gram) - 1, -1, 0])


def test_evidence_is_the_log_ratio_of_shares_and_counts_an_ngram_once_a_text() -> None:
    made = evidence()
    # Of two texts each: 1 is in two and one, 2 in one and none; all of the other kind, mirrored.
    counts = {(1,): (2, 1), (2,): (1, 0), (3,): (1, 2), (1, 2): (1, 0), (3, 1): (0, 1)}
    totals = (7 + (1 << 20), 5 + (1 << 20))  # 1 2 12 21 and 1 3 13; 3 33 and 3 1 31
    for gram, (first, second) in counts.items():
        expected = math.log((first + 1) / totals[0] / ((second + 1) / totals[1]))
        assert made.table[row(made, *gram), 0].item() == pytest.approx(expected, abs=1e-5)
    assert torch.allclose(made.table[:, 0], -made.table[:, 1])


def test_what_was_never_seen_has_no_evidence() -> None:
    made = evidence()
    assert not made.table[row(made, 4)].any()
    assert int(made.table.any(1).sum()) == 8


def test_votes_are_of_different_ngrams_whatever_stands_behind_an_item() -> None:
    made, votes = evidence(), NgramVotes(1 << 20, 2)
    lengths = torch.tensor([2, 4])
    ids = torch.tensor([[1, 2, 9, 9], [1, 2, 1, 2]]).T
    assert not votes(made(ids, lengths)).any()
    torch.nn.init.ones_(votes.table.weight)
    found = votes(made(ids, lengths))
    grams = [[(1,), (2,), (1, 2)], [(1,), (2,), (1, 2), (2, 1)]]
    for given, item in zip(grams, found, strict=True):
        rows = torch.tensor([row(made, *gram) for gram in given])
        assert torch.allclose(item, made.table[rows].sum(0) / len(given) ** 0.5)

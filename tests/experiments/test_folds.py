"""Folds: a partition in equal shares, of every class."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.errors import ConfigError
from nextchar.experiments import contiguous_folds, stratified_folds


@given(st.integers(2, 300), st.data())
def test_contiguous_folds_are_equal_pieces_in_order(length: int, data: st.DataObject) -> None:
    folds = data.draw(st.integers(2, length))
    pieces = contiguous_folds(length, folds)
    assert [place for start, end in pieces for place in range(start, end)] == list(range(length))
    sizes = [end - start for start, end in pieces]
    assert len(sizes) == folds
    assert max(sizes) - min(sizes) <= 1


@given(st.lists(st.sampled_from(["a", "b", 3]), min_size=2, max_size=60), st.data())
def test_stratified_folds_share_every_class_out(
    labels: list[str | int], data: st.DataObject
) -> None:
    folds = data.draw(st.integers(2, len(labels)))
    shares = stratified_folds(labels, folds, seed=data.draw(st.integers(0, 99)))
    assert sorted(np.concatenate(shares).tolist()) == list(range(len(labels)))
    counts = [Counter(labels[place] for place in share) for share in shares]
    for label in labels:
        each = [count[label] for count in counts]
        assert max(each) - min(each) <= 1
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_golden_stratified_folds() -> None:
    shares = stratified_folds(list("aaaabbbb"), 2, seed=0)
    assert [share.tolist() for share in shares] == GOLDEN


GOLDEN = [[0, 2, 4, 5], [1, 3, 6, 7]]


def test_another_seed_shares_out_otherwise() -> None:
    drawn = {str(stratified_folds("ab" * 20, 4, seed)) for seed in range(5)}
    assert len(drawn) == 5


@pytest.mark.parametrize("folds", [-1, 0, 1, 5])
def test_folds_that_cannot_be_are_refused(folds: int) -> None:
    words = f"folds must be 2 to the number of items, 4; got {folds}"
    with pytest.raises(ConfigError, match=words):
        contiguous_folds(4, folds)
    with pytest.raises(ConfigError, match=words):
        stratified_folds("abab", folds, seed=0)

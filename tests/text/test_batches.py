"""Batches of items: each item once a pass, similar lengths together, the same for a seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.errors import ConfigError, TextError
from nextchar.text.batches import ItemBatches, by_length


def batches(lengths: list[int], batch_size: int, **options: int) -> ItemBatches:
    values = np.array(lengths, dtype=np.int64)
    return ItemBatches(**{"seed": 0, **options}, lengths=values, batch_size=batch_size)


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=40),
    st.integers(1, 7),
    st.integers(1, 4),
    st.integers(0, 2**63 - 1),
)
def test_a_pass_reads_every_item_once(
    lengths: list[int], batch_size: int, pool: int, seed: int
) -> None:
    made = batches(lengths, batch_size, pool=pool, seed=seed)
    for number in range(2):
        first = number * made.steps_per_epoch
        read = [made.batch(first + step) for step in range(made.steps_per_epoch)]
        assert sorted(np.concatenate(read).tolist()) == list(range(len(lengths)))
        assert max(map(len, read)) <= batch_size
    assert made.epochs(2 * made.steps_per_epoch) == 2


def test_golden_order_of_a_seed() -> None:
    made = batches([5, 1, 4, 2, 3], 2, seed=3)
    again = batches([5, 1, 4, 2, 3], 2, seed=3)
    assert [made.batch(step).tolist() for step in range(6)] == [
        again.batch(step).tolist() for step in (0, 1, 2, 3, 4, 5)
    ]
    assert [again.batch(step).tolist() for step in (5, 0)][1] == made.batch(0).tolist()
    assert {tuple(made.batch(step).tolist()) for step in range(3)} == {(0, 2), (4, 3), (1,)}


def test_passes_differ_and_seeds_differ() -> None:
    lengths = [7] * 64
    one, other = batches(lengths, 8), batches(lengths, 8, seed=1)
    assert one.batch(0).tolist() != one.batch(one.steps_per_epoch).tolist()
    assert one.batch(0).tolist() != other.batch(0).tolist()


def test_sorting_in_pools_leaves_little_padding() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 4096)
    made = ItemBatches(lengths=lengths, batch_size=32, seed=0)
    padded = sum(
        int(lengths[made.batch(step)].max()) * len(made.batch(step))
        for step in range(made.steps_per_epoch)
    )
    assert padded / lengths.sum() < 1.04


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 200))
def test_batches_for_one_reading_hold_all_items_within_the_bound(
    lengths: list[int], most: int
) -> None:
    values = np.array(lengths, dtype=np.int64)
    made = by_length(values, most)
    assert sorted(index for batch in made for index in batch.tolist()) == list(range(len(lengths)))
    assert all(len(b) == 1 or len(b) * int(values[b].max(initial=1)) <= most for b in made)


def test_nothing_to_learn_from_is_an_error() -> None:
    with pytest.raises(TextError, match="there are no items for training"):
        batches([], 4)
    with pytest.raises(ConfigError, match="batch_size and pool must be at least 1, got 0 and 32"):
        batches([1], 0)


def test_padding_is_the_share_of_positions_without_a_symbol() -> None:
    assert batches([5] * 7, 2).padding(0) == 0
    assert batches([4, 2], 2).padding(0) == pytest.approx(2 / 8)
    assert batches([4, 4, 1, 1], 2).padding(0) == 0


def test_larger_pools_have_less_padding() -> None:
    lengths = np.random.default_rng(1).integers(1, 100, 500).tolist()
    shares = [batches(lengths, 2, pool=pool).padding(0) for pool in (64, 4, 1)]
    assert shares == sorted(shares)

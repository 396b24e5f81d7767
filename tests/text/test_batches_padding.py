"""How much of a pass is padding."""

from __future__ import annotations

import numpy as np
import pytest

from nextchar.text.batches import ItemBatches


def padding(lengths: list[int], pool: int = 32) -> float:
    return ItemBatches(lengths=np.array(lengths), batch_size=2, seed=0, pool=pool).padding(0)


def test_equal_lengths_need_no_padding() -> None:
    assert padding([5] * 7) == 0


def test_padding_is_the_share_of_positions_without_a_symbol() -> None:
    assert padding([4, 2]) == pytest.approx(2 / 8)
    assert padding([4, 4, 1, 1]) == 0


def test_larger_pools_have_less_of_it() -> None:
    lengths = np.random.default_rng(1).integers(1, 100, 500).tolist()
    assert padding(lengths, pool=64) < padding(lengths, pool=4) < padding(lengths, pool=1)

"""How well units follow labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.inspection.ranking import SHIFTS, rank_units, ranks


def _units(*columns: list[float]) -> list[np.ndarray]:
    return [np.array(columns, np.float32).T]


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    values = np.array([[3.0, 1.0, 3.0, 2.0, 3.0]]).T
    assert ranks(values)[:, 0].tolist() == [4, 1, 4, 2, 4]


def test_the_area_is_the_share_of_pairs_in_order_and_ignores_the_sign() -> None:
    label = np.array([1.0, 0, 1, 0, np.nan])
    units = _units([4, 1, 2, 3, 9], [-4, -1, -2, -3, 9], [1, 0, 1, 0, 9], [5, 5, 5, 5, 9])
    found = rank_units(units, label, is_graded=False, seed=0)
    assert found.measures.tolist() == [0.75, 0.75, 1.0, 0.5]
    assert found.signs.tolist() == [1, -1, 1, 1]


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=30))
def test_the_area_counts_pairs(pairs: list[tuple[bool, int]]) -> None:
    true = [value for label, value in pairs if label]
    false = [value for label, value in pairs if not label]
    if not true or not false:
        return
    wins = [(a > b) + (a == b) / 2 for a in true for b in false]
    area = sum(wins) / len(wins)
    label = np.array([float(each) for each, _ in pairs])
    units = _units([float(value) for _, value in pairs])
    found = rank_units(units, label, is_graded=False, seed=0).measures[0]
    assert found == pytest.approx(max(area, 1 - area))


def test_the_rank_correlation_is_that_of_spearman() -> None:
    # Golden numbers: 1 − 6 Σ d² / (n (n² − 1)) with d = (0, 2, −1, −1) and the like.
    label = np.array([1.0, 2, 3, 4])
    found = rank_units(_units([1, 4, 2, 3], [9, 8, 7, -7]), label, is_graded=True, seed=0)
    assert found.measures == pytest.approx([0.4, 1.0])
    assert found.signs.tolist() == [1, -1]


def test_units_in_blocks_have_the_measures_of_units_together() -> None:
    draw = np.random.default_rng(3)
    units = draw.standard_normal((500, 300)).astype(np.float32)
    label = (draw.random(500) < 0.3).astype(np.float64)
    whole = rank_units([units], label, is_graded=False, seed=5)
    parts = rank_units([units[:, :7], units[:, 7:]], label, is_graded=False, seed=5)
    assert np.allclose(whole.measures, parts.measures)
    assert np.allclose(whole.controls, parts.controls)


def test_the_control_of_noise_is_as_good_as_its_best_unit_and_follows_from_the_seed() -> None:
    draw = np.random.default_rng(4)
    units = draw.standard_normal((2000, 50)).astype(np.float32)
    label = np.repeat(draw.random(200) < 0.5, 10).astype(np.float64)
    found = rank_units([units], label, is_graded=False, seed=1)
    assert found.controls.shape == (SHIFTS,)
    assert found.controls.min() - 0.02 < found.measures.max() < found.controls.max() + 0.02
    again = rank_units([units], label, is_graded=False, seed=1)
    assert (again.controls == found.controls).all()
    other = rank_units([units], label, is_graded=False, seed=2)
    assert (other.controls != found.controls).any()

"""How well units follow labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.inspection.predicates import Labels
from nextchar.inspection.ranking import SHIFTS, Ranking, rank_units, ranks


def _units(*columns: list[float]) -> list[np.ndarray]:
    return [np.array(columns, np.float32).T]


def _ranked(blocks: list[np.ndarray], values: np.ndarray, *, is_graded: bool, seed: int) -> Ranking:
    labels = Labels(name="label", values=values, is_graded=is_graded)
    return rank_units(blocks, [labels], seed=seed)[0]


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    values = np.array([[3.0, 1.0, 3.0, 2.0, 3.0]]).T
    assert ranks(values)[:, 0].tolist() == [4, 1, 4, 2, 4]


def test_the_area_is_the_share_of_pairs_in_order_and_ignores_the_sign() -> None:
    label = np.array([1.0, 0, 1, 0, np.nan])
    units = _units([4, 1, 2, 3, 9], [-4, -1, -2, -3, 9], [1, 0, 1, 0, 9], [5, 5, 5, 5, 9])
    found = _ranked(units, label, is_graded=False, seed=0)
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
    found = _ranked(units, label, is_graded=False, seed=0).measures[0]
    assert found == pytest.approx(max(area, 1 - area))


def test_the_rank_correlation_is_that_of_spearman() -> None:
    # Golden numbers: 1 − 6 Σ d² / (n (n² − 1)) with d = (0, 2, −1, −1) and the like.
    label = np.array([1.0, 2, 3, 4])
    found = _ranked(_units([1, 4, 2, 3], [9, 8, 7, -7]), label, is_graded=True, seed=0)
    assert found.measures == pytest.approx([0.4, 1.0])
    assert found.signs.tolist() == [1, -1]


def test_units_in_blocks_have_the_measures_of_units_together() -> None:
    draw = np.random.default_rng(3)
    units = draw.standard_normal((500, 300)).astype(np.float32)
    label = (draw.random(500) < 0.3).astype(np.float64)
    whole = _ranked([units], label, is_graded=False, seed=5)
    parts = _ranked([units[:, :7], units[:, 7:]], label, is_graded=False, seed=5)
    assert np.allclose(whole.measures, parts.measures)
    assert np.allclose(whole.controls, parts.controls)


def test_the_control_of_noise_is_as_good_as_its_best_unit_and_follows_from_the_seed() -> None:
    draw = np.random.default_rng(4)
    units = draw.standard_normal((2000, 50)).astype(np.float32)
    label = np.repeat(draw.random(200) < 0.5, 10).astype(np.float64)
    found = _ranked([units], label, is_graded=False, seed=1)
    assert found.controls.shape == (SHIFTS,)
    assert found.controls.min() - 0.02 < found.measures.max() < found.controls.max() + 0.02
    again = _ranked([units], label, is_graded=False, seed=1)
    assert (again.controls == found.controls).all()
    other = _ranked([units], label, is_graded=False, seed=2)
    assert (other.controls != found.controls).any()


def test_labels_together_have_the_rankings_of_each_alone() -> None:
    draw = np.random.default_rng(6)
    units = [draw.integers(0, 9, (400, 20)).astype(np.float32)]
    true = (draw.random(400) < 0.5).astype(np.float64)
    partial = np.where(draw.random(400) < 0.3, np.nan, draw.random(400))
    labels = [
        Labels(name="a", values=true, is_graded=False),
        Labels(name="b", values=partial, is_graded=True),
        Labels(name="c", values=np.arange(400.0), is_graded=True),
    ]
    for each, together in zip(labels, rank_units(units, labels, seed=1), strict=True):
        alone = rank_units(units, [each], seed=1)[0]
        assert np.allclose(together.measures, alone.measures)
        assert np.allclose(together.controls, alone.controls)
        known = each.applies
        compact = Labels(name="", values=each.values[known], is_graded=each.is_graded)
        subset = rank_units([units[0][known]], [compact], seed=1)[0]
        assert np.allclose(together.measures, subset.measures)

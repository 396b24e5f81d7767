"""Edit distances and the rates made of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.tasks.transduction.edit_distance import count_errors, edit_distance
from nextchar.text.sequences import Sequences

TEXTS = st.lists(st.integers(0, 3), max_size=7)


@pytest.mark.parametrize(
    ("left", "right", "distance"),
    [
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("abc", "", 3),
        ("abc", "abc", 0),
        ("flaw", "lawn", 2),
        ("abcd", "badc", 3),
    ],
)
def test_known_distances(left: str, right: str, distance: int) -> None:
    assert edit_distance([*map(ord, left)], [*map(ord, right)]) == distance


@given(a=TEXTS, b=TEXTS, c=TEXTS)
def test_it_is_a_metric(a: list[int], b: list[int], c: list[int]) -> None:
    assert edit_distance(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


def test_rates_are_over_the_references() -> None:
    errors = count_errors([[1, 2, 3], [4], []], Sequences.of([[1, 2, 3], [4, 5, 6], [7]]))
    assert errors.distances.tolist() == [0, 2, 1]
    assert errors.symbol_error_rate == pytest.approx(3 / 7)
    assert errors.sequence_error_rate == pytest.approx(2 / 3)

"""Labels beside points: none overlaps another or a mark, and those without room are left out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nextchar.rendering.label_places import place_labels

_ROOM = np.array([[0.0, 0.0], [300.0, 200.0]])


@given(st.integers(1, 80), st.integers(0, 1000))
def test_no_label_covers_another_label_a_mark_or_the_frame(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(10, 190, (n, 2))
    sizes, radii = rng.uniform(5, 40, (n, 2)), rng.uniform(1, 5, n)
    centres = place_labels(points, sizes, radii, _ROOM)
    placed = np.flatnonzero(~np.isnan(centres[:, 0]))
    low, high = centres[placed] - sizes[placed] / 2, centres[placed] + sizes[placed] / 2
    assert (low >= _ROOM[0]).all()
    assert (high <= _ROOM[1]).all()
    hits = ((low[:, None] < high) & (high[:, None] > low)).all(axis=2)
    assert hits.sum() == len(placed)  # each only itself
    marks = points - radii[:, None], points + radii[:, None]
    assert not ((low[:, None] < marks[1]) & (high[:, None] > marks[0])).all(axis=2).any()


def test_a_label_alone_is_right_of_its_point() -> None:
    point, size = np.array([[50.0, 50.0]]), np.array([[10.0, 8.0]])
    assert place_labels(point, size, np.array([3.0]), _ROOM).tolist() == [[59.5, 50.0]]


def test_the_first_labels_have_the_nearest_places_and_the_last_have_none() -> None:
    points = np.full((60, 2), 100.0)
    centres = place_labels(points, np.full((60, 2), 20.0), np.full(60, 3.0), _ROOM)
    far = np.hypot(*(centres - points).T)
    assert far[0] == np.nanmin(far)
    assert np.isnan(far[-1])
    assert np.isfinite(far).sum() > 8

"""The figures of a classifier: known numbers, and what must hold for all."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.tasks.labelled.figures import figures_of

LABELS = ("a", "b", "c")


def test_known_predictions_have_the_figures_of_the_textbook() -> None:
    said = [0, 0, 1, 1, 1, 0]
    has = np.array([0, 0, 0, 1, 1, 1])
    probabilities = np.full((6, 3), 0.05)
    probabilities[range(6), said] = 0.9
    figures = figures_of(np.log(probabilities), has, LABELS)
    assert figures.confusion.tolist() == [[2, 1, 0], [1, 2, 0], [0, 0, 0]]
    assert figures.accuracy == pytest.approx(4 / 6)
    first = figures.by_label[0]
    assert (first.precision, first.recall, first.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    # Nobody has or is given c, which therefore says nothing.
    assert figures.macro_f1 == pytest.approx(2 / 3)
    assert figures.nats == pytest.approx(-(4 * math.log(0.9) + 2 * math.log(0.05)) / 6)
    assert figures.calibration_error == pytest.approx(0.9 - 4 / 6)


def test_the_reliability_table_has_the_items_of_each_confidence() -> None:
    confident = np.array([[0.95, 0.05], [0.85, 0.15], [0.15, 0.85], [0.5, 0.5]])
    figures = figures_of(np.log(confident), np.array([0, 1, 1, 0]), ("a", "b"))
    filled = [(b.low, b.items, b.accuracy) for b in figures.bins if b.items]
    assert filled == [(0.4, 1, 1.0), (0.8, 2, 0.5), (0.9, 1, 1.0)]
    expected = (abs(0.5 - 1) + 2 * abs(0.85 - 0.5) + abs(0.95 - 1)) / 4
    assert figures.calibration_error == pytest.approx(expected)


@given(st.lists(st.tuples(st.lists(st.floats(-30, 30), min_size=3, max_size=3), st.integers(0, 2)),
                min_size=1, max_size=40))  # fmt: skip
def test_figures_stay_in_their_ranges_and_agree_with_scikit_learn(
    rows: list[tuple[list[float], int]],
) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    logits, has = np.array([row for row, _ in rows]), np.array([label for _, label in rows])
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    figures = figures_of(logs, has, LABELS)
    said = logs.argmax(1)
    assert figures.items == len(rows) == sum(b.items for b in figures.bins)
    assert figures.accuracy == pytest.approx(metrics.accuracy_score(has, said))
    macro = metrics.f1_score(has, said, average="macro", zero_division=0)
    assert figures.macro_f1 == pytest.approx(macro)
    assert 0 <= figures.calibration_error <= 1
    assert figures.nats >= -1e-12


@given(st.lists(st.tuples(st.floats(0.05, 0.95), st.integers(0, 1), st.integers(1, 4)),
                min_size=1, max_size=20))  # fmt: skip
def test_a_weight_counts_as_so_many_items(rows: list[tuple[float, int, int]]) -> None:
    logs = np.log([[p, 1 - p] for p, _, _ in rows])
    has, weights = np.array([label for _, label, _ in rows]), np.array([w for _, _, w in rows])
    weighted = figures_of(logs, has, ("a", "b"), weights / 8)
    repeated = figures_of(logs.repeat(weights, 0), has.repeat(weights), ("a", "b"))
    for name in ("nats", "accuracy", "macro_f1", "calibration_error"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name))
    assert weighted.items * 8 == repeated.items
    assert [b.items * 8 for b in weighted.bins] == [b.items for b in repeated.bins]

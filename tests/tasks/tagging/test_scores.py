"""Precision, recall and F1 of what is put back."""

from __future__ import annotations

import numpy as np
import pytest

from nextchar.tasks.tagging.scores import ConfusionCounts, MatchCounts, Scores


def scored(parts: list[list[str]], *items: tuple[list[int], list[int]]) -> Scores:
    counts = ConfusionCounts(parts)
    for actual, predicted in items:
        counts.add(np.array(actual), np.array(predicted))
    return counts.scores()


def test_the_scores_of_known_counts() -> None:
    scores = scored([[], ["␣"]], ([0, 1, 1, 0, 1], [0, 1, 0, 1, 1]), ([0, 0], [0, 0]))
    assert scores.overall == MatchCounts(true_positives=2, predicted=3, actual=3)
    assert scores.figures() == pytest.approx(
        {"f1": 2 / 3, "precision": 2 / 3, "recall": 2 / 3, "accuracy": 5 / 7, "whole_items": 0.5}
    )


def test_each_part_of_a_label_counts_by_itself() -> None:
    parts = [[], ["upper"], [","], ["upper", ","]]
    scores = scored(parts, ([3, 1, 0], [1, 3, 2]))
    assert scores.parts["upper"] == MatchCounts(true_positives=2, predicted=2, actual=2)
    assert scores.parts[","] == MatchCounts(true_positives=0, predicted=2, actual=1)
    assert list(scores.parts) == ["upper", ","]
    assert scores.overall == MatchCounts(true_positives=2, predicted=4, actual=3)
    assert scores.places_correct == 0


def test_a_label_that_is_never_predicted_is_missed() -> None:
    scores = scored([["A"], ["B"]], ([0, 1], [0, 0]))
    assert scores.parts["B"] == MatchCounts(true_positives=0, predicted=0, actual=1)
    assert scores.parts["A"].precision == 0.5
    assert scores.parts["B"].f1 == 0


def test_nothing_actual_and_nothing_predicted_is_zero() -> None:
    scores = scored([[], ["x"]], ([0, 0], [0, 0]))
    assert (scores.overall.f1, scores.overall.precision, scores.overall.recall) == (0, 0, 0)
    assert scores.accuracy == 1
    assert scores.parts == {}

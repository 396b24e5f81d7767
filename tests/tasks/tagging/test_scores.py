"""Precision, recall and F1 of what is put back."""

from __future__ import annotations

import numpy as np
import pytest

from nextchar.tasks.tagging.scores import ConfusionCounts, MatchCounts, Scores


def scored(parts: list[list[str]], *items: tuple[list[int], list[int]]) -> Scores:
    tally = ConfusionCounts(parts)
    for right, given in items:
        tally.add(np.array(right), np.array(given))
    return tally.scores()


def test_the_scores_of_known_counts() -> None:
    scores = scored([[], ["␣"]], ([0, 1, 1, 0, 1], [0, 1, 0, 1, 1]), ([0, 0], [0, 0]))
    assert scores.overall == MatchCounts(right=2, given=3, wanted=3)
    assert scores.figures() == pytest.approx(
        {"f1": 2 / 3, "precision": 2 / 3, "recall": 2 / 3, "accuracy": 5 / 7, "whole_items": 0.5}
    )


def test_each_part_of_a_label_counts_by_itself() -> None:
    parts = [[], ["upper"], [","], ["upper", ","]]
    scores = scored(parts, ([3, 1, 0], [1, 3, 2]))
    assert scores.parts["upper"] == MatchCounts(right=2, given=2, wanted=2)
    assert scores.parts[","] == MatchCounts(right=0, given=2, wanted=1)
    assert list(scores.parts) == ["upper", ","]
    assert scores.overall == MatchCounts(right=2, given=4, wanted=3)
    assert scores.places_right == 0


def test_a_label_that_is_never_given_is_missed() -> None:
    scores = scored([["A"], ["B"]], ([0, 1], [0, 0]))
    assert scores.parts["B"] == MatchCounts(right=0, given=0, wanted=1)
    assert scores.parts["A"].precision == 0.5
    assert scores.parts["B"].f1 == 0


def test_nothing_wanted_and_nothing_given_is_zero() -> None:
    scores = scored([[], ["x"]], ([0, 0], [0, 0]))
    assert (scores.overall.f1, scores.overall.precision, scores.overall.recall) == (0, 0, 0)
    assert scores.accuracy == 1
    assert scores.parts == {}

"""The best labels under a grammar, against trying all of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.tasks.tagging.viterbi import FORBIDDEN, Grammar, free, viterbi


def cost(path: tuple[int, ...], scores: np.ndarray, grammar: Grammar, before: int | None,
         ends: bool) -> float:  # fmt: skip
    total = sum(scores[position, label] for position, label in enumerate(path))
    begin = grammar.first if before is None else grammar.follows[before]
    breaks = [not begin[path[0]], ends and not grammar.last[path[-1]]]
    breaks += [not grammar.follows[pair] for pair in itertools.pairwise(path)]
    return float(total + FORBIDDEN * sum(breaks))


@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 4), st.booleans(), st.booleans())
def test_it_finds_the_best_of_all_paths(
    seed: int, places: int, labels: int, goes_on: bool, ends: bool
) -> None:
    draw = np.random.default_rng(seed)
    scores = np.log(draw.dirichlet(np.ones(labels), places))
    scores[draw.random(scores.shape) < 0.2] += FORBIDDEN
    grammar = Grammar(
        draw.random(labels) < 0.6, draw.random((labels, labels)) < 0.6, draw.random(labels) < 0.6
    )
    before = int(draw.integers(labels)) if goes_on else None
    found = tuple(viterbi(scores, grammar, before=before, ends=ends).tolist())
    best = max(
        cost(path, scores, grammar, before, ends)
        for path in itertools.product(range(labels), repeat=places)
    )
    assert cost(found, scores, grammar, before, ends) == pytest.approx(best, abs=1e-6)


def test_without_rules_each_place_has_its_most_probable_label() -> None:
    scores = np.log([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    assert viterbi(scores, free(2)).tolist() == [0, 1, 0]


def test_a_rule_changes_the_labels_around() -> None:
    forbidden = Grammar(np.array([True, False]), np.array([[True, True], [True, True]]),
                        np.array([True, True]))  # fmt: skip
    assert viterbi(np.log([[0.1, 0.9], [0.3, 0.7]]), forbidden).tolist() == [0, 1]


def test_no_place_has_no_labels() -> None:
    assert viterbi(np.empty((0, 3)), free(3)).tolist() == []

"""Fitting of the mixture on held-out text."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nextchar.experts.experts import Experts
from nextchar.experts.fitting import Slice
from nextchar.experts.mixing import MEMBERS, mix
from nextchar.text.vocabulary import learn
from tests.conftest import english

TEXT = english(14_000)
VOCABULARY = learn("char", [TEXT], 1)
IDS = VOCABULARY.encode(TEXT)
V = len(VOCABULARY)
COUNTED, LENGTH, BEFORE = 4_000, 500, 64
STARTS = range(COUNTED, len(IDS), LENGTH)


@pytest.fixture(scope="module")
def experts() -> Experts:
    return Experts.count(IDS[:COUNTED], VOCABULARY, 5, most_bytes=1 << 40)


def slices_of(*, skill: float, seed: int = 0) -> list[Slice]:
    """Return held-out text with a network that knows the next symbol to some extent."""
    draw = np.random.default_rng(seed)
    found = []
    for start in STARTS:
        logits = draw.normal(0, 1.5, (LENGTH, V)).astype(np.float32)
        logits[np.arange(LENGTH), IDS[start : start + LENGTH]] += np.float32(skill)
        found.append(Slice(IDS[start - BEFORE : start + LENGTH], logits))
    return found


def nats_of(experts: Experts, slices: list[Slice]) -> float:
    return sum(
        float(
            experts.reader()
            .nats(each.ids, np.arange(len(each.ids) - LENGTH, len(each.ids)), each.logits)
            .sum()
        )
        for each in slices
    )


def weight_used(experts: Experts, slices: list[Slice]) -> NDArray[np.float64]:
    """Return the mean weights over some predictions."""
    mixture, total, count = experts.reader().mixture, np.zeros(MEMBERS), 0
    for each in slices[:4]:
        text = each.ids.astype(np.int64)
        for place, end in enumerate(range(len(text) - LENGTH, len(text))):
            mix(mixture, text, end, each.logits[place])
            for weights, case in zip(experts.weights, mixture.cases, strict=True):
                total += weights[case]
            count += 1
    return total / count


@pytest.mark.parametrize("skill", [0.0, 4.0])
def test_fitted_weights_predict_better(experts: Experts, skill: float) -> None:
    slices, others = slices_of(skill=skill), slices_of(skill=skill, seed=1)
    before = nats_of(experts, slices)
    fitted = experts.fitted(slices)
    assert nats_of(fitted, slices) < 0.98 * before
    assert nats_of(fitted, others) < 0.98 * nats_of(experts, others)


def test_a_useless_network_is_ignored_more_than_a_good_one(experts: Experts) -> None:
    useless, good = slices_of(skill=0.0), slices_of(skill=4.0)
    ignoring = weight_used(experts.fitted(useless), useless)
    trusting = weight_used(experts.fitted(good), good)
    assert ignoring[0] < 0.4
    assert trusting[0] > 0.8
    assert trusting[1:].sum() < ignoring[1:].sum()


def test_fitting_leaves_the_experts_as_they_are_and_repeats_exactly(experts: Experts) -> None:
    slices = slices_of(skill=1.0)
    before = [each.copy() for each in experts.weights]
    one, other = experts.fitted(slices), experts.fitted(slices)
    for old, now, left, right in zip(
        before, experts.weights, one.weights, other.weights, strict=True
    ):
        assert np.array_equal(old, now)
        assert np.array_equal(left, right)
        assert not np.array_equal(left, old)
    assert one.tables is experts.tables

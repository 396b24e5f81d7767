"""The mixture of a network with counts: its probabilities, and what it learns while it reads."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextchar.experts import REACH
from nextchar.experts.contexts import words_of
from nextchar.experts.experts import Experts
from nextchar.experts.mixing import Mixture, Weights, learn_weights, mix, usual_weights
from nextchar.text.vocabulary import CharVocabulary, Ids, Vocabulary, learn
from tests.conftest import english, korean
from tests.experts import naive

M = 4
TEXTS = {
    "english": english(1500),
    "korean": korean(1200),
    "two symbols": "abbab" * 100,
    "digits": "".join(str(n) for n in range(400)),
}


def vocabulary_of(name: str) -> Vocabulary:
    return learn("char", [TEXTS[name]], 1)


def experts_of(name: str, *, weights: Weights | None = None) -> Experts:
    vocabulary = vocabulary_of(name)
    text = vocabulary.encode(TEXTS[name][: len(TEXTS[name]) * 2 // 3])
    counted = Experts.count(text, vocabulary, M, most_bytes=1 << 40)
    return counted if weights is None else dataclasses.replace(counted, weights=weights)


def same_weights(*values: float) -> Weights:
    """Return weights that do not depend on the case."""
    weights = usual_weights(M)
    weights.symbols[:] = values
    return weights


def random_weights(seed: int = 0) -> Weights:
    draw = np.random.default_rng(seed)
    return Weights(*(draw.uniform(0.05, 0.4, each.shape) for each in usual_weights(M)))


def logits_for(n: int, V: int, *, scale: float = 2.0, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, scale, (n, V)).astype(np.float32)


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    exact = logits.astype(np.float64)
    exact = exact - exact.max(axis=-1, keepdims=True)
    found: NDArray[np.float64] = exact - np.log(np.exp(exact).sum(axis=-1, keepdims=True))
    return found


def text_and_logits(
    name: str, *, N: int = 200, scale: float = 2.0
) -> tuple[Ids, NDArray[np.int64], NDArray[np.float32]]:
    """Return the end of a text, the positions of all its predictions, and logits for them."""
    vocabulary = vocabulary_of(name)
    ids = vocabulary.encode(TEXTS[name][-N:])
    return ids, np.arange(1, len(ids)), logits_for(len(ids) - 1, len(vocabulary), scale=scale)


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("name", TEXTS)
def test_the_probabilities_sum_to_one(name: str, adaptive: bool) -> None:
    ids, ends, logits = text_and_logits(name)
    experts = experts_of(name, weights=random_weights())
    found = experts.reader("adaptive" if adaptive else "fixed").predictions(ids, ends, logits)
    sums = np.exp(found.astype(np.float64)).sum(axis=1)
    np.testing.assert_allclose(sums, 1, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", TEXTS)
def test_probabilities_of_extreme_networks_sum_to_one(name: str) -> None:
    ids, ends, _ = text_and_logits(name)
    experts = experts_of(name, weights=random_weights())
    V = len(experts.vocabulary)
    logits = np.random.default_rng(1).choice([-50, 50, 0], (len(ends), V)).astype(np.float32)
    found = experts.reader().predictions(ids, ends, logits)
    sums = np.exp(found.astype(np.float64)).sum(axis=1)
    np.testing.assert_allclose(sums, 1, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", TEXTS)
def test_the_mixture_is_its_formula(name: str) -> None:
    weights = random_weights()
    ids, ends, logits = text_and_logits(name, scale=3.0)
    experts = experts_of(name, weights=weights)
    counted = experts.vocabulary.encode(TEXTS[name][: len(TEXTS[name]) * 2 // 3])
    words, V = words_of(experts.vocabulary), len(experts.vocabulary)
    counts = naive.counts_of(counted.tolist(), words, M)
    discounts = [naive.discounts_of(each) for each in counts]

    found = experts.reader().predictions(ids, ends, logits)

    for n, end in enumerate(ends):
        contexts = naive.contexts_at(ids.tolist(), int(end), words, M)
        p, case = naive.estimate(counts, discounts, contexts, range(M + 1), V)
        q, other_case = naive.estimate(counts, discounts, contexts, range(M + 1, M + 6), V)
        network = log_softmax(logits[n])
        entropy = -float((np.exp(network) * network).sum())
        each = (
            weights.symbols[case]
            + weights.words[other_case]
            + weights.entropy[min(31, int(3 * entropy))]
        )
        expected = naive.mixed(logits[n], p, q, each.tolist())
        np.testing.assert_allclose(found[n], expected, rtol=0, atol=2e-5)


def test_the_weight_of_the_network_alone_gives_the_network() -> None:
    ids, ends, logits = text_and_logits("english")
    experts = experts_of("english", weights=same_weights(1, 0, 0))
    found = experts.reader().predictions(ids, ends, logits)
    np.testing.assert_allclose(found, log_softmax(logits), rtol=0, atol=1e-5)


def test_weights_of_nothing_give_equal_probabilities() -> None:
    ids, ends, logits = text_and_logits("english")
    experts = experts_of("english", weights=same_weights(0, 0, 0))
    found = experts.reader().predictions(ids, ends, logits)
    np.testing.assert_allclose(found, -math.log(len(experts.vocabulary)), rtol=1e-6)


@pytest.mark.parametrize("adaptive", [False, True])
def test_nats_are_those_of_the_predictions(adaptive: bool) -> None:
    ids, ends, logits = text_and_logits("korean")
    experts = experts_of("korean")
    nats = experts.reader("adaptive" if adaptive else "fixed").nats(ids, ends, logits)
    predictions = experts.reader("adaptive" if adaptive else "fixed").predictions(ids, ends, logits)
    assert np.array_equal(nats, -predictions[np.arange(len(ends)), ids[ends]].astype(np.float64))


def mixture_after(end: int, weights: Weights) -> tuple[Mixture, Ids, NDArray[np.float32]]:
    experts = experts_of("english", weights=weights)
    ids, _, logits = text_and_logits("english")
    mixture = experts.reader().mixture
    mix(mixture, ids.astype(np.int64), end, logits[end - 1])
    return mixture, ids, logits[end - 1]


@pytest.mark.parametrize("end", [1, 30, 77, 140])
def test_a_step_of_the_weights_is_the_gradient(end: int) -> None:
    before, rate, small = random_weights(), 1e-3, 1e-5
    mixture, ids, logits = mixture_after(end, before)
    symbol = int(ids[end])
    cases = mixture.cases.tolist()
    parts = [np.exp(mixture.logarithms[place].astype(np.float64)) for place in (1, 2)]

    def log_p(values: NDArray[np.float64]) -> float:
        return float(naive.mixed(logits, parts[0], parts[1], values.tolist())[symbol])

    learn_weights(mixture, np.int64(symbol), rate)

    values = np.sum([old[case] for old, case in zip(before, cases, strict=True)], axis=0)
    gradient = [
        (log_p(values + small * unit) - log_p(values - small * unit)) / (2 * small)
        for unit in np.eye(3)
    ]
    for old, new, case in zip(before, mixture.weights, cases, strict=True):
        np.testing.assert_allclose((new - old)[case] / rate, gradient, rtol=1e-3, atol=1e-4)
        assert np.array_equal(np.delete(new, case, axis=0), np.delete(old, case, axis=0))


EXPERTS = experts_of("english")
V_ENGLISH = len(EXPERTS.vocabulary)


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, V_ENGLISH - 1), min_size=3, max_size=90),
    st.integers(0, 1000),
    st.integers(0, 1000),
    st.booleans(),
)
def test_no_symbol_changes_the_predictions_before_it(
    symbols: list[int], place: int, step: int, adaptive: bool
) -> None:
    ids: Ids = np.array(symbols, np.uint8)
    ends = np.arange(1, len(ids))
    logits = logits_for(len(ends), V_ENGLISH)
    changed, place = ids.copy(), place % len(ids)
    changed[place] = (ids[place] + 1 + step % (V_ENGLISH - 1)) % V_ENGLISH
    one, other = (
        EXPERTS.reader("adaptive" if adaptive else "fixed").predictions(each, ends, logits)
        for each in (ids, changed)
    )
    assert np.array_equal(one[:place], other[:place])  # place − 1 predicts the changed symbol


@settings(max_examples=25)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.booleans())
def test_pieces_of_any_size_are_read_like_the_whole(sizes: list[int], adaptive: bool) -> None:
    ids, ends, logits = text_and_logits("english", N=400)
    whole = EXPERTS.reader("adaptive" if adaptive else "fixed").nats(ids, ends, logits)
    reader, start = EXPERTS.reader("adaptive" if adaptive else "fixed"), 0
    found: list[NDArray[np.float64]] = []
    while start < len(ends):
        size = sizes[len(found) % len(sizes)]
        first = max(0, start + 1 - REACH)  # a prediction reads no more before it
        part = slice(start, start + size)
        text = ids[first : start + size + 1]
        found.append(reader.nats(text, ends[part] - first, logits[part]))
        start += size
    assert np.array_equal(np.concatenate(found), whole)


def test_texts_longer_than_a_piece_are_read_as_a_whole() -> None:
    ids = np.resize(EXPERTS.vocabulary.encode(TEXTS["english"]), 9_000)
    ends, logits = np.arange(1, len(ids)), logits_for(len(ids) - 1, V_ENGLISH)
    whole = EXPERTS.reader("adaptive").nats(ids, ends, logits)
    reader = EXPERTS.reader("adaptive")
    pieces = [
        reader.nats(ids, ends[i : i + 1000], logits[i : i + 1000]) for i in range(0, 9_000, 1000)
    ]
    assert np.array_equal(np.concatenate(pieces), whole)


def test_a_reader_leaves_the_experts_as_they_are() -> None:
    experts = experts_of("english", weights=random_weights())
    used = [experts.tables._asdict(), experts.weights._asdict()]
    before = [{name: array.copy() for name, array in each.items()} for each in used]
    ids, ends, logits = text_and_logits("english")
    first = experts.reader("adaptive").nats(ids, ends, logits)
    experts.reader("adaptive").predictions(ids, ends, logits)
    for old, now in zip(before, used, strict=True):
        for name, array in now.items():
            assert np.array_equal(array, old[name]), name
    assert np.array_equal(experts.reader("adaptive").nats(ids, ends, logits), first)


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_symbol_changes_the_prediction_after_it(adaptive: bool) -> None:
    ids, ends, logits = text_and_logits("english")
    changed = ids.copy()
    changed[100] = ids[101] if ids[101] != ids[100] else ids[102]
    one, other = (
        EXPERTS.reader("adaptive" if adaptive else "fixed").predictions(each, ends, logits)
        for each in (ids, changed)
    )
    assert np.array_equal(one[:100], other[:100])
    assert not np.array_equal(one[100], other[100])


def test_a_fixed_reader_learns_nothing() -> None:
    ids, ends, logits = text_and_logits("english")
    reader = EXPERTS.reader()
    assert np.array_equal(reader.nats(ids, ends, logits), reader.nats(ids, ends, logits))


def test_repeated_text_gets_cheaper_where_counts_are_added() -> None:
    draw = np.random.default_rng(3)
    ids = np.tile(draw.integers(0, V_ENGLISH, 50).astype(np.uint8), 6)
    ends, logits = np.arange(1, len(ids)), np.zeros((len(ids) - 1, V_ENGLISH), np.float32)
    adaptive, fixed = (
        EXPERTS.reader("adaptive" if use else "fixed")
        .nats(ids, ends, logits)[49:]
        .reshape(5, 50)
        .sum(axis=1)
        for use in (True, False)
    )
    assert adaptive[0] < 0.6 * fixed[0]
    assert adaptive[1:].max() < 0.5 * adaptive[0]
    np.testing.assert_allclose(fixed, fixed[0])


@pytest.mark.parametrize("size", [1, 10, 100])
def test_small_pieces_of_a_large_vocabulary_are_read_like_the_whole(size: int) -> None:
    V, N = 3_000, 300
    draw = np.random.default_rng(0)
    ids = (draw.zipf(1.2, 40_000) % V).astype(np.uint16)
    vocabulary = CharVocabulary([chr(0x4E00 + number) for number in range(V)])
    counted = Experts.count(ids[:-N], vocabulary, 3, most_bytes=1 << 40)
    ends, logits = np.arange(1, N), np.zeros((N - 1, V), np.float32)
    whole = counted.reader("adaptive").nats(ids[-N:], ends, logits)
    reader = counted.reader("adaptive")
    pieces = [
        reader.nats(ids[-N:], ends[i : i + size], logits[i : i + size])
        for i in range(0, N - 1, size)
    ]
    assert np.array_equal(np.concatenate(pieces), whole)


@pytest.mark.parametrize("value", [math.nan, math.inf, 3e38, -3e38])
def test_what_is_no_number_stays_visible_and_reads_no_other_weights(value: float) -> None:
    ids, ends, logits = text_and_logits("english")
    logits[:, 3] = value
    reader = EXPERTS.reader()
    nats = reader.nats(ids, ends, logits)
    assert 0 <= reader.mixture.cases[2] < len(reader.mixture.weights.entropy)
    assert np.isfinite(nats).all() == math.isfinite(value)


@pytest.mark.parametrize("value", [-np.inf, np.inf, np.nan, 3e38, -3e38])
@pytest.mark.parametrize("adaptive", [False, True])
def test_logits_that_are_no_numbers_read_no_other_memory(value: float, adaptive: bool) -> None:
    experts = experts_of("english")
    ids, V = vocabulary_of("english").encode(TEXTS["english"][:300]), len(experts.vocabulary)
    logits = np.zeros((299, V), np.float32)
    logits[:, 3], logits[:, 4] = value, 3e38
    reader = experts.reader("adaptive" if adaptive else "fixed")
    reader.nats(ids, np.arange(1, 300), logits)
    assert 0 <= reader.mixture.cases[2] < len(experts.weights.entropy)

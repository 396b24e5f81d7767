"""The bigram model: its table, its measure, its text, and the network that learns it."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nextchar.errors import ConfigError, TextError
from nextchar.language_model import bigram
from nextchar.language_model.bigram import BigramModel, BigramNetwork, count_pairs
from nextchar.text.vocabulary import ByteVocabulary, CharVocabulary, Unknown, learn
from tests.conftest import english, korean


def model_of(text: str, kind: Any = "char", min_count: int = 1, **options: Any) -> BigramModel:
    vocabulary = learn(kind, [text], min_count)
    unknown: Unknown = "error" if vocabulary.unknown_id is None else "replace"
    return BigramModel.of(vocabulary, vocabulary.encode(text, unknown=unknown), **options)


def test_the_table_of_a_small_text_is_this() -> None:
    model = model_of("aababc", smoothing=1)  # aa ab ba ab bc
    assert model.counts.tolist() == [[1, 2, 0], [1, 0, 1], [0, 0, 0]]
    expected = [[2 / 6, 3 / 6, 1 / 6], [2 / 5, 1 / 5, 2 / 5], [1 / 3, 1 / 3, 1 / 3]]
    assert np.allclose(model.probabilities, expected)
    assert np.allclose(model.unigram, [3 / 8, 3 / 8, 2 / 8])
    assert model.successors(0, 2) == [(1, 0.5), (0, pytest.approx(1 / 3))]
    # a: 1/3 and 2/3, three times; b: 1/2 and 1/2, twice.
    nats = -(math.log(1 / 3) + 2 * math.log(2 / 3) + 2 * math.log(1 / 2)) / 5
    assert model.training_nats == pytest.approx(nats)


def test_a_text_is_measured_without_its_first_symbol() -> None:
    model = model_of("aababc", smoothing=1)
    measured = model.evaluate(model.vocabulary.encode("cab"))
    assert measured.nats == pytest.approx(-math.log(1 / 3) - math.log(3 / 6))
    assert (measured.characters, measured.symbols, measured.unit) == (2, 2, "char")
    unigram = model.evaluate(model.vocabulary.encode("cab"), context=False)
    assert unigram.nats == pytest.approx(-2 * math.log(3 / 8))


def test_letters_are_measured_by_characters_and_unk_is_counted() -> None:
    jamo = model_of(korean(500), "jamo")
    measured = jamo.evaluate(jamo.vocabulary.encode("오늘 값을"))
    assert measured.characters == 4
    assert measured.symbols == 11
    rare = model_of("aaab", min_count=2)
    assert rare.evaluate(np.array([1, 0, 0])).unknown_symbols == 2


@given(st.text("abc", min_size=2, max_size=60), st.integers(1, 5))
def test_counts_do_not_depend_on_the_pieces(text: str, size: int) -> None:
    vocabulary = CharVocabulary(["a", "b", "c"])
    ids = vocabulary.encode(text)
    expected = np.zeros((3, 3), int)
    for before, after in pairwise(ids.tolist()):
        expected[before, after] += 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bigram, "_IDS_AT_ONCE", size)
        assert (count_pairs(ids, 3) == expected).all()
        model = BigramModel.of(vocabulary, ids)
        assert model.evaluate(ids).nats > 0
    assert np.allclose(model.probabilities.sum(axis=1), 1)


def test_training_the_linear_softmax_converges_to_the_counts() -> None:
    model = model_of(english(3000))
    network = BigramNetwork(len(model.vocabulary))
    nats = list(network.fit(model.counts, 200))
    assert len(nats) == 201
    assert nats[0] == pytest.approx(math.log(len(model.vocabulary)))
    assert model.training_nats <= nats[-1] < model.training_nats + 0.01
    seen = model.counts.sum(axis=1) > 50
    learned = network(torch.arange(len(model.vocabulary))).softmax(dim=1).detach().numpy()
    shares = model.counts[seen] / model.counts[seen].sum(axis=1, keepdims=True)
    assert np.abs(learned[seen] - shares).max() < 0.05


def test_the_network_is_a_product_of_one_hot_and_table() -> None:
    network = BigramNetwork(4)
    torch.nn.init.normal_(network.table, generator=torch.Generator().manual_seed(1))
    ids = torch.tensor([[0, 3], [2, 2]])
    one_hot = torch.nn.functional.one_hot(ids, 4).float()
    assert torch.allclose(network(ids), one_hot @ network.table)
    counts = torch.tensor(count_pairs(np.array([0, 3, 2, 2]), 4))
    pairs = torch.nn.functional.cross_entropy(
        network(torch.tensor([0, 3, 2])), torch.tensor([3, 2, 2])
    )
    assert torch.allclose(network.nats(counts), pairs)


def test_what_it_writes_has_the_frequencies_of_the_table() -> None:
    model = model_of("ab" * 50 + "aab" * 50 + "\n", smoothing=1e-6)
    text = model.generate(20_000, seed=3)
    assert text == model.generate(20_000, seed=3)
    assert text != model.generate(20_000, seed=4)
    assert len(text) == 20_000
    assert "bb" not in text
    after_a = [after for before, after in pairwise(text) if before == "a"]
    share = after_a.count("a") / len(after_a)
    assert share == pytest.approx(50 / 150, abs=0.02)
    assert model.generate(0) == ""


def test_unk_is_never_written() -> None:
    model = model_of("ab" * 20 + "xyzw" * 1, min_count=5, smoothing=5)
    assert model.vocabulary.unknown_id == 0
    assert set(model.generate(500)) == {"a", "b"}
    assert BigramModel.of(ByteVocabulary(), np.array([97, 98, 97])).generate(5)


@pytest.mark.parametrize("smoothing", [0, -1, math.inf, math.nan])
def test_a_smoothing_that_leaves_something_impossible_is_refused(smoothing: float) -> None:
    with pytest.raises(ConfigError, match="smoothing must be above 0 and finite"):
        model_of("ab", smoothing=smoothing)


def test_too_little_and_too_much_are_refused() -> None:
    with pytest.raises(TextError, match="at least two symbols; got 1"):
        BigramModel.of(CharVocabulary(["a"]), np.array([0]))
    with pytest.raises(TextError, match="nothing to evaluate: 1 symbols"):
        model_of("ab").evaluate(np.array([0]))
    with pytest.raises(ConfigError, match="20000 × 20000 symbols is too large"):
        count_pairs(np.array([0, 1]), 20_000)

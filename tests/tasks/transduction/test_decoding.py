"""Writing: greedy, by beam search, and every text there is."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nextchar.config import NetworkConfig
from nextchar.generation.search import Beam
from nextchar.nn.transducer import TransducerNetwork
from nextchar.tasks.transduction import decoding
from nextchar.tasks.transduction.decoding import DecodedTarget, decode
from nextchar.text.sequences import Sequences

SOURCES, TARGETS = 5, 3


def network(seed: int, sharpness: float = 4.0) -> TransducerNetwork:
    """Make a small network that is sure of some things, so that its texts differ."""
    config = NetworkConfig(hidden_size=8, embedding_size=4, cell="gru")
    made = TransducerNetwork(
        SOURCES, TARGETS, config, attention="dot", bidirectional=True,
        generator=torch.Generator().manual_seed(seed),
    ).eval()  # fmt: skip
    with torch.no_grad():
        made.head.weight.mul_(sharpness)
    return made


def decoded(
    made: TransducerNetwork, sources: Any, limit: int, **beam: Any
) -> list[list[DecodedTarget]]:
    items = Sequences.of(sources, np.dtype(np.int64))
    limits = np.full(len(items), limit)
    excluded = beam.pop("excluded", ())
    found: dict[int, list[DecodedTarget]] = {}
    for indices, texts in decode(made, items, limits, Beam(**beam), excluded=excluded):
        found |= dict(zip(indices.tolist(), texts, strict=True))
    return [found[item] for item in range(len(items))]


def log_probability(made: TransducerNetwork, source: list[int], text: tuple[int, ...]) -> float:
    """Sum the log-probabilities of a text's symbols and its end, with teacher forcing."""
    read = torch.tensor([[made.border, *text]]).t()
    with torch.no_grad():
        logits = made(torch.tensor([source]).t(), torch.tensor([len(source)]), read).logits
    logs = logits[:, 0].double().log_softmax(-1)
    return sum(float(logs[step, each]) for step, each in enumerate([*text, made.border]))


SOURCE_LISTS = st.lists(
    st.lists(st.integers(0, SOURCES - 1), min_size=1, max_size=6), min_size=1, max_size=6
)


@settings(max_examples=25)
@given(sources=SOURCE_LISTS, seed=st.integers(0, 50), width=st.sampled_from([1, 2, 5]))
def test_the_score_is_the_sum_of_the_log_probabilities(
    sources: list[list[int]], seed: int, width: int
) -> None:
    made = network(seed)
    for source, found in zip(sources, decoded(made, sources, 7, width=width), strict=True):
        assert found
        for each in found:
            expected = log_probability(made, source, each.symbols)
            assert each.log_probability == pytest.approx(expected, abs=1e-4)
            assert each.score == pytest.approx(expected, abs=1e-4)


@settings(max_examples=25)
@given(sources=SOURCE_LISTS, seed=st.integers(0, 50), limit=st.integers(1, 8))
def test_a_beam_of_one_is_greedy(sources: list[list[int]], seed: int, limit: int) -> None:
    made = network(seed)
    for source in sources:
        (found,) = decoded(made, [source], limit, width=1)
        memory, state = made.begin(torch.tensor([source]).t(), torch.tensor([len(source)]))
        search = decoding._Search(made, memory, state, torch.tensor([limit]), [], Beam(width=1))
        with torch.inference_mode():
            (single,) = search.run()
        assert [each.symbols for each in single] == [each.symbols for each in found]
        assert single[0].log_probability == pytest.approx(found[0].log_probability, abs=1e-5)
        assert single[0].reached_limit == found[0].reached_limit


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_wide_beam_finds_what_trying_every_text_finds(seed: int, penalty: float) -> None:
    made, source, limit = network(seed, 2.0), [seed % SOURCES, 1, 2], 3
    texts = [text for n in range(limit + 1) for text in itertools.product(range(TARGETS), repeat=n)]
    beam = Beam(width=len(texts), length_penalty=penalty)
    scores = {text: beam.score(log_probability(made, source, text), len(text)) for text in texts}
    (found,) = decoded(made, [source], limit, width=len(texts), length_penalty=penalty)
    best = sorted(texts, key=lambda text: -scores[text])
    assert [each.symbols for each in found[:5]] == best[:5]
    assert [each.score for each in found[:5]] == pytest.approx(
        [scores[text] for text in best[:5]], abs=1e-5
    )


@settings(max_examples=15)
@given(sources=SOURCE_LISTS, seed=st.integers(0, 20))
def test_what_is_written_does_not_depend_on_what_stands_beside_it(
    sources: list[list[int]], seed: int
) -> None:
    made = network(seed)
    together = decoded(made, sources, 6, width=3)
    for source, found in zip(sources, together, strict=True):
        (alone,) = decoded(made, [source], 6, width=3)
        assert [each.log_probability for each in alone] == pytest.approx(
            [each.log_probability for each in found], abs=1e-4
        )


@pytest.mark.parametrize("width", [1, 4])
def test_no_text_passes_its_limit_and_one_that_had_to_end_there_is_told(width: int) -> None:
    made = network(0)
    with torch.no_grad():
        made.head.bias[made.border] = -9  # It never wants to end.
    for found in decoded(made, [[0, 1], [2]], 4, width=width):
        assert max(len(each.symbols) for each in found) == 4
        assert all(each.reached_limit == (len(each.symbols) == 4) for each in found)
    with torch.no_grad():
        made.head.bias[made.border] = 50
    for found in decoded(made, [[0, 1], [2]], 4, width=width):
        assert (found[0].symbols, found[0].reached_limit) == ((), False)


@pytest.mark.parametrize("width", [1, 4])
def test_excluded_symbols_are_never_written(width: int) -> None:
    made = network(1)
    with torch.no_grad():
        made.head.bias[2] = 20
    free = decoded(made, [[0, 1, 2]], 4, width=width)[0]
    assert 2 in free[0].symbols
    held = decoded(made, [[0, 1, 2]], 4, width=width, excluded=[2])[0]
    assert all(2 not in each.symbols for each in held)


def test_a_length_penalty_prefers_longer_texts() -> None:
    made = network(2, 1.0)
    lengths = {
        penalty: len(decoded(made, [[0, 1]], 6, width=8, length_penalty=penalty)[0][0].symbols)
        for penalty in (0.0, 3.0)
    }
    assert lengths[3.0] > lengths[0.0]


def test_all_texts_of_a_beam_are_different() -> None:
    (found,) = decoded(network(4), [[0, 1, 3]], 5, width=6)
    assert len({each.symbols for each in found}) == len(found) == 6
    assert all(math.isfinite(each.score) for each in found)

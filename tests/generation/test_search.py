"""Beam search: exact where it can be, and never worse than greedy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nextchar.config import NetworkConfig
from nextchar.errors import ConfigError, NextcharError
from nextchar.generation.search import Beam, beam_search
from nextchar.nn.network import Network

V = 4
PROMPT = torch.tensor([1, 2])
EACH_STARTS = np.ones(V, np.bool_)


def network(seed: int, cell: str = "gru") -> Network:
    config = NetworkConfig.from_dict({"cell": cell, "hidden_size": 6, "embedding_size": 3})
    made = Network(V, config, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        made.head.weight.mul_(8)
    return made


def log_probability(model: Network, symbols: tuple[int, ...]) -> float:
    ids = torch.cat([PROMPT, torch.tensor(symbols, dtype=torch.int64)])
    with torch.no_grad():
        logits, _ = model(ids.unsqueeze(1), model.initial_state(1))
    logs = logits[len(PROMPT) - 1 : -1, 0].double().log_softmax(-1)
    return float(logs.gather(1, ids[len(PROMPT) :, None]).sum())


def greedy(model: Network, length: int) -> tuple[int, ...]:
    symbols: tuple[int, ...] = ()
    for _ in range(length):
        ids = torch.cat([PROMPT, torch.tensor(symbols, dtype=torch.int64)])
        with torch.no_grad():
            logits, _ = model(ids.unsqueeze(1), model.initial_state(1))
        symbols = (*symbols, int(logits[-1, 0].argmax()))
    return symbols


@settings(max_examples=25)
@given(st.integers(0, 1000), st.sampled_from(["rnn", "lstm", "gru"]))
def test_a_wide_beam_finds_the_most_probable_of_all_texts(seed: int, cell: str) -> None:
    model = network(seed, cell)
    found = beam_search(model, PROMPT, Beam(width=V**2), length=3, starts=EACH_STARTS)
    every = {text: log_probability(model, text) for text in itertools.product(range(V), repeat=3)}
    best = max(every.values())
    assert found[0].log_probability == pytest.approx(best, abs=1e-4)
    for each in found:
        assert each.log_probability == pytest.approx(every[each.symbols], abs=1e-4)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 4))
def test_no_beam_is_worse_than_greedy(seed: int, width: int) -> None:
    model = network(seed)
    found = beam_search(model, PROMPT, Beam(width=width), length=12, starts=EACH_STARTS)
    symbols = greedy(model, 12)
    assert found[0].log_probability >= log_probability(model, symbols) - 1e-4
    assert symbols in [each.symbols for each in found] or width > 1
    if width == 1:
        assert found[0].symbols == symbols


@settings(max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.7, 1.5]))
def test_with_stops_the_best_of_all_lengths_is_found(seed: int, penalty: float) -> None:
    model = network(seed)
    beam = Beam(width=V**4, length_penalty=penalty)
    found = beam_search(
        model, PROMPT, beam, length=4, starts=EACH_STARTS, is_finished=lambda s: s[-1] == 0
    )
    ended = [
        text
        for n in range(1, 5)
        for text in itertools.product(range(V), repeat=n)
        if 0 not in text[:-1] and (text[-1] == 0 or n == 4)
    ]
    scores = {text: beam.score(log_probability(model, text), len(text)) for text in ended}
    assert found[0].score == pytest.approx(max(scores.values()), abs=1e-4)
    assert all(each.symbols in scores for each in found)


def test_diverse_groups_begin_differently() -> None:
    model = network(2)
    starts: dict[int, set[int]] = {}
    for groups in (1, 4):
        beam = Beam(width=4, groups=groups, diversity=100.0)
        found = beam_search(model, PROMPT, beam, length=6, starts=EACH_STARTS)
        starts[groups] = {each.symbols[0] for each in found}
    assert len(starts[4]) == 4 > len(starts[1])


def test_excluded_symbols_are_never_taken() -> None:
    found = beam_search(
        network(3), PROMPT, Beam(width=3), length=8, starts=EACH_STARTS, excluded=[1],
        excluded_first=[2],
    )  # fmt: skip
    assert all(1 not in each.symbols and each.symbols[0] != 2 for each in found)


def test_a_character_ends_with_the_probability_of_the_next_ones() -> None:
    # Symbols 2 and 3 go on with a character that 0 or 1 has begun.
    starts = np.array([True, True, False, False])
    model = network(4)
    found = beam_search(model, PROMPT, Beam(width=64), length=1, starts=starts)
    total = sum(math.exp(each.log_probability) for each in found if len(each.symbols) == 1)
    alone = 0.0
    for first in (0, 1):
        after = [math.exp(log_probability(model, (first, second))) for second in (0, 1)]
        alone += sum(after)
    assert total == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"width": 0}, "width must be at least 1; got 0"),
        ({"width": 4, "groups": 3}, "must divide the width of 4"),
        ({"length_penalty": -1.0}, "length_penalty must be at least 0"),
        ({"diversity": math.nan}, "diversity must be at least 0"),
    ],
)
def test_a_beam_that_cannot_be_is_refused(options: dict[str, float], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        Beam(**options)  # type: ignore[arg-type]


def test_a_network_that_has_diverged_finds_nothing() -> None:
    model = network(1)
    with torch.no_grad():
        model.head.bias.fill_(math.nan)
    with pytest.raises(NextcharError, match="not finite numbers"):
        beam_search(model, PROMPT, Beam(), length=3, starts=EACH_STARTS)

"""The loop that writes: reproducible, independent samples, and the network's own numbers."""

from __future__ import annotations

import itertools

import pytest
import torch

from nextchar.config import NetworkConfig
from nextchar.generation.engine import Uniforms, generate_ids
from nextchar.generation.sampling import Sampling
from nextchar.nn.network import Network

PROMPT = torch.tensor([1, 2, 3])


def network(**options: object) -> Network:
    generator = torch.Generator().manual_seed(3)
    config = NetworkConfig.from_dict({"hidden_size": 12, "embedding_size": 8, **options})
    made = Network(9, config, generator=generator)
    with torch.no_grad():
        made.head.weight.mul_(6)  # A fresh network is nearly flat; this one has opinions.
    return made


def write(model: Network, sampling: Sampling, seeds: list[int], length: int = 40) -> torch.Tensor:
    ids = generate_ids(model, PROMPT, sampling, seeds)
    return torch.stack(list(itertools.islice(ids, length)))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "peephole_lstm", "gru", "min_gru", "min_lstm"])
def test_argmax_follows_the_most_probable_symbol_of_the_whole_network(cell: str) -> None:
    model = network(cell=cell, layers=2)
    written = write(model, Sampling(temperature=0), [0])[:, 0]
    text = torch.cat([PROMPT, written])
    with torch.no_grad():
        logits, _ = model(text[:-1].unsqueeze(1), model.initial_state(1))
    assert torch.equal(logits[len(PROMPT) - 1 :, 0].argmax(-1), written)


def test_the_same_seed_writes_the_same_and_another_seed_something_else() -> None:
    model = network()
    first, again, other = (write(model, Sampling(), [seed]) for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_sample_does_not_depend_on_those_beside_it() -> None:
    model = network(cell="gru")
    together = write(model, Sampling(temperature=0.9, top_k=6), [5, 6, 7])
    for column, seed in enumerate((5, 6, 7)):
        alone = write(model, Sampling(temperature=0.9, top_k=6), [seed])
        assert torch.equal(together[:, column], alone[:, 0])


def test_excluded_symbols_are_never_written() -> None:
    model = network()
    ids = generate_ids(model, PROMPT, Sampling(temperature=3.0), [1], excluded=[0, 4, 8])
    written = {int(symbol) for symbol in itertools.islice(ids, 300)}
    assert written == {1, 2, 3, 5, 6, 7}


def test_a_strong_penalty_stops_an_argmax_loop() -> None:
    model = network()
    loop = write(model, Sampling(temperature=0), [0], 60)
    free = write(model, Sampling(temperature=0, repetition_penalty=50.0, repetition_window=4), [0])
    assert len(set(loop[-20:, 0].tolist())) < len(set(free[-20:, 0].tolist()))
    windows = free[:, 0].unfold(0, 5, 1)
    assert all(len(set(window.tolist())) == 5 for window in windows)


def test_uniforms_of_a_seed_are_the_same_whatever_stands_beside_it() -> None:
    alone, together = Uniforms([7]), Uniforms([3, 7])
    for _ in range(600):
        assert alone.draw()[0] == together.draw()[1]


def test_writing_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    write(network(), Sampling(), [1])
    assert torch.equal(before, torch.get_rng_state())

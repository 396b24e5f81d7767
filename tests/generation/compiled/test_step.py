"""The compiled step: the network's own numbers, for every network that can be configured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextchar.config import NetworkConfig
from nextchar.generation.compiled.matvec import COLUMNS
from nextchar.generation.compiled.packing import make_memory, pack
from nextchar.generation.compiled.step import Buffers, Weights, step
from nextchar.generation.plain import StoredWeights
from nextchar.nn.network import Network

Logits = NDArray[np.float32]
sizes = st.integers(1, 40)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    cell = draw(st.sampled_from(["rnn", "lstm", "peephole_lstm", "gru", "min_gru", "min_lstm"]))
    options: dict[str, Any] = {
        "cell": cell,
        "activation": draw(st.sampled_from(["tanh", "relu", "sigmoid"])),
        "peepholes": draw(st.sampled_from(["vector", "matrix"])),
        "reset": draw(st.sampled_from(["after", "before"])),
        "input": draw(st.sampled_from(["embedding", "onehot"])),
        "layers": draw(st.integers(1, 3)),
        "residual": draw(st.booleans()),
        "hidden_size": draw(sizes),
        "batch_norm": draw(st.booleans()),
    }
    if not cell.startswith("min"):
        options["layer_norm"] = draw(st.booleans())
        options["zoneout"] = draw(st.sampled_from([0.0, 0.3]))
    if cell in ("lstm", "peephole_lstm"):
        options["zoneout_cell"] = draw(st.sampled_from([0.0, 0.6]))
    options["embedding_size"] = draw(sizes | st.just(options["hidden_size"]))
    options["tied"] = (
        options["input"] == "embedding"
        and options["embedding_size"] == options["hidden_size"]
        and draw(st.booleans())
    )
    return random_network(draw(sizes), seed=draw(st.integers(0, 99)), **options)


def random_network(vocabulary: int, *, seed: int = 0, **options: object) -> Network:
    """Make a network whose every weight is random, and as large as keeps its values small."""
    generator = torch.Generator().manual_seed(seed)
    network = Network(vocabulary, NetworkConfig.from_dict(options), generator=None).eval()
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.7 / math.sqrt(weight.shape[-1]), generator=generator)
    for name, average in network.named_buffers():
        low = 0.5 if name.endswith("variance") else -1.0
        torch.nn.init.uniform_(average, low, 2.0, generator=generator)
    return network


def logits_of(network: Network, ids: torch.Tensor, stored: StoredWeights = "float32") -> Logits:
    """Read the first half of ids [T, B] with the network, the other with the compiled step."""
    half = len(ids) // 2
    with torch.inference_mode():
        logits, state = network(ids[:half], network.initial_state(ids.shape[1]))
    weights = pack(network, stored)
    memory = make_memory(weights, logits[-1], state)
    return np.stack([read(weights, memory, symbols) for symbols in ids[half:].numpy()])


def read(weights: Weights, memory: Buffers, symbols: NDArray[np.int64]) -> Logits:
    step(weights, memory, symbols)
    logits: Logits = memory.logits[0].copy()
    return logits


def expected(network: Network, ids: torch.Tensor) -> Logits:
    with torch.inference_mode():
        logits, _ = network(ids, network.initial_state(ids.shape[1]))
    predicted: Logits = logits[len(ids) // 2 :].numpy()
    return predicted


@settings(max_examples=150)
@given(networks(), st.integers(1, 9))
def test_the_compiled_step_gives_the_logits_of_the_network(network: Network, samples: int) -> None:
    ids = torch.randint(
        network.vocabulary_size, (40, samples), generator=torch.Generator().manual_seed(1)
    )
    assert np.abs(logits_of(network, ids) - expected(network, ids)).max() <= 1e-4


@pytest.mark.parametrize("cell", ["rnn", "lstm", "peephole_lstm", "gru", "min_gru", "min_lstm"])
def test_int8_weights_change_the_logits_by_little(cell: str) -> None:
    network = random_network(50, cell=cell, hidden_size=96, layers=2)
    ids = torch.randint(50, (60, 1), generator=torch.Generator().manual_seed(1))
    difference = np.abs(logits_of(network, ids, "int8") - expected(network, ids))
    assert 0 < difference.max() < 0.03


def test_int8_rows_hold_their_largest_weight_exactly_and_zeros_are_zeros() -> None:
    network = random_network(7, cell="rnn", hidden_size=20)
    with torch.no_grad():
        network.head.weight[2] = 0
    panels, exact = pack(network, "int8").panels, pack(network).panels
    shape = (len(panels.values), 20, COLUMNS)
    restored = panels.values.reshape(shape) * panels.scales[:, None]
    half_a_step = panels.scales[:, None] / 2 * (1 + 1e-5)
    assert panels.values.dtype == np.int8
    assert (np.abs(restored - exact.values.reshape(shape)) <= half_a_step).all()
    assert (restored[-1, :, 2] == 0).all()
    assert (restored[-1, :, 3] != 0).any()


def test_large_inputs_of_a_min_lstm_stay_finite() -> None:
    network = random_network(5, cell="min_lstm", hidden_size=8)
    with torch.no_grad():
        network.stack.cells[0].bias[:16] = -200
    ids = torch.tensor([[0, 1, 2, 3, 4, 0]]).T
    assert np.abs(logits_of(network, ids) - expected(network, ids)).max() <= 1e-4

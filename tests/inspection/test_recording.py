"""Recordings: the numbers of the cells, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from nextchar.config import NetworkConfig
from nextchar.errors import TextError
from nextchar.inspection import recording
from nextchar.inspection.recording import longest, record, states_before
from nextchar.nn.initialization import initial_generator
from nextchar.nn.network import Network
from nextchar.nn.threads import one_thread

CELLS: dict[str, dict[str, Any]] = {
    "rnn": {"cell": "rnn"},
    "lstm": {"cell": "lstm"},
    "peephole_lstm": {"cell": "peephole_lstm"},
    "peephole_matrix": {"cell": "peephole_lstm", "peepholes": "matrix"},
    "gru_after": {"cell": "gru", "reset": "after"},
    "gru_before": {"cell": "gru", "reset": "before"},
    "min_gru": {"cell": "min_gru"},
    "min_lstm": {"cell": "min_lstm"},
    "one_hot": {"cell": "gru", "input": "onehot"},
    "residual": {"cell": "lstm", "residual": True, "embedding_size": 6},
    "normalized": {"cell": "lstm", "layer_norm": True},
    "batch_norm": {"cell": "gru", "batch_norm": True},
    "zoneout": {"cell": "lstm", "zoneout": 0.2, "zoneout_cell": 0.4},
}
LETTERS = {
    "rnn": "",
    "peephole_lstm": "ifgo",
    "lstm": "ifgo",
    "gru": "rzn",
    "min_gru": "zn",
    "min_lstm": "fin",
}
IDS = np.random.default_rng(3).integers(0, 7, 40)


def network_of(**options: Any) -> Network:
    config = NetworkConfig(**{"hidden_size": 6, "embedding_size": 5, "layers": 2, **options})
    return Network(7, config, generator=initial_generator(1))


@pytest.mark.parametrize("options", CELLS.values(), ids=CELLS)
def test_a_recording_has_the_very_states_of_the_network_and_its_logits(
    options: dict[str, Any],
) -> None:
    network = network_of(**options)
    recorded = record(network, IDS, logits=True)
    ids, state = torch.from_numpy(IDS).unsqueeze(1), network.initial_state(1)
    with one_thread():  # Some processors sum the products in another order with more threads.
        logits, after = network(ids, state, path="stepwise")
    assert recorded.logits is not None
    assert np.array_equal(recorded.logits, logits[:, 0].detach().numpy())
    for layer, parts in zip(recorded.layers, after, strict=True):
        assert np.array_equal(layer.h[-1], parts[0][0].detach().numpy())
        assert (layer.c is None) == (len(parts) == 1)
        if layer.c is not None:
            assert np.array_equal(layer.c[-1], parts[1][0].detach().numpy())
        assert "".join(layer.gates) == LETTERS[options["cell"]]


@pytest.mark.parametrize("options", CELLS.values(), ids=CELLS)
def test_the_states_before_some_places_are_those_after_the_beginnings_of_the_text(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "SYMBOLS_AT_ONCE", 7)
    network = network_of(**options)
    found = states_before(network, IDS, np.array([0, 1, 17]))
    for place, end in enumerate((0, 1, 17)):
        state = network.initial_state(1)
        for each in IDS[:end]:
            _, state = network.step(torch.tensor([each]), state)
        for parts, expected in zip(found, state, strict=True):
            for part, then in zip(parts, expected, strict=True):
                assert torch.allclose(part[place], then[0], atol=1e-6)


def test_gates_and_state_obey_the_equation_of_the_lstm() -> None:
    layer = record(network_of(cell="lstm"), IDS).layers[1]
    i, f, g, o = layer.gates.values()
    assert layer.c is not None
    assert np.allclose(layer.c[1:], f[1:] * layer.c[:-1] + i[1:] * g[1:], atol=1e-6)
    assert np.allclose(layer.h, o * np.tanh(layer.c), atol=1e-6)


def test_a_long_text_is_read_in_pieces_with_the_state_carried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = network_of(cell="gru")
    whole = record(network, IDS)
    monkeypatch.setattr(recording, "SYMBOLS_AT_ONCE", 7)
    for layer, other in zip(record(network, IDS).layers, whole.layers, strict=True):
        assert np.allclose(layer.h, other.h, atol=1e-6)


def test_a_network_that_begins_after_a_symbol_is_recorded_from_its_state() -> None:
    network = network_of(cell="gru")
    network.begins_after = 3
    recorded = record(network, np.array([1, 2]))
    expected = record(network, np.array([3, 1, 2]))  # zeros before the separator itself
    assert np.allclose(recorded.layers[0].h, expected.layers[0].h[1:], atol=1e-6)
    before = states_before(network, np.array([1, 2]), np.array([0]))
    assert np.allclose(before[0][0][0].numpy(), expected.layers[0].h[0], atol=1e-6)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of(cell="lstm")
    monkeypatch.setattr(recording, "MAX_VALUES", 12 * 2 * 6)
    assert longest(network) == 2  # h, c and four gates of 6 units in 2 layers
    assert longest(network, gates=False) == 6
    assert longest(network, gates=False, logits=True) == 144 // (24 + 7)
    with pytest.raises(TextError, match="1 to 2 symbols; got 3"):
        record(network, IDS[:3])
    with pytest.raises(TextError, match="got 0"):
        record(network, IDS[:0])

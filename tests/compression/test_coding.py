"""Ids to words and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nextchar.compression import coding
from nextchar.compression.coding import decode, encode, fingerprint
from nextchar.compression.predictor import Predictor
from nextchar.config import NetworkConfig
from nextchar.nn.network import Network

V = 7


def network(seed: int = 0) -> Network:
    config = NetworkConfig(hidden_size=8, embedding_size=4)
    return Network(V, config, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("streams", [1, 3, 4, 16])
@pytest.mark.parametrize("count", [0, 1, 3, 15, 16, 17, 200])
def test_ids_come_back_whatever_their_number(streams: int, count: int) -> None:
    ids = np.random.default_rng(count).integers(0, V, count).astype(np.uint32)
    predictor = Predictor(network(), 0, streams)
    assert np.array_equal(decode(predictor, encode(predictor, ids), count), ids)


@pytest.mark.parametrize("values", [1, 100, 1 << 20])
def test_how_many_symbols_are_coded_at_once_changes_no_bit(
    monkeypatch: pytest.MonkeyPatch, values: int
) -> None:
    ids = np.random.default_rng(1).integers(0, V, 300).astype(np.uint32)
    predictor = Predictor(network(), 0, 4)
    usual = encode(predictor, ids)
    monkeypatch.setattr(coding, "_VALUES_AT_ONCE", values)
    assert encode(predictor, ids) == usual


def test_predictions_are_those_of_the_network() -> None:
    made, rows = network(), np.array([[3, 1], [4, 1], [5, 2]])
    predictor = Predictor(made, 6, 2)
    with torch.inference_mode():
        ids = torch.from_numpy(np.concatenate([[[6, 6]], rows[:2]]))
        expected, _ = made(ids, made.initial_state(2))
    for weights, logits in zip(predictor.predict(rows), expected.numpy(), strict=True):
        relative = np.exp(logits - logits.max(1, keepdims=True))
        assert np.allclose(weights, relative, atol=1e-5)


def test_a_fingerprint_tells_networks_contexts_and_streams_apart() -> None:
    made = network()
    predictors = [
        Predictor(made, 0, 1),
        Predictor(made, 1, 1),
        Predictor(made, 0, 2),
        Predictor(network(1), 0, 1),
    ]
    assert len({fingerprint(each) for each in predictors}) == len(predictors)
    assert fingerprint(Predictor(made, 0, 1)) == fingerprint(predictors[0])

"""Sums of nats: exact in pieces, near in parallel, and honest at the borders."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nextchar.config import NetworkConfig
from nextchar.evaluation import nats_parallel, nats_sequential, nats_windowed
from nextchar.evaluation.exact import read_in_order, sum_nats
from nextchar.nn.network import Network
from nextchar.nn.precision import Arithmetic
from nextchar.text.vocabulary import Ids

V = 7
IDS: Ids = np.random.default_rng(0).integers(V, size=9000).astype(np.uint8)


def network(cell: str = "lstm", hidden_size: int = 8) -> Network:
    options = {"cell": cell, "hidden_size": hidden_size, "embedding_size": 4}
    config = NetworkConfig.from_dict(options)
    return Network(V, config, generator=torch.Generator().manual_seed(1))


def reference(model: Network, ids: Ids) -> float:
    """Step through the text one symbol at a time."""
    tensor = torch.from_numpy(ids.astype(np.int64))
    state, total = model.initial_state(1), 0.0
    with torch.no_grad():
        for position in range(len(ids) - 1):
            logits, state = model.step(tensor[position : position + 1], state)
            total += float(functional.cross_entropy(logits, tensor[position + 1 : position + 2]))
    return total


def test_sequential_is_the_sum_over_single_steps() -> None:
    model = network()
    assert nats_sequential(model, [IDS[:500]]) == pytest.approx(reference(model, IDS[:500]))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 6000), max_size=5))
def test_sequential_does_not_depend_on_how_the_text_is_cut(cuts: list[int]) -> None:
    model = network("gru")
    pieces = np.split(IDS[:6000], sorted(cuts))
    assert nats_sequential(model, pieces) == pytest.approx(
        nats_sequential(model, [IDS[:6000]]), rel=1e-6
    )


@pytest.mark.parametrize("size", [2, 3, 50, 4095, 4096, 4097, 4098, 9000])
def test_a_text_of_n_symbols_has_n_minus_one_predictions(size: int) -> None:
    model = network()
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    flat = (size - 1) * np.log(V)
    ids = IDS[:size]
    assert nats_sequential(model, [ids]) == pytest.approx(flat, rel=1e-6)
    assert nats_parallel(model, [ids], streams=4, warm_up=5) == pytest.approx(flat, rel=1e-6)
    assert nats_windowed(model, [ids], window=7) == pytest.approx(flat, rel=1e-6)


@pytest.mark.parametrize("longest", [512, 1000, 4096])
@pytest.mark.parametrize("streams", [1, 3, 32])
def test_parallel_is_nearly_sequential(streams: int, longest: int) -> None:
    model = network()
    exact = nats_sequential(model, [IDS])

    near = nats_parallel(model, [IDS], streams=streams, longest=longest)

    assert near == pytest.approx(exact, rel=1e-5)


def test_parallel_does_not_depend_on_how_the_text_is_cut() -> None:
    model = network("gru")
    whole = nats_parallel(model, [IDS], streams=2, longest=1500)

    for cuts in ([], [1], [2999, 3000, 3001], [4000, 4000, 8999]):
        pieces = np.split(IDS, cuts)
        assert nats_parallel(model, pieces, streams=2, longest=1500) == pytest.approx(whole)


def test_parallel_without_warm_up_is_each_part_from_zero_state_but_the_first_goes_on() -> None:
    model = network()
    ids = IDS[:2061]
    starts = (0, 515, 1030, 1545)
    parts = [nats_sequential(model, [ids[start : start + 516]]) for start in starts[:3]]
    last = nats_sequential(model, [ids[1545:]])
    assert nats_parallel(model, [ids], streams=4, warm_up=0) == pytest.approx(sum(parts) + last)


def test_a_text_too_short_for_two_streams_is_read_in_order() -> None:
    model = network()
    assert nats_parallel(model, [IDS[:1000]]) == pytest.approx(
        nats_sequential(model, [IDS[:1000]]), rel=1e-6
    )


@pytest.mark.parametrize(("arithmetic", "tolerance"), [("bfloat16", 1e-3), ("int16", 1e-5)])
def test_parallel_in_low_precision_is_near(arithmetic: Arithmetic, tolerance: float) -> None:
    model = network(hidden_size=96)
    exact = nats_sequential(model, [IDS])
    found = nats_parallel(model, [IDS], arithmetic=arithmetic)
    assert found == pytest.approx(exact, rel=tolerance)


def test_windowed_is_each_window_from_zero_state() -> None:
    model = network()
    ids = IDS[:26]
    parts = [nats_sequential(model, [ids[start : start + 11]]) for start in (0, 10, 20)]
    assert nats_windowed(model, [ids[:4], ids[4:]], window=10) == pytest.approx(sum(parts))


@pytest.mark.parametrize("window", [4096, 4097, 5000])
def test_long_windows_are_read_in_pieces_with_carried_state(window: int) -> None:
    model = network()
    starts = range(0, len(IDS) - 1, window)
    parts = [nats_sequential(model, [IDS[start : start + window + 1]]) for start in starts]
    assert nats_windowed(model, [IDS[:100], IDS[100:]], window=window) == pytest.approx(
        sum(parts), rel=1e-6
    )


def test_a_window_as_long_as_the_text_is_sequential() -> None:
    model = network()
    assert nats_windowed(model, [IDS], window=len(IDS)) == pytest.approx(
        nats_sequential(model, [IDS]), rel=1e-6
    )


def test_windows_of_a_network_that_begins_after_a_symbol_are_those_read_in_order() -> None:
    model = network().eval()
    model.begins_after = int(IDS[10])
    ordered = sum_nats(read_in_order(model, [IDS], window=10))
    assert nats_windowed(model, [IDS], window=10) == pytest.approx(ordered, rel=1e-6)

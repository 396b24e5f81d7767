"""Where training begins."""

from __future__ import annotations

import math

import pytest
import torch

from nextchar.config import CellName, NetworkConfig
from nextchar.nn.cell import Cell, GatedCell
from nextchar.nn.cells import build_cell
from nextchar.nn.initialization import initialize_cell
from nextchar.nn.network import Network
from tests.nn.cases import CONFIGS, generator

INPUTS = 24


def made(config: NetworkConfig, seed: int = 0) -> Cell:
    cell = build_cell(config, INPUTS)
    initialize_cell(cell, config, generator(seed))
    return cell


@pytest.mark.parametrize("cell_name", ["rnn", "lstm", "peephole_lstm", "gru"])
def test_recurrent_weights_of_each_gate_are_orthogonal(cell_name: CellName) -> None:
    cell = made(NetworkConfig(cell=cell_name, hidden_size=16))

    assert isinstance(cell, GatedCell)
    for gate in cell.weight_hh.detach().chunk(cell.gate_count):
        torch.testing.assert_close(gate @ gate.t(), torch.eye(16), rtol=0, atol=1e-5)


def test_xavier_and_he_stay_in_the_bounds_of_one_gate() -> None:
    xavier = made(NetworkConfig(hidden_size=16, initialization="xavier"))
    he = made(NetworkConfig(hidden_size=16, initialization="he"))

    assert isinstance(xavier, GatedCell)
    assert isinstance(he, GatedCell)
    for weight, bound in (
        (xavier.weight_ih, math.sqrt(6 / (INPUTS + 16))),
        (xavier.weight_hh, math.sqrt(6 / (16 + 16))),
        (he.weight_ih, math.sqrt(6 / INPUTS)),
        (he.weight_hh, math.sqrt(6 / 16)),
    ):
        assert 0.9 * bound < weight.abs().max() <= bound


@pytest.mark.parametrize("cell_name", ["lstm", "peephole_lstm", "min_lstm"])
def test_only_the_forget_gate_begins_with_a_bias(cell_name: CellName) -> None:
    cell = made(NetworkConfig(cell=cell_name, hidden_size=4, forget_bias=1.5))

    for name, bias in zip(cell.gate_names, cell.bias.chunk(cell.gate_count), strict=True):
        assert bias.tolist() == [1.5 if name == "forget" else 0.0] * 4


@pytest.mark.parametrize("peepholes", ["vector", "matrix"])
def test_peephole_lstm_begins_as_lstm(peepholes: str) -> None:
    options = {"hidden_size": 4}
    plain = made(NetworkConfig.from_dict({"cell": "lstm", **options}))
    peephole = made(
        NetworkConfig.from_dict({"cell": "peephole_lstm", "peepholes": peepholes, **options})
    )
    x, state = torch.ones(2, INPUTS), plain.initial_state(2)

    torch.testing.assert_close(peephole(x, state), plain(x, state))


@pytest.mark.parametrize("name", CONFIGS)
def test_every_parameter_is_set_and_a_function_of_the_generator(name: str) -> None:
    first, again, other = (
        Network(9, CONFIGS[name], generator=generator(seed)) for seed in (1, 1, 2)
    )

    assert all(parameter.isfinite().all() for parameter in first.parameters())
    for one, same in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, same)
    assert not torch.equal(first.head.weight, other.head.weight)


def test_making_a_network_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()

    Network(9, NetworkConfig(hidden_size=8, layers=2), generator=generator())

    assert torch.equal(torch.get_rng_state(), before)


def test_a_tied_embedding_is_drawn_small() -> None:
    config = NetworkConfig(hidden_size=64, embedding_size=64, tied=True)

    tied = Network(500, config, generator=generator())
    free = Network(500, NetworkConfig(embedding_size=64), generator=generator())

    assert tied.embedding is not None
    assert free.embedding is not None
    assert tied.embedding.weight.std().item() == pytest.approx(1 / 8, rel=0.05)
    assert free.embedding.weight.std().item() == pytest.approx(1, rel=0.05)


def test_a_one_hot_input_is_projected_as_far_as_a_dense_one_of_unit_deviation() -> None:
    config = NetworkConfig(hidden_size=64)
    plain, one_hot = build_cell(config, 400), build_cell(config, 400)
    initialize_cell(plain, config, generator(0))
    initialize_cell(one_hot, config, generator(0), one_hot=True)
    dense = torch.randn(400, 400, generator=generator(1))
    expected = plain.project(dense).std().item()
    assert one_hot.project(torch.arange(400)).std().item() == pytest.approx(expected, rel=0.05)

"""Regularisers within a network do what their papers say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional

from nextchar.config import NetworkConfig
from nextchar.errors import ConfigError
from nextchar.nn.cell import Cell
from nextchar.nn.cells import build_cell
from nextchar.nn.dropout import Dropout, draw_zones
from nextchar.nn.network import Network
from nextchar.nn.normalization import BatchNorm
from nextchar.nn.recurrent import unroll
from tests.nn.cases import CONFIGS, HIDDEN, INPUTS, generator, normal, random_state

T, B, V = 7, 3, 11
GATED = ["rnn tanh", "lstm", "peephole_lstm vector", "gru after", "gru before"]


def cell_with(name: str, **options: object) -> Cell:
    config = dataclasses.replace(CONFIGS[name], **options)  # type: ignore[arg-type]
    cell = build_cell(config, INPUTS).double()
    source = generator()
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, std=0.5, generator=source)
    return cell


def network_with(**options: object) -> Network:
    usual = {"hidden_size": 8, "embedding_size": 6, **options}
    return Network(V, NetworkConfig(**usual), generator=generator()).double()  # type: ignore[arg-type]


def ids(seed: int = 0) -> torch.Tensor:
    return torch.randint(V, (T, B), generator=generator(seed))


# Dropout: where it falls, and what shares a mask


def test_locked_dropout_drops_the_same_units_at_every_step() -> None:
    ones = torch.ones(T, B, 50)
    dropped = Dropout(0.5, locked=True)(ones, generator())
    assert torch.equal(dropped, dropped[:1].expand_as(dropped))
    assert not torch.equal(dropped[0, 0], dropped[0, 1])


def test_unlocked_dropout_draws_anew_at_every_step() -> None:
    dropped = Dropout(0.5)(torch.ones(T, B, 50), generator())
    assert not torch.equal(dropped[0], dropped[1])


def test_input_dropout_falls_on_each_place_of_an_embedded_symbol_anew() -> None:
    network = network_with(input_dropout=0.5)
    same = torch.zeros(T, B, dtype=torch.int64)

    entered = network._embed(same, generator())

    assert isinstance(entered, torch.Tensor)
    assert 0.3 < (entered == 0).double().mean() < 0.7
    assert not torch.equal(entered[0], entered[1])


def test_input_dropout_takes_whole_symbols_where_they_enter_one_hot() -> None:
    network = network_with(input="onehot", input_dropout=0.5)
    entered = network._embed(ids(), generator())
    assert isinstance(entered, torch.Tensor)
    assert sorted(set(entered.sum(-1).flatten().tolist())) == pytest.approx([0, 2], rel=1e-4)


def test_output_dropout_stands_in_for_dropout_after_the_last_layer() -> None:
    reading = network_with(layers=2, dropout=0.5, output_dropout=0.0).read(
        ids(), network_with(layers=2).initial_state(B), generator=generator()
    )
    assert torch.equal(reading.outputs, reading.dropped)
    only = network_with(output_dropout=0.5)
    reading = only.read(ids(), only.initial_state(B), generator=generator())
    assert 0.3 < (reading.dropped == 0).double().mean() < 0.7
    assert (reading.outputs != 0).all()


# Zoneout


def test_zones_are_kept_with_their_probability() -> None:
    zones = draw_zones(torch.ones(100_000), 0.3, generator())
    assert set(zones.tolist()) == {0, 1}
    assert zones.mean().item() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("name", GATED)
def test_zoneout_keeps_units_as_they_were_in_training(name: str) -> None:
    rates = {"zoneout": 0.5} | ({"zoneout_cell": 0.5} if "lstm" in name else {})
    zoned, plain = cell_with(name, **rates), cell_with(name)
    xs, state = normal(B, INPUTS), random_state(zoned, B)
    kept = tuple(draw_zones(part, 0.5, generator(7)) for part in state)

    output, after = zoned(xs, state, kept)
    _, free = plain(xs, state)

    assert torch.equal(output, after[0])
    for zones, old, new, unzoned in zip(kept, state, after, free, strict=True):
        assert torch.equal(new, torch.where(zones == 1, old, unzoned))
        assert 0 < zones.sum() < zones.numel()


@pytest.mark.parametrize("name", GATED)
def test_zoneout_mixes_by_its_probability_in_evaluation(name: str) -> None:
    zoned, plain = cell_with(name, zoneout=0.25), cell_with(name)
    xs, state = normal(B, INPUTS), random_state(zoned, B)

    _, after = zoned(xs, state)
    _, free = plain(xs, state)

    torch.testing.assert_close(after[0], 0.25 * state[0] + 0.75 * free[0])
    assert all(map(torch.equal, after[1:], free[1:]))


def test_a_training_step_with_zoneout_is_a_function_of_the_generator() -> None:
    network = network_with(layers=2, zoneout=0.3, zoneout_cell=0.2)
    state = network.initial_state(B)
    first, second = (network(ids(), state, generator=generator(4))[0] for _ in range(2))
    other, _ = network(ids(), state, generator=generator(5))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    with pytest.raises(ValueError, match=r"zoneout 0\.3 in training mode needs a generator"):
        network(ids(), state)


# Layer normalisation


Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def normalized(values: Array) -> Array:
    gates = values.reshape(*values.shape[:-1], -1, HIDDEN)
    centred = gates - gates.mean(-1, keepdims=True)
    gates = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    whole: Array = gates.reshape(values.shape)
    return whole


def test_the_layer_norm_lstm_is_that_of_its_paper() -> None:
    cell = cell_with("lstm", layer_norm=True)
    xs, (h, c) = normal(B, INPUTS), random_state(cell, B)
    w = {name: value.detach().numpy() for name, value in cell.named_parameters()}

    summed = (
        w["gain_ih"] * normalized(xs.numpy() @ w["weight_ih"].T)
        + w["gain_hh"] * normalized(h.numpy() @ w["weight_hh"].T)
        + w["bias"]
    )
    i, f, g, o = np.split(summed, 4, -1)

    def sigma(x: Array) -> Array:
        y: Array = 1 / (1 + np.exp(-x))
        return y

    new_c = sigma(f) * c.numpy() + sigma(i) * np.tanh(g)
    new_h = sigma(o) * np.tanh(w["gain_c"] * normalized(new_c) + w["bias_c"])
    _, after = cell(xs, (h, c))
    np.testing.assert_allclose(after[0].detach().numpy(), new_h, rtol=1e-10)
    np.testing.assert_allclose(after[1].detach().numpy(), new_c, rtol=1e-10)


@pytest.mark.parametrize("name", GATED)
def test_layer_norm_does_not_see_the_scale_of_the_weights(name: str) -> None:
    cell = cell_with(name, layer_norm=True)
    xs, state = normal(T, B, INPUTS), random_state(cell, B)
    outputs = []
    for factor in (1e3, 1e3):  # So large that the 1e-5 within the root plays no part.
        with torch.no_grad():
            for weight_name, weight in cell.named_parameters():
                if weight_name in ("weight_ih", "weight_hh"):
                    weight.mul_(factor)
        outputs.append(unroll(cell, xs, state)[0])
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["embedding", "onehot"])
def test_a_normalised_network_reads_one_hot_and_embedded_symbols(kind: str) -> None:
    network = network_with(cell="gru", input=kind, layer_norm=True).eval()
    state = network.initial_state(B)
    windows, _ = network(ids(), state)
    for row, expected in zip(ids(), windows, strict=True):
        logits, state = network.step(row, state)
        torch.testing.assert_close(logits, expected)


# Batch normalisation


def test_batch_norm_brings_each_unit_to_mean_0_and_deviation_1_over_all_positions() -> None:
    norm = BatchNorm(5).double()
    outputs = norm(normal(T, B, 5) * 3 + 7).flatten(0, 1)
    torch.testing.assert_close(outputs.mean(0), torch.zeros(5).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(
        outputs.std(0, correction=0), torch.ones(5).double(), rtol=1e-4, atol=0
    )


def test_batch_norm_evaluates_by_its_running_averages_which_then_rest() -> None:
    norm = BatchNorm(5).double()
    for seed in range(200):
        norm(normal(T, B, 5, seed=seed) * 3 + 7)
    norm.eval()
    xs, before = normal(T, B, 5) * 3 + 7, norm.mean.clone()
    expected = (xs - norm.mean) / (norm.variance + 1e-5).sqrt()
    torch.testing.assert_close(norm(xs), expected)
    assert torch.equal(norm.mean, before)
    assert norm.mean.mean().item() == pytest.approx(7, abs=0.3)
    assert norm.variance.mean().item() == pytest.approx(9, rel=0.15)


def test_batch_norm_stands_after_every_layer() -> None:
    network = network_with(layers=2, batch_norm=True)
    reading = network.read(ids(), network.initial_state(B))
    outputs = reading.outputs.flatten(0, 1)
    torch.testing.assert_close(outputs.mean(0), torch.zeros(8).double(), atol=1e-8, rtol=0)
    assert len(network.stack.norms) == 2


# Together


@pytest.mark.parametrize("kind", ["onehot", "embedding"])
def test_training_without_effect_is_evaluation(kind: str) -> None:
    """A dropout of next to nothing: what enters a residual layer is the same either way."""
    network = network_with(
        input=kind, hidden_size=V, embedding_size=V, residual=True, input_dropout=1e-9
    )
    state = network.initial_state(B)
    learning, _ = network(ids(), state, generator=generator())
    evaluated, _ = network.eval()(ids(), state)
    torch.testing.assert_close(learning, evaluated)


@pytest.mark.parametrize("name", GATED)
@pytest.mark.parametrize("layer_norm", [False, True])
def test_cells_with_zoneout_train_in_bfloat16(name: str, layer_norm: bool) -> None:
    cell = cell_with(name, zoneout=0.3, layer_norm=layer_norm).float()
    xs, state = normal(T, B, INPUTS, dtype=torch.float32), cell.initial_state(B)
    zones = tuple(draw_zones(part.expand(T, *part.shape), 0.3, generator()) for part in state)
    expected, _ = unroll(cell, xs, state, kept=zones)
    with torch.autocast("cpu", torch.bfloat16):
        outputs, after = unroll(cell, xs, state, kept=zones)
    assert {part.dtype for part in after} == {torch.float32}
    torch.testing.assert_close(outputs.float(), expected, rtol=0.1, atol=0.1)


# What cannot be


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "gru", "zoneout_cell": 0.1}, "zoneout_cell needs a cell with c"),
        (
            {"cell": "min_gru", "zoneout": 0.1},
            "zoneout needs a cell whose gates depend on its state",
        ),
        ({"cell": "min_lstm", "layer_norm": True}, "layer_norm needs a cell whose gates"),
        ({"zoneout": 1.0}, "zoneout must be .*below 1; got 1.0"),
        ({"output_dropout": -0.1}, "output_dropout must be at least 0"),
    ],
)
def test_options_that_cannot_be_are_one_line(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        NetworkConfig(**options)  # type: ignore[arg-type]


def test_one_hot_input_dropout_of_nothing_is_the_looked_up_way() -> None:
    network = network_with(input="onehot", input_dropout=0.5).eval()
    dense = functional.one_hot(ids(), V).double()
    logits, _ = network(ids(), network.initial_state(B))
    outputs, _ = network.stack.unroll(dense, network.initial_state(B))
    torch.testing.assert_close(logits, network.head(outputs))

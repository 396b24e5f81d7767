"""A cell over time: the paths agree, and what each of them promises."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nextchar.config import NetworkConfig
from nextchar.nn import recurrent
from nextchar.nn.cell import Cell, CellState, Embedded
from nextchar.nn.cells import build_cell
from nextchar.nn.initialization import initialize_cell
from nextchar.nn.kernels import launch
from nextchar.nn.kernels.hardware import has_bfloat16
from nextchar.nn.recurrent import Path, available_paths, choose_path, unroll
from tests.nn.cases import (
    CONFIGS,
    HIDDEN,
    INPUTS,
    generator,
    normal,
    random_cell,
    random_state,
    ways,
)

STEPS, STREAMS = 9, 3
FAST_WAYS = [(name, path) for name, path in ways() if path != "stepwise"]


class Leaky(Cell):
    """A cell of a user: h_t = (h_{t−1} + W x_t + b) / 2."""

    gate_names = ("hidden",)

    def gates(self, projected: Tensor, state: CellState) -> tuple[Tensor, ...]:
        return (projected,)

    def combine(self, gates: tuple[Tensor, ...], state: CellState) -> CellState:
        return ((state[0] + gates[0]) / 2,)


def gradients(cell: Cell, xs: Tensor, state: CellState, path: Path) -> dict[str, Tensor]:
    cell.zero_grad()
    outputs, last = unroll(cell, xs, state, path=path)
    loss = outputs.float().square().sum() + sum(part.square().sum() for part in last)
    torch.autograd.backward(loss)
    return {
        name: parameter.grad.clone()
        for name, parameter in cell.named_parameters()
        if parameter.grad is not None
    }


@pytest.mark.parametrize(("name", "path"), FAST_WAYS)
def test_one_hot_ids_give_the_same_by_every_path(name: str, path: Path) -> None:
    cell = random_cell(name)
    ids = torch.randint(INPUTS, (STEPS, STREAMS), generator=generator())
    state = random_state(cell, STREAMS)
    dense = functional.one_hot(ids, INPUTS).double()

    outputs, _ = unroll(cell, ids, state, path=path)
    expected, _ = unroll(cell, dense, state, path="stepwise")

    torch.testing.assert_close(outputs, expected, rtol=1e-8, atol=1e-8)
    actual, slow = gradients(cell, ids, state, path), gradients(cell, dense, state, "stepwise")
    for key in slow:
        torch.testing.assert_close(actual[key], slow[key], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("name", "path"), ways())
@pytest.mark.parametrize("symbols", [3, STEPS * STREAMS + 1], ids=["few", "many"])
def test_embedded_symbols_are_their_vectors_in_values_and_gradients(
    name: str, path: Path, symbols: int
) -> None:
    cell = random_cell(name)
    ids = torch.randint(symbols, (STEPS, STREAMS), generator=generator())
    state = random_state(cell, STREAMS)

    results = []
    for embedded, way in ((True, path), (False, "stepwise")):
        table = normal(symbols, INPUTS).requires_grad_()
        inputs = Embedded(ids, table)
        cell.zero_grad()
        outputs, _ = unroll(cell, inputs if embedded else inputs.vectors(), state, path=way)
        torch.autograd.backward(outputs.square().sum())
        assert table.grad is not None
        results.append([outputs, table.grad, *(p.grad for p in cell.parameters())])

    torch.testing.assert_close(*results, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("name", "path"), ways())
def test_two_windows_with_carried_state_are_one_long_window(name: str, path: Path) -> None:
    cell = random_cell(name)
    xs, state = normal(STEPS, STREAMS, INPUTS), random_state(cell, STREAMS)

    whole, whole_last = unroll(cell, xs, state, path=path)
    first, between = unroll(cell, xs[:4], state, path=path)
    second, last = unroll(cell, xs[4:], between, path=path)

    torch.testing.assert_close(torch.cat((first, second)), whole, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(last, whole_last, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("name", "path"), ways())
def test_without_gradients_the_values_are_the_same_and_nothing_is_kept(
    name: str, path: Path
) -> None:
    cell = random_cell(name)
    xs, state = normal(STEPS, STREAMS, INPUTS), random_state(cell, STREAMS)
    expected, expected_last = unroll(cell, xs, state, path=path)

    with torch.no_grad():
        outputs, last = unroll(cell, xs, state, path=path)

    assert outputs.grad_fn is None
    assert torch.equal(outputs, expected)
    assert all(torch.equal(a, b) for a, b in zip(last, expected_last, strict=True))


@pytest.mark.parametrize(("name", "path"), ways())
def test_autocast_is_close_and_keeps_the_types_of_state_and_gradients(
    name: str, path: Path
) -> None:
    if (name, path) == ("lstm", "fused") and not has_bfloat16(torch.device("cpu")):
        pytest.skip("oneDNN has no lstm in bfloat16 for this processor")
    config = dataclasses.replace(CONFIGS[name], hidden_size=32)
    cell = build_cell(config, 16)
    initialize_cell(cell, config, generator())
    xs = normal(12, 8, 16, dtype=torch.float32)
    state = cell.initial_state(8)
    expected = unroll(cell, xs, state, path=path)[0]
    exact = gradients(cell, xs, state, path)

    with torch.autocast("cpu", torch.bfloat16):
        outputs, last = unroll(cell, xs, state, path=path)
        rough = gradients(cell, xs, state, path)

    assert all(part.dtype == torch.float32 for part in last)
    assert (outputs - expected).norm() < 0.02 * expected.norm()
    for key, gradient in exact.items():
        assert rough[key].dtype == torch.float32
        assert (rough[key] - gradient).norm() < 0.05 * gradient.norm()


@pytest.mark.parametrize(("name", "path"), FAST_WAYS)
def test_float32_is_close_to_float64(name: str, path: Path) -> None:
    exact, rough = random_cell(name), random_cell(name).float()
    xs, state = normal(STEPS, STREAMS, INPUTS), random_state(exact, STREAMS)
    few = tuple(part.float() for part in state)

    outputs, _ = unroll(rough, xs.float(), few, path=path)
    expected, _ = unroll(exact, xs, state, path="stepwise")

    torch.testing.assert_close(outputs.double(), expected, rtol=1e-5, atol=1e-5)
    slow = gradients(exact, xs, state, "stepwise")
    for key, gradient in gradients(rough, xs.float(), few, path).items():
        torch.testing.assert_close(gradient.double(), slow[key], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("path", ["own", "stepwise"])
@pytest.mark.parametrize("name", [name for name, path in ways() if path == "own"])
def test_a_diverged_network_shows(name: str, path: Path) -> None:
    cell = random_cell(name).float()
    with torch.no_grad():
        cell.bias[-1] = torch.nan

    outputs, _ = unroll(cell, torch.ones(2, 1, INPUTS), cell.initial_state(1), path=path)

    assert outputs.isnan().any()


@pytest.mark.parametrize(("name", "path"), FAST_WAYS)
def test_inputs_may_be_views_and_gradients_broadcast(name: str, path: Path) -> None:
    cell = random_cell(name)
    streams_first = normal(STREAMS, STEPS, INPUTS)
    xs, state = streams_first.transpose(0, 1), random_state(cell, STREAMS)

    results = []
    for way in (path, "stepwise"):
        cell.zero_grad()
        torch.autograd.backward(unroll(cell, xs, state, path=way)[0].sum())
        results.append([parameter.grad for parameter in cell.parameters()])

    torch.testing.assert_close(*results, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    "name", ["rnn tanh", "gru after", "gru before", "peephole_lstm vector", "min_gru"]
)
def test_second_derivatives_of_own_are_refused(name: str) -> None:
    cell = random_cell(name)
    xs = normal(STEPS, STREAMS, INPUTS).requires_grad_()
    outputs, _ = unroll(cell, xs, random_state(cell, STREAMS), path="own")
    (gradient,) = torch.autograd.grad(outputs.square().sum(), xs, create_graph=True)

    with pytest.raises(RuntimeError, match="once_differentiable"):
        torch.autograd.backward(gradient.sum())


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("lstm", "own"),
        ("rnn tanh", "own"),
        ("rnn sigmoid", "own"),
        ("gru after", "own"),
        ("gru before", "own"),
        ("peephole_lstm vector", "own"),
        ("peephole_lstm matrix", "stepwise"),
        ("min_lstm", "own"),
    ],
)
def test_auto_takes_the_path_that_measured_fastest_on_a_cpu(name: str, chosen: Path) -> None:
    assert choose_path(random_cell(name), normal(STEPS, STREAMS, INPUTS)) == chosen


@pytest.fixture
def with_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrent, "has_bfloat16", lambda _device: True)


def test_auto_never_takes_torchs_lstm_in_bfloat16_on_a_processor_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recurrent, "has_bfloat16", lambda _device: False)
    xs = normal(STEPS, STREAMS, INPUTS, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert choose_path(random_cell("lstm").float(), xs) == "own"


@pytest.mark.usefixtures("with_bfloat16")
def test_auto_takes_torchs_lstm_in_bfloat16_unless_a_wide_one_trains() -> None:
    wide, narrow = (build_cell(NetworkConfig(hidden_size=H), INPUTS) for H in (640, 128))
    xs = normal(STEPS, STREAMS, INPUTS, dtype=torch.float32)

    with torch.autocast("cpu", torch.bfloat16):
        assert choose_path(wide, xs) == "own"
        assert choose_path(narrow, xs) == "fused"
        with torch.no_grad():
            assert choose_path(wide, xs) == "fused"
    assert choose_path(narrow, xs) == "own"


@pytest.mark.usefixtures("with_bfloat16")
def test_auto_takes_own_for_an_lstm_over_a_vocabulary_wider_than_its_layer() -> None:
    ids = torch.zeros(STEPS, STREAMS, dtype=torch.int64)

    with torch.autocast("cpu", torch.bfloat16):
        assert choose_path(random_cell("lstm", HIDDEN).float(), ids) == "fused"
        assert choose_path(random_cell("lstm", HIDDEN + 1).float(), ids) == "own"


def test_auto_takes_the_plain_step_for_a_window_of_one() -> None:
    assert choose_path(random_cell("lstm"), normal(1, STREAMS, INPUTS)) == "stepwise"


def test_a_cell_of_ones_own_runs_step_by_step() -> None:
    cell = Leaky(2, 2)
    nn.init.eye_(cell.weight_ih)
    nn.init.zeros_(cell.bias)

    outputs, last = unroll(cell, torch.ones(3, 1, 2), cell.initial_state(1))

    assert available_paths(cell) == ("stepwise",)
    assert outputs[:, 0, 0].tolist() == [0.5, 0.75, 0.875]
    assert torch.equal(last[0], outputs[-1])


def test_a_path_that_the_cell_lacks_is_refused() -> None:
    cell = random_cell("gru before")

    with pytest.raises(ValueError, match="GRUCell has the paths own, stepwise; got 'fused'"):
        unroll(cell, normal(2, 1, INPUTS), cell.initial_state(1), path="fused")


def test_an_empty_window_is_refused() -> None:
    cell = random_cell("lstm")

    with pytest.raises(ValueError, match="at least one time step, got 0"):
        unroll(cell, normal(0, 1, INPUTS), cell.initial_state(1))


@pytest.mark.parametrize(("name", "path"), ways())
def test_the_state_shares_no_memory_with_the_outputs_or_within_itself(
    name: str, path: Path
) -> None:
    cell = random_cell(name)
    start = cell.initial_state(STREAMS)
    with torch.no_grad():
        outputs, last = unroll(cell, normal(STEPS, STREAMS, INPUTS), start, path=path)

    memories = [part.untyped_storage().data_ptr() for part in (outputs, *start, *last)]
    assert len(set(memories)) == len(memories)
    assert all(part.untyped_storage().nbytes() == part.nbytes for part in last)


@pytest.mark.parametrize(("name", "path"), FAST_WAYS)
def test_gradients_handed_in_are_left_as_they_were(name: str, path: Path) -> None:
    cell = random_cell(name)
    state = tuple(part.requires_grad_() for part in random_state(cell, STREAMS))
    outputs, last = unroll(cell, normal(STEPS, STREAMS, INPUTS), state, path=path)
    given = [torch.ones_like(outputs), *(torch.ones_like(part) for part in last)]

    torch.autograd.backward((outputs, *last), given)

    assert all((gradient == 1).all() for gradient in given)


def test_a_slow_min_cell_forgets_nothing_to_bfloat16() -> None:
    cell = build_cell(CONFIGS["min_gru"], 1)
    for parameter in cell.parameters():
        nn.init.zeros_(parameter)
    nn.init.constant_(cell.bias[:HIDDEN], -8.0)
    start = (torch.ones(1, HIDDEN),)

    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        outputs, _ = unroll(cell, torch.zeros(1000, 1, 1), start)

    kept = (1 - torch.sigmoid(torch.tensor(-8.0))) ** 1000
    assert outputs[-1, 0, 0].item() == pytest.approx(kept.item(), rel=1e-3)


@pytest.mark.parametrize("name", [name for name, path in ways() if path == "own"])
def test_results_are_the_same_bit_by_bit_however_many_workers_there_are(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(CONFIGS[name], hidden_size=72)
    cell = build_cell(config, INPUTS)
    initialize_cell(cell, config, generator())
    xs, state = normal(STEPS, 11, INPUTS, dtype=torch.float32), cell.initial_state(11)
    usual = torch.get_num_threads()
    torch.set_num_threads(3)

    results = []
    for workers in (1, 2, 3):
        monkeypatch.setattr(launch, "suggested_workers", lambda *_, n=workers: n)
        outputs, last = unroll(cell, xs, state, path="own")
        results.append([outputs, *last, *gradients(cell, xs, state, "own").values()])
    torch.set_num_threads(usual)

    for others in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], others, strict=True))

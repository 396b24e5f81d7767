"""Products of integers: exact sums, near products, the same gradients, and when they are taken."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nextchar.compilation.jit import compiled_without_allocation
from nextchar.config import Activation, NetworkConfig
from nextchar.nn import autotune
from nextchar.nn.autotune import fastest_arithmetic
from nextchar.nn.cell import Cell, Embedded, Inputs
from nextchar.nn.cells import build_cell
from nextchar.nn.initialization import initialize_cell
from nextchar.nn.kernels import launch
from nextchar.nn.kernels.fixed_point import (
    BLOCK,
    COLUMNS,
    LARGEST_GRADIENT,
    LARGEST_WEIGHT,
    ONE,
    PAIRS_OF_GRADIENTS,
    PAIRS_OF_STATES,
    Integers,
    Pairs,
    multiply_integers,
    multiply_pairs,
    pack_integer_columns,
    pack_integer_rows,
    pairs_of,
    quantize_gradients,
    quantize_states,
)
from nextchar.nn.kernels.quantized import STATE_SCALES
from nextchar.nn.kernels.slices import Array, Units
from nextchar.nn.precision import Arithmetic, computing_in, has_bfloat16, has_int16
from nextchar.nn.recurrent import unroll
from tests.nn.cases import CONFIGS, generator, normal

CPU = torch.device("cpu")
SIZES = {
    "rnn tanh": 192,
    "rnn sigmoid": 192,
    "lstm": 96,
    "peephole_lstm vector": 112,
    "gru after": 112,
    "gru before": 112,
}
needs_the_instruction = pytest.mark.skipif(not has_int16(CPU), reason="no AVX-512 VNNI here")


@compiled_without_allocation
def packed_rows(weight: Array, gates: int, units: Units, panels: Integers, factors: Array) -> None:
    pack_integer_rows(weight, gates, units, panels, factors)


@compiled_without_allocation
def packed_columns(
    weight: Array, gates: int, units: Units, panels: Integers, factors: Array
) -> None:
    pack_integer_columns(weight, gates, units, panels, factors)


def panels_for(columns: int, inner: int) -> tuple[Integers, Array, int]:
    count = -(-columns // COLUMNS)
    panels = np.full((count, inner * COLUMNS), 77, np.int16)
    return panels, np.full(count * COLUMNS, np.nan, np.float32), count * COLUMNS


def forward(hidden: Array, weight: Array, gates: int, units: Units) -> Array:
    """Multiply h of the last step with the rows of some units."""
    T, B, H = hidden.shape
    integers, none = np.zeros((2, B, H), np.int16), np.zeros((0, 0, 0), np.int32)
    quantize_states(T - 1, (0, H), hidden, STATE_SCALES[0], integers, none)
    columns = gates * (units[1] - units[0])
    panels, factors, wide = panels_for(columns, H)
    packed_rows(weight, gates, units, panels, factors)
    out = np.full((B, wide), np.nan, np.float32)
    multiply_integers(
        integers[(T - 1) % 2], panels, factors, STATE_SCALES, 0, 0, PAIRS_OF_STATES, out
    )
    assert (out[:, columns:] == 0).all()
    return out[:, :columns]


def back(
    gradients: Array, hidden: Array, weight: Array, gates: int, units: Units
) -> tuple[Array, Array]:
    """Give the last product of the way back for some units, and the gradient of the weight."""
    T, B, H = hidden.shape
    states = np.zeros((T, pairs_of(B), H), np.int32)
    for t in range(T):
        room = np.zeros((2, B, H), np.int16)
        quantize_states(t, (0, H), hidden, STATE_SCALES[0], room, states)
    at_once = 3
    integers = np.zeros((2, B, gates * H), np.int16)
    pairs: Pairs = np.zeros((H // BLOCK, gates, at_once, pairs_of(B), BLOCK), np.int32)
    sizes, d_weight = np.zeros((H // BLOCK, T), np.float32), np.zeros_like(weight)
    panel = np.zeros((at_once * pairs_of(B), COLUMNS), np.int32)
    for t in range(T - 1, -1, -1):
        quantize_gradients(t, (0, H), gates, gradients, integers, pairs, sizes)
        if t % at_once == 0:
            multiply_pairs(t, (0, H), gates, B, states, pairs, sizes, STATE_SCALES, panel, d_weight)
    panels, factors, wide = panels_for(units[1] - units[0], gates * H)
    packed_columns(weight, gates, units, panels, factors)
    out = np.full((B, wide), np.nan, np.float32)
    chunk = gates * PAIRS_OF_GRADIENTS
    multiply_integers(integers[0], panels, factors, sizes, 0, T, chunk, out)
    return out[:, : units[1] - units[0]], d_weight


def floats(*shape: int, seed: int, scale: float = 1.0) -> Array:
    found: Array = (scale * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)
    return found


@settings(deadline=None, max_examples=40)
@given(
    streams=st.integers(1, 130),
    blocks=st.integers(1, 9),
    gates=st.integers(1, 4),
    length=st.integers(1, 7),
    cut=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    seed=st.integers(0, 99),
)
def test_products_are_those_of_the_values_to_twelve_bits(
    streams: int, blocks: int, gates: int, length: int, cut: tuple[float, float], seed: int
) -> None:
    H = blocks * BLOCK
    first, last = sorted(round(each * H) for each in cut)
    units = (first, last)
    hidden = np.tanh(floats(length, streams, H, seed=seed))
    weight = floats(gates * H, H, seed=seed + 1, scale=0.1)
    gradients = floats(length, streams, gates * H, seed=seed + 2, scale=1e-7)

    own = weight.reshape(gates, H, H)[:, first:last].reshape(-1, H)
    expected = hidden[-1].astype(np.float64) @ own.T
    # a rounding of half a step in either factor, at worst all of one sign
    bound = H * (np.abs(weight).max() / LARGEST_WEIGHT + np.abs(weight).max() / ONE)
    np.testing.assert_allclose(forward(hidden, weight, gates, units), expected, atol=bound, rtol=0)

    product, d_weight = back(gradients, hidden, weight, gates, units)
    largest = np.abs(gradients).max()
    bound = gates * H * np.abs(weight).max() * largest * (1 / LARGEST_WEIGHT + 1 / LARGEST_GRADIENT)
    np.testing.assert_allclose(product, gradients[0] @ weight[:, first:last], atol=bound, rtol=0)
    expected = np.einsum("tbg,tbh->gh", gradients.astype(np.float64), hidden)
    bound = length * streams * largest * (1 / ONE + 1 / LARGEST_GRADIENT)
    np.testing.assert_allclose(d_weight, expected, atol=bound, rtol=0)


def test_the_largest_values_do_not_overflow() -> None:
    T, B, H, G = 2, 128, 256, 4
    ones = np.ones((T, B, H), np.float32)
    weight, gradients = np.full((G * H, H), 0.5, np.float32), np.full((T, B, G * H), -3e-5)

    assert forward(ones, weight, G, (0, H)) == pytest.approx(H * 0.5, rel=1e-6)
    product, d_weight = back(gradients.astype(np.float32), ones, weight, G, (0, H))
    assert product == pytest.approx(-G * H * 0.5 * 3e-5, rel=1e-6)
    assert d_weight == pytest.approx(-T * B * 3e-5, rel=1e-6)


def test_golden_integers() -> None:
    hidden = np.zeros((1, 3, BLOCK), np.float32)
    hidden[0, :, 0] = [0.5, -1.0, 1.4 / ONE]
    integers, pairs = np.zeros((2, 3, BLOCK), np.int16), np.zeros((1, 2, BLOCK), np.int32)

    quantize_states(0, (0, BLOCK), hidden, STATE_SCALES[0], integers, pairs)

    assert integers[0, :, 0].tolist() == [2048, -4096, 1]
    assert pairs[0, :, 0].tolist() == [2048 + (-4096 << 16), 1]

    gradients = np.zeros((1, 3, 2 * BLOCK), np.float32)
    gradients[0, :, BLOCK + 1] = [0.25, -1.0, 0.5]
    integers, scales = np.zeros((2, 3, 2 * BLOCK), np.int16), np.zeros((1, 1), np.float32)
    halves: Pairs = np.zeros((1, 2, 1, 2, BLOCK), np.int32)

    quantize_gradients(0, (0, BLOCK), 2, gradients, integers, halves, scales)

    assert scales[0, 0] == np.float32(1 / 8191)
    assert integers[0, :, BLOCK + 1].tolist() == [2048, -8191, 4096]
    assert halves[0, 1, 0, :, 1].tolist() == [2048 + (-8191 << 16), 4096]


def test_gradients_of_nothing_are_nothing_and_those_that_are_no_numbers_show() -> None:
    hidden, weight = np.ones((1, 2, BLOCK), np.float32), np.ones((BLOCK, BLOCK), np.float32)
    gradients = np.zeros((1, 2, BLOCK), np.float32)

    product, d_weight = back(gradients, hidden, weight, 1, (0, BLOCK))
    assert not product.any()
    assert not d_weight.any()

    gradients[0, 1, 3] = np.nan
    product, d_weight = back(gradients, hidden, weight, 1, (0, BLOCK))
    assert np.isnan(product).all()
    assert np.isnan(d_weight).all()


def config_of(name: str, hidden_size: int) -> NetworkConfig:
    return dataclasses.replace(CONFIGS[name], hidden_size=hidden_size)


def cell_of(name: str, hidden_size: int, input_size: int = 32) -> Cell:
    config = config_of(name, hidden_size)
    cell = build_cell(config, input_size)
    initialize_cell(cell, config, generator())
    return cell


def results(cell: Cell, inputs: Inputs, start: Tensor, arithmetic: Arithmetic) -> list[Tensor]:
    """Give the outputs, the last state and all gradients."""
    cell.zero_grad()
    given = inputs.table if isinstance(inputs, Embedded) else inputs
    given.grad = None
    start = start.clone().requires_grad_()
    state = (start, *cell.initial_state(len(start))[1:])
    with computing_in(arithmetic, CPU):
        outputs, last = unroll(cell, inputs, state)
    torch.autograd.backward(outputs.square().sum() + sum(part.sum() for part in last))
    gradients = [given.grad, start.grad, *(parameter.grad for parameter in cell.parameters())]
    return [outputs, *last, *(each.clone() for each in gradients if each is not None)]


@needs_the_instruction
@pytest.mark.parametrize("streams", [5, 32, 70])
@pytest.mark.parametrize("embedded", [True, False], ids=["symbols", "vectors"])
@pytest.mark.parametrize("name", SIZES)
def test_values_and_gradients_of_cells_are_near(name: str, embedded: bool, streams: int) -> None:
    cell = cell_of(name, SIZES[name])
    ids = torch.randint(7, (40, streams), generator=generator())
    table = normal(7, 32, dtype=torch.float32).requires_grad_()
    vectors = table.detach()[ids].clone().requires_grad_()
    inputs: Inputs = Embedded(ids, table) if embedded else vectors
    start = 0.5 * torch.tanh(normal(streams, SIZES[name], dtype=torch.float32))

    exact = results(cell, inputs, start, "float32")
    rough = results(cell, inputs, start, "int16")

    assert not torch.equal(rough[0], exact[0])
    for near, far in zip(rough, exact, strict=True):
        assert (near - far).norm() < 1e-3 * far.norm()


@needs_the_instruction
@pytest.mark.parametrize("name", SIZES)
def test_results_are_the_same_bit_by_bit_however_many_workers_there_are(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nextchar.nn.kernels import projection

    cell = cell_of(name, SIZES[name])
    xs = normal(17, 11, 32, dtype=torch.float32).requires_grad_()
    usual = torch.get_num_threads()
    torch.set_num_threads(2)

    found = []
    for workers in (1, 2):
        for room in (launch, projection):
            monkeypatch.setattr(room, "suggested_workers", lambda *_, n=workers: n)
        found.append(results(cell, xs, torch.zeros(11, SIZES[name]), "int16"))
    torch.set_num_threads(usual)

    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@needs_the_instruction
@pytest.mark.parametrize(
    ("hidden_size", "activation", "largest"),
    [(192, "relu", 0.5), (200, "tanh", 0.5), (48, "tanh", 0.5), (192, "tanh", 1.5)],
    ids=["relu", "not sixteens", "few weights", "large state"],
)
def test_float32_stays_where_integers_do_not_suit(
    hidden_size: int, activation: Activation, largest: float
) -> None:
    config = dataclasses.replace(
        CONFIGS["rnn tanh"], hidden_size=hidden_size, activation=activation
    )
    cell = build_cell(config, 32)
    initialize_cell(cell, config, generator())
    xs = normal(9, 4, 32, dtype=torch.float32).requires_grad_()
    start = torch.full((4, hidden_size), largest)

    exact, found = (results(cell, xs, start, each) for each in ("float32", "int16"))

    assert all(torch.equal(a, b) for a, b in zip(exact, found, strict=True))


def test_without_the_instruction_int16_is_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    from nextchar.nn.kernels import gemm_int16

    monkeypatch.setattr(gemm_int16, "has_instruction", lambda: False)
    cell, xs = cell_of("lstm", 96), normal(9, 4, 32, dtype=torch.float32).requires_grad_()

    exact, found = (results(cell, xs, torch.zeros(4, 96), each) for each in ("float32", "int16"))

    assert all(torch.equal(a, b) for a, b in zip(exact, found, strict=True))
    assert fastest_arithmetic(config_of("lstm", 96), 8, CPU) != "int16"


@needs_the_instruction
@pytest.mark.parametrize("native", [True, False])
def test_auto_is_int16_only_for_cells_that_take_it(
    native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where bfloat16 has to be tried, which is slow on a processor without it."""
    if not native or not has_bfloat16(CPU):
        monkeypatch.setattr(autotune, "has_bfloat16", lambda _device: native)
        assert fastest_arithmetic(config_of("gru after", 112), 8, CPU) == "int16"
    for other in (
        config_of("gru after", 104),
        config_of("gru after", 96),
        config_of("min_gru", 112),
        config_of("peephole_lstm matrix", 112),
        dataclasses.replace(config_of("lstm", 112), layer_norm=True),
        dataclasses.replace(config_of("lstm", 112), zoneout=0.1),
    ):
        assert fastest_arithmetic(other, 8, CPU) != "int16"


def test_other_processors_compute_the_same(tmp_path: Path) -> None:
    """In another process, which compiles for a processor that has no such instruction."""
    program = (
        "import numpy as np\n"
        "from tests.nn.kernels.test_fixed_point import back, floats, forward\n"
        "from nextchar.nn.kernels.gemm_int16 import has_instruction\n"
        "hidden, weight = np.tanh(floats(3, 9, 48, seed=0)), floats(96, 48, seed=1)\n"
        "found = back(floats(3, 9, 96, seed=2), hidden, weight, 2, (0, 48))\n"
        "arrays = (forward(hidden, weight, 2, (0, 48)), *found)\n"
        "print(has_instruction(), *(float(each.astype(np.float64).sum()) for each in arrays))\n"
    )
    found = []
    for other in ({}, {"NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path)}):
        environment = {**os.environ, **other}
        ended = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, check=True
        )
        found.append(ended.stdout.split())

    assert found[1][0] == b"False"
    here, there = (np.array(each[1:], float) for each in found)
    np.testing.assert_allclose(here, there, rtol=1e-4)  # its roundings of halves may be others


@pytest.mark.parametrize(
    ("seconds", "were_compiled", "tried"),
    [(30, False, False), (30, True, True), (600, False, True)],
)
def test_a_short_training_does_not_compile_the_loops_of_integers(
    monkeypatch: pytest.MonkeyPatch, seconds: float, were_compiled: bool, tried: bool
) -> None:
    timed: list[object] = []

    def noted(call: object) -> float:
        timed.append(call)
        return float(len(timed))

    for name in ("has_int16", "has_bfloat16"):
        monkeypatch.setattr(autotune, name, lambda _: True)
    monkeypatch.setattr(autotune, "was_compiled", lambda _: were_compiled)
    monkeypatch.setattr(autotune, "_seconds", noted)
    config = config_of("lstm", 112)
    chosen = autotune.fastest_arithmetic(config, 8, CPU, seconds=seconds)
    assert chosen == ("int16" if tried else "bfloat16")  # int16 is timed first
    assert bool(timed) == tried

"""Each cell, by each of its paths, gives the numbers of its equations."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import pytest
import torch

from nextchar.nn.cell import Cell
from nextchar.nn.cells import MinLSTMCell, build_cell
from nextchar.nn.recurrent import Path, unroll
from tests.nn import reference
from tests.nn.cases import (
    CONFIGS,
    EQUATIONS,
    HIDDEN,
    INPUTS,
    generator,
    normal,
    random_cell,
    random_state,
    ways,
)

STEPS, STREAMS = 20, 3
GOLDEN = json.loads(
    (FilePath(__file__).parent.parent / "golden" / "cells.json").read_text(encoding="utf-8")
)["cells"]


def close(actual: torch.Tensor | None, expected: reference.Array, tolerance: float = 1e-8) -> None:
    assert actual is not None
    np.testing.assert_allclose(actual.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


def by_reference(
    name: str, cell: Cell, xs: torch.Tensor, state: Any, d_outputs: torch.Tensor, d_last: Any
) -> reference.Result:
    return reference.run(
        EQUATIONS[name],
        {key: value.detach().numpy() for key, value in cell.named_parameters()},
        xs.detach().numpy(),
        tuple(part.detach().numpy() for part in state),
        d_outputs.numpy(),
        tuple(part.numpy() for part in d_last),
    )


@pytest.mark.parametrize(("name", "path"), ways())
def test_values_and_gradients_through_time_are_those_of_the_reference(
    name: str, path: Path
) -> None:
    cell = random_cell(name)
    xs = normal(STEPS, STREAMS, INPUTS, seed=2).requires_grad_()
    state = tuple(part.requires_grad_() for part in random_state(cell, STREAMS, seed=3))
    d_outputs = normal(STEPS, STREAMS, HIDDEN, seed=5)
    d_last = random_state(cell, STREAMS, seed=6)
    expected = by_reference(name, cell, xs, state, d_outputs, d_last)

    outputs, last = unroll(cell, xs, state, path=path)
    torch.autograd.backward((outputs, *last), (d_outputs, *d_last))

    close(outputs, expected.outputs)
    close(xs.grad, expected.d_inputs)
    for part, value in zip(last, expected.state, strict=True):
        close(part, value)
    for part, value in zip(state, expected.d_state, strict=True):
        close(part.grad, value)
    for key, parameter in cell.named_parameters():
        close(parameter.grad, expected.d_parameters[key])


@pytest.mark.parametrize("name", CONFIGS)
def test_gradients_of_the_reference_are_its_central_differences(name: str) -> None:
    cell = random_cell(name)
    xs, state = normal(4, 2, INPUTS, seed=2), random_state(cell, 2)
    d_outputs, d_last = normal(4, 2, HIDDEN, seed=5), random_state(cell, 2, seed=6)
    gradients = by_reference(name, cell, xs, state, d_outputs, d_last).d_parameters

    def loss() -> float:
        result = by_reference(name, cell, xs, state, d_outputs, d_last)
        ends = zip(result.state, d_last, strict=True)
        return float(
            (result.outputs * d_outputs.numpy()).sum()
            + sum((end * d.numpy()).sum() for end, d in ends)
        )

    for key, parameter in cell.named_parameters():
        flat = parameter.detach().view(-1)
        for index in range(0, len(flat), 7):
            flat[index] += 1e-5
            above = loss()
            flat[index] -= 2e-5
            below = loss()
            flat[index] += 1e-5
            slope = (above - below) / 2e-5
            assert gradients[key].reshape(-1)[index] == pytest.approx(slope, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize(("name", "path"), ways())
def test_golden_numbers_with_constant_weights(name: str, path: Path) -> None:
    cell = build_cell(dataclasses.replace(CONFIGS[name], hidden_size=2), 1).double()
    for key, parameter in cell.named_parameters():
        torch.nn.init.constant_(parameter, 0.1 if key.startswith("bias") else 0.5)
    xs = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64).view(3, 1, 1)

    outputs, last = unroll(cell, xs, cell.initial_state(1), path=path)

    golden = GOLDEN[name]
    for unit in range(2):
        assert outputs[:, 0, unit].tolist() == pytest.approx(golden["outputs"], abs=1e-12)
        assert [part[0, unit].item() for part in last] == pytest.approx(golden["state"], abs=1e-12)


@pytest.mark.parametrize("name", CONFIGS)
def test_forward_is_a_step_of_the_projected_input(name: str) -> None:
    cell = random_cell(name)
    x, state = normal(STREAMS, INPUTS), random_state(cell, STREAMS)

    output, after = cell(x, state)
    expected, expected_after = cell.step(cell.project(x), state)

    assert output.shape == (STREAMS, HIDDEN)
    assert len(after) == cell.state_count
    assert torch.equal(output, expected)
    assert all(torch.equal(a, b) for a, b in zip(after, expected_after, strict=True))


@pytest.mark.parametrize("rows", [2, 12])
def test_ids_project_as_their_one_hot_vectors(rows: int) -> None:
    cell = random_cell("lstm")
    ids = torch.randint(INPUTS, (rows,), generator=generator())
    dense = torch.nn.functional.one_hot(ids, INPUTS).double()

    torch.testing.assert_close(cell.project(ids), cell.project(dense), rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", CONFIGS)
def test_gates_are_named_and_within_their_ranges(name: str) -> None:
    cell = random_cell(name)
    gates = cell.gates(cell.project(normal(STREAMS, INPUTS)), random_state(cell, STREAMS))

    assert len(gates) == len(cell.gate_names) == cell.gate_count
    for gate, value in zip(cell.gate_names, gates, strict=True):
        assert value.shape == (STREAMS, HIDDEN)
        if gate in {"input", "forget", "output", "reset", "update"}:
            assert ((value > 0) & (value < 1)).all()


def test_initial_state_is_zeros_of_the_weights_type() -> None:
    cell = build_cell(CONFIGS["lstm"], INPUTS).double()
    state = cell.initial_state(7)

    assert [part.shape for part in state] == [(7, HIDDEN), (7, HIDDEN)]
    assert all(part.dtype == torch.float64 and not part.any() for part in state)


def test_min_lstm_stays_finite_where_both_gates_close() -> None:
    cell = MinLSTMCell(1, 1)
    for parameter in cell.parameters():
        torch.nn.init.zeros_(parameter)
    projected = torch.tensor([[-200.0, -200.0, 3.0]])

    output, _ = cell.step(projected, (torch.ones(1, 1),))

    assert output.item() == pytest.approx(2.0)

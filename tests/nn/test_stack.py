"""A stack of cells is a cell."""

from __future__ import annotations

import pytest
import torch

from nextchar.nn.cell import GatedCell
from nextchar.nn.cells import LSTMCell
from nextchar.nn.dropout import dropout
from nextchar.nn.recurrent import unroll
from nextchar.nn.stack import StackedCells, detach
from tests.nn.cases import CONFIGS, HIDDEN, INPUTS, generator, normal, random_cell

STEPS, STREAMS = 6, 3


def random_stack(name: str, *, layers: int = 3, **options: bool | float) -> StackedCells:
    sizes = [INPUTS, *[HIDDEN] * (layers - 1)]
    cells = [random_cell(name, size, seed=seed) for seed, size in enumerate(sizes)]
    return StackedCells(cells, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("name", CONFIGS)
def test_steps_of_the_stack_and_layers_over_time_give_the_same(name: str, residual: bool) -> None:
    stack = random_stack(name, residual=residual)
    xs, state = normal(STEPS, STREAMS, INPUTS), stack.initial_state(STREAMS)

    over_time, last = stack.unroll(xs, state)
    for x, expected in zip(xs, over_time, strict=True):
        output, state = stack(x, state)
        torch.testing.assert_close(output, expected, rtol=1e-8, atol=1e-8)

    torch.testing.assert_close(state, last, rtol=1e-8, atol=1e-8)


def test_residual_adds_the_input_of_a_layer_where_sizes_agree() -> None:
    stack = random_stack("gru after", layers=2, residual=True)
    x, state = normal(STREAMS, INPUTS), stack.initial_state(STREAMS)

    first, _ = stack.cells[0](x, state[0])
    second, _ = stack.cells[1](first, state[1])

    torch.testing.assert_close(stack(x, state)[0], second + first)


def test_dropout_falls_between_layers_and_not_on_the_last_output() -> None:
    stack = random_stack("lstm", layers=2, dropout=0.5)
    xs, state = normal(STEPS, STREAMS, INPUTS), stack.initial_state(STREAMS)

    outputs, _ = stack.unroll(xs, state, generator=generator())

    first, _ = unroll(stack.cells[0], xs, state[0])
    expected, _ = unroll(stack.cells[1], dropout(first, 0.5, generator()), state[1])
    assert torch.equal(outputs, expected)
    assert (outputs != 0).all()


def test_dropout_in_training_mode_needs_a_generator() -> None:
    stack = random_stack("lstm", dropout=0.5)
    xs, state = normal(STEPS, STREAMS, INPUTS), stack.initial_state(STREAMS)

    with pytest.raises(ValueError, match="needs a generator, got None"):
        stack.unroll(xs, state)


def test_dropout_does_nothing_in_evaluation_mode() -> None:
    stack = random_stack("lstm", dropout=0.5).eval()
    plain = StackedCells(stack.cells)
    xs, state = normal(STEPS, STREAMS, INPUTS), stack.initial_state(STREAMS)

    outputs, _ = stack.unroll(xs, state, generator=generator())

    assert torch.equal(outputs, plain.unroll(xs, state)[0])


def test_detach_cuts_every_part_of_the_state() -> None:
    stack = random_stack("lstm", layers=2)
    _, state = stack.unroll(normal(STEPS, STREAMS, INPUTS), stack.initial_state(STREAMS))

    cut = detach(state)

    assert all(part.requires_grad for layer in state for part in layer)
    assert not any(part.requires_grad for layer in cut for part in layer)
    torch.testing.assert_close(cut, state)


def test_the_layers_are_the_cells_in_order() -> None:
    stack = random_stack("lstm", layers=2)

    assert [type(cell) for cell in stack.cells] == [LSTMCell, LSTMCell]
    assert [cell.input_size for cell in stack.cells] == [INPUTS, HIDDEN]


RECURRENT = [name for name in CONFIGS if not name.startswith("min_")]


@pytest.mark.parametrize("name", RECURRENT)
def test_weight_dropout_is_one_mask_on_the_recurrent_weights_for_the_whole_window(
    name: str,
) -> None:
    stack = random_stack(name, layers=1, weight_dropout=0.5)
    xs, state = normal(STEPS, STREAMS, INPUTS), stack.initial_state(STREAMS)

    outputs, _ = stack.unroll(xs, state, generator=generator())
    torch.autograd.backward(outputs.sum())

    (cell,) = stack.cells
    assert isinstance(cell, GatedCell)
    dropped = dropout(cell.weight_hh, 0.5, generator())
    thinned = StackedCells([cell.with_recurrent_weights(dropped)])
    torch.testing.assert_close(outputs, thinned.unroll(xs, state)[0])
    assert cell.weight_hh.grad is not None
    assert cell.weight_hh.grad.any()
    assert not cell.weight_hh.grad[dropped == 0].any()


def test_weight_dropout_leaves_the_weights_and_the_evaluation_alone() -> None:
    stack = random_stack("lstm", weight_dropout=0.5)
    before = {name: weight.clone() for name, weight in stack.named_parameters()}
    xs, state = normal(STEPS, STREAMS, INPUTS), stack.initial_state(STREAMS)

    stack.unroll(xs, state, generator=generator())
    plain = StackedCells(stack.cells).unroll(xs, state)[0]

    assert all(torch.equal(before[name], weight) for name, weight in stack.named_parameters())
    assert torch.equal(stack.eval().unroll(xs, state)[0], plain)
    with pytest.raises(ValueError, match="needs a generator"):
        stack.train().unroll(xs, state)

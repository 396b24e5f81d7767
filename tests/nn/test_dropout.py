"""Dropout is a function of its generator."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nextchar.nn.dropout import dropout
from nextchar.nn.rng import SharedGenerator
from tests.nn.cases import generator


def test_dropout_is_a_function_of_the_generator_and_moves_it() -> None:
    ones, source = torch.ones(50, 7), generator(3)

    first, second = dropout(ones, 0.5, source), dropout(ones, 0.5, source)

    assert torch.equal(first, dropout(ones, 0.5, generator(3)))
    assert not torch.equal(first, second)


def test_dropout_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()

    dropout(torch.ones(100), 0.5, generator())

    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_share_dropped_is_p_in_every_lane_of_the_random_words(p: float) -> None:
    kept = dropout(torch.ones(100_000, 4), p, generator()) > 0

    for lane in kept.double().mean(0).tolist():
        assert lane == pytest.approx(1 - p, abs=0.01)


@pytest.mark.parametrize("p", [0.25, 0.3, 0.999999])
def test_what_is_kept_is_scaled_so_that_the_mean_stays(p: float) -> None:
    dropped = dropout(torch.ones(1_000_000, dtype=torch.float64), p, generator())

    kept = dropped[dropped > 0]
    assert torch.equal(kept, torch.full_like(kept, kept[0].item()))
    assert kept[0].item() == pytest.approx(1 / (1 - p), rel=1e-4 if p < 0.9 else 1.0)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5])
def test_any_number_of_elements_keeps_shape_and_type(size: int) -> None:
    inputs = torch.ones(size, dtype=torch.bfloat16)

    outputs = dropout(inputs, 0.5, generator())

    assert outputs.shape == inputs.shape
    assert outputs.dtype == torch.bfloat16


def test_gradient_passes_where_the_value_passed() -> None:
    inputs = torch.ones(64, requires_grad=True)

    outputs = dropout(inputs, 0.5, generator())
    torch.autograd.backward(outputs.sum())

    assert inputs.grad is not None
    assert torch.equal(inputs.grad, outputs.detach())


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 5))
def test_shares_of_a_batch_are_dropped_as_the_whole_is(T: int, world: int, B: int, H: int) -> None:
    whole = dropout(torch.ones(T, world * B, H), 0.5, generator(3))

    shares = [dropout(torch.ones(T, B, H), 0.5, shared(rank, world, B)) for rank in range(world)]

    assert torch.equal(torch.cat(shares, 1), whole)


def test_all_shares_drop_the_same_weights_and_go_on_alike() -> None:
    weights, steps = torch.ones(6, 4), torch.ones(2, 3, 4)
    source = generator(3)
    expected = dropout(weights, 0.5, source), dropout(torch.ones(2, 6, 4), 0.5, source)
    for rank in (0, 1):
        source = shared(rank, 2, 3)
        assert torch.equal(dropout(weights, 0.5, source, axis=None), expected[0])
        assert torch.equal(dropout(steps, 0.5, source), expected[1][:, 3 * rank : 3 * rank + 3])


def test_an_axis_with_several_copies_of_the_batch_is_shared_copy_by_copy() -> None:
    ids = torch.ones(2, 12)
    whole = dropout(ids, 0.5, generator(3), axis=-1).view(2, 2, 6)
    for rank in (0, 1):
        share = dropout(ids[:, :6], 0.5, shared(rank, 2, 3), axis=-1).view(2, 2, 3)
        assert torch.equal(share, whole[:, :, 3 * rank : 3 * rank + 3])


def shared(rank: int, world: int, B: int) -> SharedGenerator:
    rows = range(B * rank, B * rank + B)
    made = SharedGenerator(torch.device("cpu"), rows=rows, whole=B * world)
    made.manual_seed(3)
    return made

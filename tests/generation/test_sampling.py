"""Filters and draws, on peaked, flat and arbitrary distributions."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nextchar.errors import ConfigError
from nextchar.generation.sampling import (
    Sampling,
    draw,
    filtered_logits,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    penalize_repetition,
)

PEAKED = torch.tensor([[0.97, 0.01, 0.01, 0.01]]).log()
FLAT = torch.zeros(1, 4)
HALVES = torch.tensor([[0.5, 0.25, 0.125, 0.125]]).log()

rows = st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=12)


def kept(logits: Tensor) -> list[int]:
    return (logits[0] > -math.inf).nonzero().flatten().tolist()


def test_top_p_keeps_only_the_first_symbol_when_it_alone_passes_p() -> None:
    assert kept(keep_top_p(PEAKED, 0.9)) == [0]


def test_top_p_keeps_the_symbol_that_reaches_p_and_none_after_it() -> None:
    assert kept(keep_top_p(HALVES, 0.5)) == [0]
    assert kept(keep_top_p(HALVES, 0.6)) == [0, 1]
    assert kept(keep_top_p(HALVES, 0.76)) == [0, 1, 2]


def test_top_p_on_a_flat_distribution_keeps_as_many_as_reach_p() -> None:
    assert kept(keep_top_p(FLAT, 0.5)) == [0, 1]
    assert kept(keep_top_p(FLAT, 0.51)) == [0, 1, 2]


def test_top_k_keeps_exactly_k_even_among_equals() -> None:
    assert kept(keep_top_k(FLAT, 2)) == [0, 1]
    assert kept(keep_top_k(HALVES, 1)) == [0]
    assert kept(keep_top_k(HALVES, 9)) == [0, 1, 2, 3]


def test_min_p_keeps_symbols_by_their_ratio_to_the_first() -> None:
    assert kept(keep_min_p(HALVES, 0.5)) == [0, 1]
    assert kept(keep_min_p(HALVES, 0.2)) == [0, 1, 2, 3]
    assert kept(keep_min_p(PEAKED, 1.0)) == [0]


def test_repetition_penalty_squares_the_probability_of_recent_symbols_at_two() -> None:
    penalized = penalize_repetition(HALVES, torch.tensor([[0, 0]]), 2.0).exp()
    assert penalized[0].tolist() == pytest.approx([0.25, 0.25, 0.125, 0.125])


def test_repetition_penalty_does_not_hang_on_the_offset_of_the_logits() -> None:
    recent = torch.tensor([[1]])
    one = penalize_repetition(HALVES, recent, 1.5).softmax(-1)
    other = penalize_repetition(HALVES + 7, recent, 1.5).softmax(-1)
    assert torch.allclose(one, other)


def test_temperature_golden_numbers() -> None:
    halves = filtered_logits(HALVES, Sampling(temperature=0.5)).softmax(-1)
    assert halves[0].tolist() == pytest.approx([16 / 22, 4 / 22, 1 / 22, 1 / 22])


def test_a_tiny_temperature_neither_overflows_nor_divides_by_zero() -> None:
    logits = filtered_logits(torch.tensor([[80.0, 79.0, -80.0]]), Sampling(temperature=1e-30))
    assert logits.softmax(-1)[0].tolist() == [1.0, 0.0, 0.0]


def test_draw_inverts_the_cumulative_distribution() -> None:
    uniforms = torch.tensor([0.0, 0.4999, 0.5001, 0.7499, 0.7501, 0.999999], dtype=torch.float64)
    logits = HALVES.double().expand(6, -1)
    assert draw(logits, uniforms).tolist() == [0, 0, 1, 1, 2, 3]


def test_draw_follows_the_distribution() -> None:
    generator = torch.Generator().manual_seed(0)
    uniforms = torch.rand(20_000, generator=generator, dtype=torch.float64)
    drawn = draw(HALVES.expand(20_000, -1), uniforms)
    shares = torch.bincount(drawn, minlength=4) / 20_000
    assert shares.tolist() == pytest.approx([0.5, 0.25, 0.125, 0.125], abs=0.015)


@given(rows, st.floats(0, 1, exclude_max=True), st.data())
def test_draw_never_gives_an_excluded_symbol(
    row: list[float], uniform: float, data: st.DataObject
) -> None:
    excluded = data.draw(st.sets(st.integers(0, len(row) - 1), max_size=len(row) - 1))
    logits = torch.tensor([row])
    logits[0, list(excluded)] = -math.inf
    drawn = draw(logits, torch.tensor([uniform], dtype=torch.float64))
    assert drawn.item() not in excluded


@given(rows, st.floats(0.01, 1, exclude_max=True))
def test_top_p_is_the_smallest_set_that_reaches_p(row: list[float], p: float) -> None:
    logits = torch.tensor([row])
    mass = logits.double().softmax(-1)[0]
    chosen = kept(keep_top_p(logits, p))
    assert float(mass[chosen].sum()) >= p - 1e-9
    without_last = float(mass[chosen].sum() - mass[chosen].min())
    assert without_last < p + 1e-9


@settings(max_examples=50)
@given(
    rows,
    st.builds(
        Sampling,
        temperature=st.floats(0.1, 3),
        top_k=st.integers(0, 5),
        top_p=st.floats(0.1, 1),
        min_p=st.floats(0, 1),
        repetition_penalty=st.floats(0.5, 2),
    ),
)
def test_filters_always_leave_a_symbol(row: list[float], sampling: Sampling) -> None:
    logits = filtered_logits(torch.tensor([row]), sampling, torch.zeros(1, 3, dtype=torch.int64))
    assert kept(logits)


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -1.0},
        {"temperature": math.nan},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.5},
        {"min_p": -0.1},
        {"min_p": 2.0},
        {"repetition_penalty": 0.0},
        {"repetition_window": 0},
        {"temperature": 0.0, "top_p": 0.5},
        {"temperature": 0.0, "top_k": 5},
    ],
)
def test_impossible_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        Sampling(**options)  # type: ignore[arg-type]

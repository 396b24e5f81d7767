"""Formulas in registers: their functions, whatever does not fill a register, and every storage."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nextchar.compilation.jit import compiled_without_allocation
from nextchar.nn.kernels.simd import Lines, formula
from nextchar.nn.kernels.slices import Array


@formula("x", "found")
def _all_functions(lines: Lines) -> None:
    x = lines.read("x")
    for place, value in enumerate((x.exp(), x.sigmoid(), x.tanh(), x.rectified(), x.magnitude())):
        lines.write("found", value, place)


@formula("x", "kept", "written")
def _stored(lines: Lines) -> None:
    lines.write_flushed("kept", lines.read("x"))
    lines.write("written", lines.read("x"))


@formula("x", "y", "found")
def _weighted(lines: Lines) -> None:
    lines.write("found", 2 - lines.read("x", 1) / (1 + lines.read("y")) * lines.read("x"))


@compiled_without_allocation
def all_functions(x: Array, found: Array) -> None:
    _all_functions(x.size, x, 0, 0, found, 0, x.size)


@compiled_without_allocation
def stored(x: Array, kept: Array, written: Array) -> None:
    _stored(x.size, x, 0, 0, kept, 0, 0, written, 0, 0)


@compiled_without_allocation
def weighted(size: int, x: Array, first: int, y: Array, found: Array) -> None:
    _weighted(size, x, first, y.size, y, 0, 0, found, 1, 0)


@pytest.mark.parametrize(("dtype", "ulps"), [(np.float32, 3), (np.float64, 3)])
def test_functions_are_those_of_mathematics(dtype: type, ulps: int) -> None:
    x: Array = np.linspace(-87, 87, 100_003).astype(dtype)
    exact: Array = x.astype(np.longdouble)
    found: Array = np.empty((5, x.size), dtype)

    all_functions(x, found)

    epsilon = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(found[0], np.exp(exact).astype(dtype), rtol=ulps * epsilon)
    expected: Array = (1 / (1 + np.exp(-exact))).astype(dtype)
    np.testing.assert_allclose(found[1], expected, rtol=0, atol=2 * epsilon)
    np.testing.assert_allclose(found[2], np.tanh(exact).astype(dtype), rtol=0, atol=2 * epsilon)
    assert np.array_equal(found[3], np.maximum(x, 0))
    assert np.array_equal(found[4], np.abs(x))


@pytest.mark.parametrize("size", [1, 16, 19])
def test_what_is_no_number_shows_in_all_functions(size: int) -> None:
    found = np.zeros((5, size), np.float32)

    all_functions(np.full(size, np.nan, np.float32), found)

    assert np.isnan(found).all()


@settings(deadline=None, max_examples=50)
@given(size=st.integers(0, 70), first=st.integers(0, 5), seed=st.integers(0, 99))
def test_every_unit_is_computed_and_no_other_is_touched(size: int, first: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    y: Array = random.random(size).astype(np.float32)
    x: Array = random.random(first + 2 * size).astype(np.float32)
    found = np.full(size + 2, 7, np.float32)

    weighted(size, x, first, y, found)

    gates = x[first:].reshape(2, size)
    np.testing.assert_allclose(found[1:-1], 2 - gates[1] / (1 + y) * gates[0], rtol=1e-6)
    assert found[0] == found[-1] == 7


def test_bfloat16_is_rounded_like_torch_does() -> None:
    random = np.random.default_rng(0)
    bits = random.integers(0, 2**32, 4096, dtype=np.uint32)
    bits[:4] = [0x3F808000, 0x3F818000, 0x7F800000, 0xFF800000]  # two ties, two infinities
    x: Array = bits.view(np.float32)
    kept: Array = np.zeros(x.size, np.uint16)
    written: Array = np.zeros(x.size, np.uint16)

    stored(x, kept, written)

    expected = torch.from_numpy(x.copy()).to(torch.bfloat16)
    numbers = ~np.isnan(x)
    assert np.array_equal(written[numbers], expected.view(torch.uint16).numpy()[numbers])
    assert np.isnan((written[~numbers].astype(np.uint32) << 16).view(np.float32)).all()
    assert np.array_equal(kept, written)
    stored(written, kept, written.copy())
    assert np.array_equal(kept, written)


def test_next_to_nothing_is_kept_as_nothing_in_float32_alone() -> None:
    for dtype, nothing in ((np.float32, True), (np.float64, False)):
        x: Array = np.array([1e-31, -1e-31, 1e-29, np.nan], dtype)
        kept: Array = np.ones(4, dtype)
        written: Array = np.ones(4, dtype)

        stored(x, kept, written)

        assert np.array_equal(written, x, equal_nan=True)
        assert np.array_equal(kept[2:], x[2:], equal_nan=True)
        assert ((kept[:2] == 0) == nothing).all()

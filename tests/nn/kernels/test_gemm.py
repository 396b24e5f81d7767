"""Products in panels: the numbers of a plain product, whatever does not divide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextchar.compilation.jit import compiled_without_allocation
from nextchar.nn.kernels.gemm import (
    multiply,
    multiply_columns,
    multiply_rows,
    pack_columns,
    pack_rows,
    panel_columns,
)
from nextchar.nn.kernels.slices import Array, Units


@compiled_without_allocation
def packed_rows(weight: Array, gates: int, units: Units, panels: Array) -> None:
    pack_rows(weight, gates, units, panels)


@compiled_without_allocation
def packed_columns(weight: Array, units: Units, panels: Array) -> None:
    pack_columns(weight, units, panels)


def empty_panels(columns: int, inner: int, dtype: type) -> Array:
    wide = panel_columns(np.dtype(dtype).itemsize)
    return np.full((-(-columns // wide), inner * wide), np.nan, dtype)


def product(xs: Array, panels: Array, columns: int) -> Array:
    out = np.full((len(xs), len(panels) * panels.shape[1] // xs.shape[1]), np.nan, xs.dtype)
    multiply(xs, panels, out)
    assert (out[:, columns:] == 0).all()
    return out[:, :columns]


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 37),
    inner=st.integers(1, 40),
    hidden=st.integers(1, 50),
    gates=st.integers(1, 4),
    cut=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 99),
)
def test_products_with_packed_weights_and_in_place_are_those_of_the_weights(
    rows: int, inner: int, hidden: int, gates: int, cut: tuple[float, float], dtype: type, seed: int
) -> None:
    random = np.random.default_rng(seed)
    first, last = sorted(round(each * hidden) for each in cut)
    units, count = (first, last), last - first
    xs: Array = random.standard_normal((rows, inner)).astype(dtype)
    weight: Array = random.standard_normal((gates * hidden, inner)).astype(dtype)

    panels = empty_panels(gates * count, inner, dtype)
    packed_rows(weight, gates, units, panels)
    own = weight.reshape(gates, hidden, inner)[:, first:last].reshape(-1, inner)
    np.testing.assert_allclose(product(xs, panels, gates * count), xs @ own.T, rtol=0, atol=1e-4)
    out: Array = np.full(gates * count, np.nan, dtype)
    multiply_rows(xs[0], weight, gates, units, out)
    np.testing.assert_allclose(out, own @ xs[0], rtol=0, atol=1e-4)

    square: Array = random.standard_normal((inner, hidden)).astype(dtype)
    panels = empty_panels(count, inner, dtype)
    packed_columns(square, units, panels)
    np.testing.assert_allclose(
        product(xs, panels, count), xs @ square[:, first:last], rtol=0, atol=1e-4
    )
    out = np.full(count, np.nan, dtype)
    multiply_columns(xs[0], square, units, out)
    np.testing.assert_allclose(out, xs[0] @ square[:, first:last], rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_has_the_same_sums_alone_and_among_others(dtype: type) -> None:
    random = np.random.default_rng(0)
    xs: Array = random.standard_normal((31, 64)).astype(dtype)
    panels = empty_panels(64, 64, dtype)
    packed_columns(random.standard_normal((64, 64)).astype(dtype), (0, 64), panels)

    together = product(xs, panels, 64)

    for row in range(31):
        assert np.array_equal(product(xs[row : row + 1], panels, 64)[0], together[row])

"""Compiled pointwise functions: as exact as they say, and honest about NaN."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nextchar.jit import compiled, exp, sigmoid, tanh

Line = NDArray[np.float32]


@compiled
def exps(xs: Line, ys: Line) -> None:
    for j in range(xs.size):
        ys[j] = exp(xs[j])


@compiled
def sigmoids(xs: Line, ys: Line) -> None:
    for j in range(xs.size):
        ys[j] = sigmoid(xs[j])


@compiled
def tanhs(xs: Line, ys: Line) -> None:
    for j in range(xs.size):
        ys[j] = tanh(xs[j])


def line(*values: float) -> Line:
    return np.array(values, dtype=np.float32)


def test_exp_is_exact_to_two_ulp() -> None:
    xs = np.linspace(-87, 87, 100_003, dtype=np.float32)
    ys = np.empty_like(xs)

    exps(xs, ys)

    np.testing.assert_allclose(ys, np.exp(xs.astype(np.float64)), rtol=2.4e-7)


def test_sigmoid_and_tanh_are_exact_to_float32() -> None:
    xs = np.linspace(-30, 30, 100_003, dtype=np.float32)
    squashed, bent, wide = np.empty_like(xs), np.empty_like(xs), xs.astype(np.float64)

    sigmoids(xs, squashed)
    tanhs(xs, bent)

    np.testing.assert_allclose(squashed, 1 / (1 + np.exp(-wide)), rtol=0, atol=1e-7)
    np.testing.assert_allclose(bent, np.tanh(wide), rtol=0, atol=2e-7)


@pytest.mark.parametrize("function", [exps, sigmoids, tanhs])
def test_nan_stays_nan(function: object) -> None:
    ys = line(0)

    function(line(np.nan), ys)  # type: ignore[operator]

    assert np.isnan(ys[0])


def test_infinities_saturate() -> None:
    ys = line(0, 0)

    sigmoids(line(-np.inf, np.inf), ys)
    assert ys[0] < 2e-38
    assert ys[1] == 1

    tanhs(line(-np.inf, np.inf), ys)
    assert ys.tolist() == [-1, 1]

"""The logarithm of compiled code."""

from __future__ import annotations

import numpy as np
import pytest

from nextchar.compilation.jit import compiled
from nextchar.nn.kernels.elementary import exp, log
from nextchar.nn.kernels.slices import Array


@compiled
def all_logarithms(x: Array, found: Array) -> None:
    for place in range(x.size):
        found[place] = log(x[place])


@compiled
def there_and_back(x: Array, found: Array) -> None:
    for place in range(x.size):
        found[place] = log(exp(x[place]))


def logarithms(x: Array) -> Array:
    found: Array = np.empty_like(x)
    all_logarithms(x, found)
    return found


@pytest.mark.parametrize(
    ("low", "high"), [(0.5, 2.0), (0.999, 1.001), (1e-6, 1.0), (1.0, 1e6), (1e-37, 1e38)]
)
def test_logarithms_are_those_of_mathematics(low: float, high: float) -> None:
    x: Array = np.geomspace(low, high, 100_003).astype(np.float32)
    exact = np.log(x.astype(np.float64))
    assert (np.abs(logarithms(x) - exact) <= 1.3e-7 * np.maximum(1, np.abs(exact))).all()


def test_near_one_the_error_is_relative() -> None:
    x: Array = np.linspace(0.99, 1.01, 10_001).astype(np.float32)
    np.testing.assert_allclose(logarithms(x), np.log(x.astype(np.float64)), rtol=3e-7, atol=0)


def test_powers_of_two_and_their_neighbours() -> None:
    powers: Array = np.exp2(np.arange(-126, 128)).astype(np.float32)
    smallest, largest = np.finfo(np.float32).tiny, np.finfo(np.float32).max
    x: Array = np.concatenate(
        [
            powers,
            np.nextafter(powers, np.float32(np.inf)),
            np.nextafter(powers[1:], np.float32(0)),
            np.array([smallest, largest], np.float32),
        ]
    )
    np.testing.assert_allclose(logarithms(x), np.log(x.astype(np.float64)), rtol=3e-7)


def test_the_logarithm_of_one_is_zero() -> None:
    assert logarithms(np.ones(19, np.float32)).tolist() == [0.0] * 19


def test_the_logarithm_of_zero_is_finite() -> None:
    found = logarithms(np.zeros(1, np.float32))
    assert np.isfinite(found).all()
    assert found[0] < -87


def test_the_logarithm_undoes_the_exponential() -> None:
    x: Array = np.linspace(-87, 87, 10_001).astype(np.float32)
    found: Array = np.empty_like(x)
    there_and_back(x, found)
    np.testing.assert_allclose(found, x, rtol=2e-7, atol=4e-7)

"""Elementary functions and constants of all compiled code: exp, sigmoid, tanh, activation codes.

The functions here are for one float32, in loops that LLVM vectorises and whose sums it may reorder.
``simd`` computes the same functions on a register, without reordering: the constants are shared,
the last bit of a result may differ. This module imports no other module of this package.
"""

from __future__ import annotations

import numpy as np

from nextchar.compilation.jit import inlined
from nextchar.config import Activation

TANH, RELU, SIGMOID = range(3)
ACTIVATION_CODES: dict[Activation, int] = {"tanh": TANH, "relu": RELU, "sigmoid": SIGMOID}

# Smaller values are flushed to zero before a product reads them: processors multiply subnormal
# numbers many times slower.
FLUSH_THRESHOLD = 1e-30

# e^x = 2^n · e^r with n = ⌊x · log₂ e + ½⌋ and r = x − n · ln 2, ln 2 being HIGH − LOW. The
# polynomial for e^r has the minimax coefficients of Moshier's Cephes library, from r⁷ down to r².
EXP_LIMIT = 87.0
LOG2_E = 1.44269504
LN2_HIGH, LN2_LOW = 0.693359375, 2.12194440e-4
EXP_POLYNOMIAL = (
    1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
    5.0000001201e-1,
)  # fmt: skip
EXPONENT_BIAS, EXPONENT_SHIFT = 127, 23  # of float32's bits


@inlined
def exp(x: np.float32) -> np.float32:
    """Return e^x to 2 ulp of float32; x is clamped to [−87, 87]."""
    x = max(x, np.float32(-EXP_LIMIT))
    x = min(x, np.float32(EXP_LIMIT))
    power = np.floor(x * np.float32(LOG2_E) + np.float32(0.5))
    r = x - power * np.float32(LN2_HIGH)
    r = r + power * np.float32(LN2_LOW)
    p = np.float32(EXP_POLYNOMIAL[0])
    p = p * r + np.float32(EXP_POLYNOMIAL[1])
    p = p * r + np.float32(EXP_POLYNOMIAL[2])
    p = p * r + np.float32(EXP_POLYNOMIAL[3])
    p = p * r + np.float32(EXP_POLYNOMIAL[4])
    p = p * r + np.float32(EXP_POLYNOMIAL[5])
    p = p * r * r + r + np.float32(1.0)
    exponent = np.int32(power) + np.int32(EXPONENT_BIAS)
    scale = np.int32(exponent << np.int32(EXPONENT_SHIFT)).view(np.float32)
    return np.float32(p * scale)


@inlined
def sigmoid(x: np.float32) -> np.float32:
    """Return 1 / (1 + e^−x)."""
    return np.float32(1.0) / (np.float32(1.0) + exp(-x))


@inlined
def tanh(x: np.float32) -> np.float32:
    """Return the hyperbolic tangent, to an absolute error of 2e-7."""
    return np.float32(1.0) - np.float32(2.0) / (np.float32(1.0) + exp(np.float32(2.0) * x))

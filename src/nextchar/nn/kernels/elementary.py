"""Elementary functions and constants of all compiled code: exp, log, sigmoid, tanh, activations.

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

# ln x = n · ln 2 + ln(1 + r) with r in [√½ − 1, √2 − 1). The polynomial for ln(1 + r) has the
# coefficients of the same library, from r⁹ down to r³.
LOG_POLYNOMIAL = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
_MANTISSA, _HALF, _ROOT_HALF = 0x007FFFFF, 0x3F000000, 0.70710678


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
def log(x: np.float32) -> np.float32:
    """Return ln x of a positive normal number, to an error of 1.3e-7 · max(1, |ln x|)."""
    bits = np.float32(x).view(np.int32)
    power = np.int32((bits >> np.int32(EXPONENT_SHIFT)) - np.int32(EXPONENT_BIAS - 1))
    mantissa = np.int32((bits & np.int32(_MANTISSA)) | np.int32(_HALF)).view(np.float32)
    small = mantissa < np.float32(_ROOT_HALF)
    n = np.float32(power) - (np.float32(1.0) if small else np.float32(0.0))
    r = (mantissa + mantissa if small else mantissa) - np.float32(1.0)
    p = np.float32(LOG_POLYNOMIAL[0])
    p = p * r + np.float32(LOG_POLYNOMIAL[1])
    p = p * r + np.float32(LOG_POLYNOMIAL[2])
    p = p * r + np.float32(LOG_POLYNOMIAL[3])
    p = p * r + np.float32(LOG_POLYNOMIAL[4])
    p = p * r + np.float32(LOG_POLYNOMIAL[5])
    p = p * r + np.float32(LOG_POLYNOMIAL[6])
    p = p * r + np.float32(LOG_POLYNOMIAL[7])
    p = p * r + np.float32(LOG_POLYNOMIAL[8])
    p = p * r * r * r - n * np.float32(LN2_LOW) - np.float32(0.5) * r * r
    return np.float32(r + p + n * np.float32(LN2_HIGH))


@inlined
def sigmoid(x: np.float32) -> np.float32:
    """Return 1 / (1 + e^−x)."""
    return np.float32(1.0) / (np.float32(1.0) + exp(-x))


@inlined
def tanh(x: np.float32) -> np.float32:
    """Return the hyperbolic tangent, to an absolute error of 2e-7."""
    return np.float32(1.0) - np.float32(2.0) / (np.float32(1.0) + exp(np.float32(2.0) * x))

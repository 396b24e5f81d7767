"""The recurrence as a linear map: spectral radii of the recurrent weights, singular values by lag.

Shapes: H hidden, K the largest lag, n lags, m singular values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.inspection.recording import LETTERS
from nextchar.inspection.windows import Windows, read_windows
from nextchar.nn.cell import Cell, GatedCell
from nextchar.nn.network import Network

MAX_RADIUS_UNITS = 1024
VALUES = 5  # largest singular values kept
_LAGS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)
_MOST_WORK = 7_000_000_000  # H³ × K × places: a few seconds
_MOST_PLACES = 8
_SQUARINGS = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class SingularValues:
    """The largest singular values of ∂h_t/∂h_{t−k} and of ∂h_t/∂c_{t−k}, by lag k.

    A value above 1 stretches a change of the earlier state, one below 1 shrinks it. The Jacobian
    with respect to h holds c_{t−k} constant, and the other way round.

    Attributes
    ----------
    lags
        The lags k, int64[n].
    parts
        For each part of the state, ``"h"`` and ``"c"``, float64[n, m]: the median over some places.
    places
        The number of these places.
    """

    lags: NDArray[np.int64]
    parts: dict[str, NDArray[np.float64]]
    places: int


def spectral_radii(cell: Cell) -> dict[str, float]:
    """Return the largest absolute eigenvalue of the recurrent weights U [H, H] of each gate.

    It is ‖Uⁿ‖^(1/n) for n = 2¹⁶ (Gelfand's formula), correct to four digits. The gates are named by
    their letters, the only one of an rnn ``"h"``. There are none for cells without U, and for more
    than ``MAX_RADIUS_UNITS`` units.
    """
    if not isinstance(cell, GatedCell) or cell.hidden_size > MAX_RADIUS_UNITS:
        return {}
    names = [LETTERS.get(name, "h") for name in cell.gate_names]
    with torch.no_grad():
        blocks = cell.weight_hh.double().chunk(cell.gate_count)
        return dict(zip(names, map(_spectral_radius, blocks), strict=True))


def _spectral_radius(matrix: Tensor) -> float:
    """Square a matrix again and again, and keep the logarithm of its norm apart."""
    logarithm = 0.0  # of the factor that was taken out of the power
    for _ in range(_SQUARINGS):
        norm = float(matrix.norm())
        if norm == 0:
            return 0.0
        matrix = matrix / norm
        logarithm = 2 * (logarithm + math.log(norm))
        matrix = matrix @ matrix
    norm = float(matrix.norm())
    return math.exp((logarithm + math.log(norm)) / 2**_SQUARINGS) if norm > 0 else 0.0


def singular_values(network: Network, windows: Windows) -> tuple[SingularValues | None, ...]:
    """Return the largest singular values of the Jacobians of every layer by lag.

    Each window needs a backward pass with H cotangents at once. So wide layers are measured at
    fewer places and shorter lags, and those of more than about 1,900 units not at all (``None``).
    """
    hidden = network.stack.cells[0].hidden_size
    most = _MOST_WORK // hidden**3
    lags = np.array([lag for lag in _LAGS if lag <= min(windows.lags, most)])
    if len(lags) == 0:
        return (None,) * len(network.stack.cells)
    count = min(max(1, most // int(lags[-1])), _MOST_PLACES, windows.count)
    found: list[list[list[NDArray[np.float64]]]] = []
    for place in range(count):
        reading = read_windows(network, windows.part(slice(place, place + 1)))
        found.append([_of_layer(states, lags) for states in reading.states])
    return tuple(
        SingularValues(
            lags=lags,
            parts={
                name: np.median([place[layer][part] for place in found], axis=0)
                for part, name in enumerate("hc"[: cell.state_count])
            },
            places=count,
        )
        for layer, cell in enumerate(network.stack.cells)
    )


def _of_layer(
    states: list[tuple[Tensor, ...]], lags: NDArray[np.int64]
) -> list[NDArray[np.float64]]:
    """Return float64[n, m] for each part of the state of a layer in one window."""
    last = states[-1][0]
    earlier = [part for lag in lags.tolist() for part in states[-1 - lag]]
    cotangents = torch.eye(last.shape[1], dtype=last.dtype).unsqueeze(1)
    jacobians = torch.autograd.grad(
        last, earlier, cotangents, retain_graph=True, is_grads_batched=True
    )
    count = len(states[-1])
    values = [_largest(jacobian[:, 0]) for jacobian in jacobians]
    return [np.stack(values[part::count]) for part in range(count)]


def _largest(jacobian: Tensor) -> NDArray[np.float64]:
    """Return the m largest singular values of a matrix, descending."""
    squares = torch.linalg.eigvalsh(jacobian @ jacobian.T).clamp(min=0).flip(0)[:VALUES]
    values: NDArray[np.float64] = squares.sqrt().numpy()
    return values

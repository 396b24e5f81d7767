"""Units that are held at values while a network reads and generates.

After each symbol, those of the prompt included, the value of a held unit of h or c is replaced. The
next layer, the output and the next symbol see the value of h. A value of c acts from the next
symbol on: h of the same symbol has been computed already.

Shapes: T symbols of a prompt, B samples, V vocabulary size, H hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.errors import ConfigError
from nextchar.nn.cell import Cell, CellState, Inputs
from nextchar.nn.network import Network, State
from nextchar.nn.units import PARTS, Unit, unit_of

# The values of units by name: one number, or a number for each symbol read.
Fixed = Mapping[str, float | Sequence[float] | NDArray[np.floating]]
Values = NDArray[np.float64]


class FixedUnits:
    """A network with units held at values, step by step.

    Parameters
    ----------
    network
        The network.
    fixed
        A number for each unit, or a sequence with one for each symbol read, the prompt's first;
        after its end the unit is free. For the names see ``nn.units``.

    Raises
    ------
    ConfigError
        A unit does not exist, or a value is not a finite number.
    """

    def __init__(self, network: Network, fixed: Fixed) -> None:
        self._network = network
        self._read = 0
        self._held: dict[Cell, list[tuple[Unit, Values]]] = {}
        cells = network.stack.cells
        for name, values in fixed.items():
            unit = unit_of(name, cells)
            self._held.setdefault(cells[unit.layer], []).append((unit, _numbers(name, values)))

    def read(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Read symbols int64[T, B]: return logits [T, B, V] and the state."""
        logits = []
        for row in ids:
            each, state = self.step(row, state)
            logits.append(each)
        return torch.stack(logits), state

    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one symbol int64[B] of each sample: return logits [B, V] and the state."""
        reading = self._network.read(ids.unsqueeze(0), state, run=self._run)
        self._read += 1
        return reading.logits[0], reading.state

    def _run(
        self, cell: Cell, inputs: Inputs, state: CellState, kept: CellState | None
    ) -> tuple[Tensor, CellState]:
        """Take one step in a layer, and replace the values; the type of ``nn.stack.RunCell``."""
        _, state = cell.step(cell.project(inputs)[0], state, kept)
        for unit, values in self._held.get(cell, ()):
            if values.ndim == 0:
                state = _replaced(state, unit, values.item())
            elif self._read < len(values):
                state = _replaced(state, unit, values[self._read].item())
        return state[0].unsqueeze(0), state


def _numbers(name: str, values: float | Sequence[float] | NDArray[np.floating]) -> Values:
    """Return a value or a sequence of values as an array of 0 or 1 dimensions."""
    try:
        numbers = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        numbers = np.empty((0, 0))
    if numbers.ndim > 1 or not np.isfinite(numbers).all():
        raise ConfigError(
            f"unit {name} must have a finite number, or one for each symbol; got {values!r:.80}"
        )
    return numbers


def _replaced(state: CellState, unit: Unit, value: float) -> CellState:
    """Return a state with another value of a unit."""
    place = PARTS.index(unit.part)
    part = state[place].clone()
    part[:, unit.index] = value
    return (*state[:place], part, *state[place + 1 :])

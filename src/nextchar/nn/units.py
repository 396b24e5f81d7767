"""Names of units: ``2.57`` is unit 57 of layer 2, and ``2.c.57`` the memory of an LSTM's unit.

Layers and units count from 1. A name without a part means h, the output of a layer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nextchar.errors import ConfigError
from nextchar.nn.cell import Cell

Part = Literal["h", "c"]
PARTS: tuple[Part, ...] = ("h", "c")  # in the order of ``CellState``
_NAME = re.compile(r"([0-9]{1,9})\.(?:([hc])\.)?([0-9]{1,9})")


@dataclass(frozen=True, order=True)
class Unit:
    """A unit of a network.

    Attributes
    ----------
    layer, index
        Indices of the layer and of the unit in it, from 0: ``recording.layers[layer].h[:, index]``.
    part
        ``"h"`` for the output, ``"c"`` for the memory of an LSTM.
    """

    layer: int
    index: int
    part: Part = "h"

    def __str__(self) -> str:
        part = "" if self.part == "h" else f"{self.part}."
        return f"{self.layer + 1}.{part}{self.index + 1}"


def unit_of(name: str, cells: Sequence[Cell]) -> Unit:
    """Return the unit of a name.

    Raises
    ------
    ConfigError
        The name is malformed, or the network has no such unit.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise ConfigError(
            f"a unit is layer.unit or layer.c.unit, such as 1.57 or 1.c.57; got {name!r:.80}"
        )
    unit = Unit(int(found[1]) - 1, int(found[3]) - 1, "c" if found[2] == "c" else "h")
    if not 0 <= unit.layer < len(cells):
        most = "one layer" if len(cells) == 1 else f"{len(cells)} layers"
        raise ConfigError(f"unit {name}: the network has {most}; got layer {found[1]}")
    cell = cells[unit.layer]
    if not 0 <= unit.index < cell.hidden_size:
        raise ConfigError(
            f"unit {name}: layer {found[1]} has units 1 to {cell.hidden_size}; got {found[3]}"
        )
    if PARTS.index(unit.part) >= cell.state_count:
        raise ConfigError(f"unit {name}: only an LSTM has a memory c; the layer has h alone")
    return unit

"""Units that say nothing: dead ones, whose output never changes, and saturated ones.

Shapes: T symbols, H hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from nextchar.inspection.recording import LayerRecording

UNCHANGED = 1e-4  # range of an output over a text
_NEAR = 0.01  # of the range of the output
_MOSTLY = 0.95  # of the symbols


@dataclass(frozen=True, kw_only=True)
class IdleUnits:
    """The units of a layer that say nothing about a text.

    Attributes
    ----------
    units
        The number H of units.
    dead
        Those whose output is the same after every symbol, such as 0 of a relu.
    saturated
        Those whose output changes, but is at a limit of its range after at least 95 % of the
        symbols: within 1 % of the range.
    """

    units: int
    dead: int
    saturated: int

    @classmethod
    def of(cls, layer: LayerRecording, limits: tuple[float, float]) -> Self:
        """Count the units of a layer whose output is between two limits; they may be infinite."""
        low, high = limits
        near = _NEAR * (high - low)
        dead = np.ptp(layer.h, axis=0) < UNCHANGED
        at_limit = (layer.h < low + near) | (layer.h > high - near)
        saturated = (at_limit.mean(axis=0) >= _MOSTLY) & ~dead & np.isfinite(near)
        return cls(units=layer.h.shape[1], dead=int(dead.sum()), saturated=int(saturated.sum()))

    def to_dict(self) -> dict[str, Any]:
        """Return the counts by name."""
        return {"units": self.units, "dead": self.dead, "saturated": self.saturated}

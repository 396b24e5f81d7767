"""The product of the forget gates by lag: what the memory of an LSTM alone would carry.

The derivative of c_t by c_{t−k} along the memory itself, without the detour through h, is the
product of the forget gates f_{t−k+1} … f_t of each unit. It is what the gates leave of a gradient;
the rest of the gradient takes other paths.

Shapes: K the largest lag, S places, B windows in a batch, H hidden.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.inspection.windows import Windows
from nextchar.nn.cell import Cell, CellState, Inputs
from nextchar.nn.network import Network

_AT_ONCE = 32  # windows


def forget_products(network: Network, windows: Windows) -> list[NDArray[np.float64] | None]:
    """Return the products for each layer, float64[K + 1, S]: the root mean square over the units.

    Layers without a memory c have ``None``.

    Parameters
    ----------
    network
        In float64.
    windows
        The windows to read; lag 0 is their last symbol.
    """
    found: list[list[NDArray[np.float64]]] = [[] for _ in network.stack.cells]
    with torch.no_grad():
        for batch in windows.batches(_AT_ONCE):
            reader = _Reader()
            network.read(batch.ids, batch.state, run=reader.run)
            for layer, gates in zip(found, reader.gates, strict=True):
                if gates:
                    backwards = torch.stack(gates[:0:-1])
                    whole = torch.ones_like(gates[0]).unsqueeze(0)
                    products = torch.cat((whole, backwards.cumprod(0)))
                    layer.append(products.square().mean(2).sqrt().numpy())
    return [np.concatenate(layer, 1) if layer else None for layer in found]


@dataclass
class _Reader:
    """Reads windows, and keeps the forget gates of each layer: K + 1 tensors [B, H], or none."""

    gates: list[list[Tensor]] = field(default_factory=list)

    def run(
        self,
        cell: Cell,
        inputs: Inputs,
        state: CellState,
        kept: CellState | None,  # noqa: ARG002  (the mean share outside training)
    ) -> tuple[Tensor, CellState]:
        """Read the windows in a layer; the type of ``nn.stack.RunCell``."""
        has_memory = cell.state_count > 1 and "forget" in cell.gate_names
        outputs, forgotten = [], []
        for projected in cell.project(inputs).unbind():
            values = cell.gates(projected, state)
            state = cell.advance(values, state)
            outputs.append(state[0])
            if has_memory:
                forgotten.append(values[cell.gate_names.index("forget")])
        self.gates.append(forgotten)
        return torch.stack(outputs), state

"""Windows of a text that end at drawn places, read with every state in the graph of autograd.

Windows are read in float64, because float32 cannot hold a gradient that vanishes over 100 steps.
They start from the states of the network in its own type.

Shapes: T symbols of a text, K the largest lag, S windows, L layers, B windows in a batch, H hidden.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.inspection.recording import states_before
from nextchar.nn.cell import Cell, CellState, Inputs
from nextchar.nn.network import Network, State


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Windows of K + 1 symbols.

    Attributes
    ----------
    ids
        The symbols x_{t−K} … x_t, int64[K + 1, S].
    targets
        The symbols x_{t+1}, int64[S].
    state
        The state before each window, S streams in float64.
    """

    ids: Tensor
    targets: Tensor
    state: State

    @property
    def lags(self) -> int:
        """The largest lag K."""
        return len(self.ids) - 1

    @property
    def count(self) -> int:
        """The number S of windows."""
        return len(self.targets)

    def part(self, places: slice) -> Windows:
        """Return some of the windows."""
        state = tuple(tuple(each[places] for each in layer) for layer in self.state)
        return Windows(ids=self.ids[:, places], targets=self.targets[places], state=state)

    def batches(self, size: int) -> Iterator[Windows]:
        """Yield the windows in batches."""
        for start in range(0, self.count, size):
            yield self.part(slice(start, start + size))


@dataclass
class WindowReading:
    """A batch of windows that was read.

    Attributes
    ----------
    logits
        Of the symbol after each one, [K + 1, B, V].
    states
        The state after each symbol, for each layer: K + 1 tuples of [B, H].
    """

    logits: Tensor = field(default_factory=lambda: torch.empty(0))
    states: list[list[CellState]] = field(default_factory=list)

    def run(
        self, cell: Cell, inputs: Inputs, state: CellState, kept: CellState | None
    ) -> tuple[Tensor, CellState]:
        """Read the windows in a layer; the type of ``nn.stack.RunCell``."""
        states = []
        for projected in cell.project(inputs).unbind():
            _, state = cell.step(projected, state, kept)
            states.append(state)
        self.states.append(states)
        return torch.stack([h for h, *_ in states]), state


def in_float64(network: Network) -> Network:
    """Return a copy of a network in float64 on the CPU, in evaluation mode, with nothing frozen."""
    return copy.deepcopy(network).to("cpu", torch.float64).eval().requires_grad_()


def draw_windows(
    network: Network, ids: NDArray[np.int64], lags: int, count: int, *, seed: int
) -> Windows:
    """Draw the ends of windows in a text, and find the states before them.

    Parameters
    ----------
    network
        Reads the text up to each window.
    ids
        The text, int64[T] with T ≥ K + 2.
    lags
        K.
    count
        The number of windows, S. If the text has fewer, all of them are taken.
    seed
        Seed of the places.
    """
    starts = np.arange(len(ids) - lags - 1)
    if len(starts) > count:
        draw = np.random.default_rng(seed)
        starts = np.sort(draw.choice(len(starts), count, replace=False))
    state = states_before(network, ids, starts)
    windows = np.stack([ids[start : start + lags + 2] for start in starts], axis=1)
    return Windows(
        ids=torch.from_numpy(windows[:-1]),
        targets=torch.from_numpy(windows[-1]),
        state=tuple(tuple(part.to("cpu", torch.float64) for part in layer) for layer in state),
    )


def read_windows(network: Network, windows: Windows) -> WindowReading:
    """Read windows step by step with a network in float64; every state is in the graph."""
    reading = WindowReading()
    reading.logits = network.read(windows.ids, windows.state, run=reading.run).logits
    return reading

"""Recordings: the state and the gates of every layer at every symbol of a text.

The text is read in order, step by step, and the state is carried from one symbol to the next. The
numbers are those of ``Cell.step``: gates by ``Cell.gates``, state by ``Cell.combine``.

Shapes: T symbols read, H hidden, L layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.errors import TextError
from nextchar.nn.cell import Cell, CellState, Inputs
from nextchar.nn.network import Network, State
from nextchar.nn.threads import one_thread

MAX_VALUES = 1 << 28  # float32 numbers of a recording: 1 GiB
SYMBOLS_AT_ONCE = 1024
# The letters of the gates in the literature; the only gate of an rnn is its output.
LETTERS = {
    "input": "i",
    "forget": "f",
    "cell": "g",
    "output": "o",
    "reset": "r",
    "update": "z",
    "candidate": "n",
}

Values = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerRecording:
    """A layer at every symbol.

    Attributes
    ----------
    h
        The output after each symbol, [T, H], before normalisation between layers.
    c
        The memory of an LSTM after each symbol, [T, H]; ``None`` for other cells.
    gates
        The gates at each symbol by their letters, [T, H] each: i, f, g, o of the LSTMs, r, z, n of
        the GRU, z, n of min_gru, f, i, n of min_lstm; none of an rnn. The candidates g and n are
        no gates in the strict sense: they are not between 0 and 1.
    """

    h: Values
    c: Values | None
    gates: Mapping[str, Values]


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """A network over a text.

    Attributes
    ----------
    ids
        The symbols read, int64[T].
    layers
        The L layers, from the input to the output.
    logits
        Of the symbol after each one, [T, V]; ``None`` if they were not kept.
    state
        The state after the last symbol.
    """

    ids: NDArray[np.int64]
    layers: tuple[LayerRecording, ...]
    logits: Values | None
    state: State


def record(
    network: Network,
    ids: NDArray[np.int64],
    *,
    gates: bool = True,
    logits: bool = False,
    state: State | None = None,
) -> Recording:
    """Read a text, and keep what happens in every layer.

    Parameters
    ----------
    network
        Switched to evaluation mode.
    ids
        The symbols, int64[T], T ≥ 1 and at most ``longest(network, …)``.
    gates, logits
        Whether to keep the gates, and the logits.
    state
        The state of one stream before the text; ``None`` for that before any text.

    Raises
    ------
    TextError
        The text is empty or too long.
    """
    most = longest(network, gates=gates, logits=logits)
    if not 0 < len(ids) <= most:
        raise TextError(
            f"a recording of this network must have 1 to {most:,} symbols; got {len(ids):,}"
        )
    network.eval()
    recorders = [_Recorder(cell, len(ids), gates=gates) for cell in network.stack.cells]
    kept = np.empty((len(ids), network.vocabulary_size), np.float32) if logits else None
    if state is None:
        state = network.initial_state(1, first=int(ids[0]))
    with one_thread(), torch.no_grad():
        for start in range(0, len(ids), SYMBOLS_AT_ONCE):
            piece = torch.from_numpy(ids[start : start + SYMBOLS_AT_ONCE])
            order = iter(recorders)
            reading = network.read(
                piece.unsqueeze(1).to(network.head.weight.device),
                state,
                run=lambda *arguments, order=order: next(order).run(*arguments),
            )
            state = reading.state
            if kept is not None:
                kept[start : start + len(piece)] = reading.logits[:, 0].float().cpu().numpy()
    layers = tuple(each.recorded() for each in recorders)
    return Recording(ids=ids, layers=layers, logits=kept, state=state)


def states_before(network: Network, ids: NDArray[np.int64], places: NDArray[np.int64]) -> State:
    """Read a text from its start, and return the states before the symbols at some places.

    The text is read by the fastest path of the cells, and nothing else is kept: memory does not
    grow with the text.

    Parameters
    ----------
    network
        Switched to evaluation mode.
    ids
        The symbols, int64[T], T ≥ 1.
    places
        Ascending indices of symbols, int64[n].

    Returns
    -------
    State
        One stream for each place, [n, H].
    """
    network.eval()
    state, read, found = network.initial_state(1, first=int(ids[0])), 0, []
    with one_thread(), torch.no_grad():
        for place in places.tolist():
            for start in range(read, place, SYMBOLS_AT_ONCE):
                piece = torch.from_numpy(ids[start : min(start + SYMBOLS_AT_ONCE, place)])
                state = network.read(piece.unsqueeze(1).to(network.head.weight.device), state).state
            read = place
            found.append(state)
    return tuple(
        tuple(torch.cat(parts) for parts in zip(*layers, strict=True))
        for layers in zip(*found, strict=True)
    )


def longest(network: Network, *, gates: bool = True, logits: bool = False) -> int:
    """Return the maximum number of symbols of a recording, from its memory (``MAX_VALUES``)."""
    each = network.vocabulary_size if logits else 0
    for cell in network.stack.cells:
        letters = letters_of(cell) if gates else ()
        each += cell.hidden_size * (cell.state_count + len(letters))
    return MAX_VALUES // each


class _Recorder:
    """Reads a text with a cell, and keeps its state and gates.

    Parameters
    ----------
    cell
        The cell.
    length
        T.
    gates
        Whether to keep the gates.
    """

    def __init__(self, cell: Cell, length: int, *, gates: bool) -> None:
        shape = (length, cell.hidden_size)
        self._parts = [np.empty(shape, np.float32) for _ in range(cell.state_count)]
        letters = letters_of(cell) if gates else ()
        self._gates = {letter: np.empty(shape, np.float32) for letter in letters}
        self._read = 0

    def run(
        self,
        cell: Cell,
        inputs: Inputs,
        state: CellState,
        kept: CellState | None,  # noqa: ARG002  (the mean share outside training)
    ) -> tuple[Tensor, CellState]:
        """Read the next symbols; the type of ``nn.stack.RunCell``."""
        outputs = []
        projected = cell.project(inputs)
        for each in projected.unbind():
            gates = cell.gates(each, state)
            state = cell.advance(gates, state)
            self._keep(gates, state)
            outputs.append(state[0])
        return torch.stack(outputs), state

    def _keep(self, gates: tuple[Tensor, ...], state: CellState) -> None:
        for array, part in zip(self._parts, state, strict=True):
            array[self._read] = part[0].float().cpu().numpy()
        for array, gate in zip(self._gates.values(), gates, strict=False):
            array[self._read] = gate[0].float().cpu().numpy()
        self._read += 1

    def recorded(self) -> LayerRecording:
        """Return what was kept."""
        h, *c = self._parts
        return LayerRecording(h=h, c=c[0] if c else None, gates=self._gates)


def letters_of(cell: Cell) -> tuple[str, ...]:
    """Return the letters of a cell's gates, none of an rnn."""
    return tuple(LETTERS[name] for name in cell.gate_names if name in LETTERS)

"""Gates over a text: how often each is open or closed, and units that are of no use.

A gate is left-saturated at a symbol if its value is below 0.1, and right-saturated if it is above
0.9 (Karpathy, Johnson & Li 2015, "Visualizing and understanding recurrent networks"). The text is
read piece by piece, so memory does not grow with it.

Shapes: T symbols read, n symbols of the excerpt, H hidden, L layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import ConfigError, as_option
from nextchar.inspection.idle_units import UNCHANGED
from nextchar.inspection.recording import Recording, Values, letters_of, record
from nextchar.inspection.sample import Sample
from nextchar.nn.network import Network
from nextchar.nn.units import Unit, unit_of

EXCERPT = 60  # symbols
MAX_EXCERPT = 1000
CLOSED, OPEN = 0.1, 0.9
_SIGMOID = "ifozr"  # g and n are candidates
_STUCK = 0.95  # of the symbols
_BARELY = 0.01  # of the median movement of the layer
_AT_ONCE = 2048


@dataclass(frozen=True, kw_only=True, eq=False)
class GateFractions:
    """A gate of a layer over the text.

    Attributes
    ----------
    left, right
        The share of symbols at which each unit's gate is below 0.1 and above 0.9, float64[H].
    mean
        The mean of each unit's gate, float64[H].
    """

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    mean: NDArray[np.float64]

    @property
    def stays_closed(self) -> NDArray[np.int64]:
        """The units whose gate is closed at 95 % of the symbols or more, from 0."""
        return np.flatnonzero(self.left >= _STUCK)

    @property
    def stays_open(self) -> NDArray[np.int64]:
        """The units whose gate is open at 95 % of the symbols or more, from 0."""
        return np.flatnonzero(self.right >= _STUCK)


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerGates:
    """The gates of a layer.

    Attributes
    ----------
    gates
        The fractions of each gate by its letter: i, f, o of an LSTM, r, z of a GRU.
    strips
        The values of each gate in the excerpt, float32[n, H].
    dead
        The units whose output is the same after every symbol, int64, from 0.
    idle
        The units whose output changes by less than 1 % of the median of the layer, as a standard
        deviation, from 0.
    """

    gates: Mapping[str, GateFractions]
    strips: Mapping[str, Values]
    dead: NDArray[np.int64]
    idle: NDArray[np.int64]

    def saturated(self, letter: str, *, is_open: bool) -> NDArray[np.int64]:
        """Return the units whose gate stays open, or closed, but not dead ones."""
        gate = self.gates[letter]
        units = gate.stays_open if is_open else gate.stays_closed
        return np.setdiff1d(units, self.dead)

    def to_dict(self, layer: int) -> dict[str, Any]:
        """Return all figures by name; units are named as ``layer.unit``, from 1."""
        return {
            "dead": _names(layer, self.dead),
            "idle": _names(layer, self.idle),
            "gates": {
                letter: {
                    "mean": gate.mean.tolist(),
                    "left_saturated_share": gate.left.tolist(),
                    "right_saturated_share": gate.right.tolist(),
                    "stays_closed": _names(layer, self.saturated(letter, is_open=False)),
                    "stays_open": _names(layer, self.saturated(letter, is_open=True)),
                }
                for letter, gate in self.gates.items()
            },
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class GateReport:
    """The gates of a network over a text.

    Attributes
    ----------
    cell
        The kind of the cells.
    sample
        The text.
    symbols
        A visible text of each symbol of the excerpt, the beginning of the text (n).
    layers
        The L layers, from the input to the output.
    unit
        The unit to draw; ``None`` for none.
    layer
        The layer to draw, from 0.
    letters
        The gates to draw.
    """

    cell: str
    sample: Sample
    symbols: tuple[str, ...]
    layers: tuple[LayerGates, ...]
    unit: Unit | None
    layer: int
    letters: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all figures by name; with a unit, also its gates in the excerpt."""
        return {
            **self.sample.to_dict(),
            "cell": self.cell,
            "layers": [layer.to_dict(number) for number, layer in enumerate(self.layers)],
            "unit": None if self.unit is None else self._of_unit(self.unit),
        }

    def _of_unit(self, unit: Unit) -> dict[str, Any]:
        strips = self.layers[unit.layer].strips
        return {
            "unit": str(unit),
            "symbols": list(self.symbols),
            **{letter: strip[:, unit.index].tolist() for letter, strip in strips.items()},
        }

    def lines(self, *, width: int = 80) -> list[str]:
        """Return the words, tables and the drawing of the unit for a terminal of this width."""
        from nextchar.inspection.gate_words import gate_lines

        return gate_lines(self, width=width)

    def plot(self) -> Any:  # noqa: ANN401  (matplotlib's own type)
        """Draw the gates over the excerpt, a row for each unit, and the saturated fractions.

        Returns
        -------
        matplotlib.figure.Figure
            The picture.

        Raises
        ------
        NextcharError
            matplotlib is not installed.
        """
        from nextchar.inspection.gate_plots import plot_gates

        return plot_gates(self)


def measure_gates(
    network: Network,
    sample: Sample,
    symbols: list[str],
    *,
    unit: str | None = None,
    layer: int | None = None,
    gate: str | None = None,
) -> GateReport:
    """Read a text, and measure the gates of all layers.

    Parameters
    ----------
    network
        Switched to evaluation mode.
    sample
        The text, of at least two symbols.
    symbols
        Visible texts of the first n symbols, the excerpt.
    unit
        The unit to draw, such as ``"1.57"``.
    layer
        The layer to draw, from 1; by default that of the unit, or the last one.
    gate
        The letter of the gate to draw; by default all.

    Raises
    ------
    ConfigError
        The cells have no gates, or not this layer, gate or unit.
    TextError
        The text is too short.
    """
    letters = _gates_of(network, gate)
    chosen = None if unit is None else unit_of(unit, network.stack.cells)
    drawn = _drawn_layer(network, chosen, layer)
    sample.require(2, "a measure of gates")
    sums = [_Sums(cell.hidden_size) for cell in network.stack.cells]
    for recording in _recordings(network, sample):
        for each, recorded in zip(sums, recording.layers, strict=True):
            each.add(recorded.h, recorded.gates, len(symbols))
    return GateReport(
        cell=network.config.cell,
        sample=sample,
        symbols=tuple(symbols),
        layers=tuple(each.result() for each in sums),
        unit=chosen,
        layer=drawn,
        letters=letters,
    )


def _gates_of(network: Network, gate: str | None) -> tuple[str, ...]:
    """Return the letters of the gates to draw."""
    letters = tuple(each for each in letters_of(network.stack.cells[0]) if each in _SIGMOID)
    if not letters:
        raise ConfigError(f"a network of {network.config.cell} cells has no gates to inspect")
    if gate is None:
        return letters
    if gate not in letters:
        raise ConfigError(
            f"{as_option('gate')} must be one of {', '.join(letters)} for a network of "
            f"{network.config.cell} cells; got {gate!r:.80}"
        )
    return (gate,)


def _drawn_layer(network: Network, unit: Unit | None, layer: int | None) -> int:
    count = len(network.stack.cells)
    if layer is None:
        return count - 1 if unit is None else unit.layer
    if not 1 <= layer <= count:
        raise ConfigError(f"{as_option('layer')} must be from 1 to {count}; got {layer}")
    if unit is not None and unit.layer != layer - 1:
        raise ConfigError(
            f"unit {unit} is not in layer {layer}: {as_option('layer')} is not needed"
        )
    return layer - 1


def _recordings(network: Network, sample: Sample) -> Iterator[Recording]:
    """Record a text in pieces, with the state carried from one to the next."""
    state = None
    for start in range(0, len(sample.ids), _AT_ONCE):
        recording = record(network, sample.ids[start : start + _AT_ONCE], state=state)
        yield recording
        state = recording.state


class _Sums:
    """Sums over the symbols of a layer of H units, read piece by piece."""

    def __init__(self, hidden: int) -> None:
        self._count = 0
        self._gates: dict[str, list[NDArray[np.float64]]] = {}
        self._strips: dict[str, list[Values]] = {}
        self._lowest, self._highest = np.full(hidden, np.inf), np.full(hidden, -np.inf)
        self._moments = np.zeros((2, hidden))

    def add(self, h: Values, gates: Mapping[str, Values], excerpt: int) -> None:
        """Read the next symbols, and keep their gates as long as they are in the excerpt."""
        outputs = h.astype(np.float64)
        self._lowest = np.minimum(self._lowest, outputs.min(axis=0))
        self._highest = np.maximum(self._highest, outputs.max(axis=0))
        self._moments += outputs.sum(axis=0), (outputs**2).sum(axis=0)
        room = max(0, excerpt - self._count)
        for letter, values in gates.items():
            if letter not in _SIGMOID:
                continue
            sums = [(values < CLOSED).sum(0), (values > OPEN).sum(0), values.sum(0, np.float64)]
            before = self._gates.setdefault(letter, [np.zeros(h.shape[1])] * 3)
            self._gates[letter] = [old + new for old, new in zip(before, sums, strict=True)]
            self._strips.setdefault(letter, []).append(values[:room].copy())
        self._count += len(h)

    def result(self) -> LayerGates:
        """Return the measures over all symbols."""
        mean, square = self._moments / self._count
        deviation = np.sqrt(np.maximum(square - mean**2, 0))
        dead = self._highest - self._lowest < UNCHANGED
        living = deviation[~dead]
        usual = float(np.median(living)) if len(living) else 0.0
        fractions = {
            letter: [each / self._count for each in sums] for letter, sums in self._gates.items()
        }
        return LayerGates(
            gates={
                letter: GateFractions(left=left, right=right, mean=middle)
                for letter, (left, right, middle) in fractions.items()
            },
            strips={letter: np.concatenate(parts) for letter, parts in self._strips.items()},
            dead=np.flatnonzero(dead),
            idle=np.flatnonzero(~dead & (deviation < _BARELY * usual)),
        )


def _names(layer: int, units: NDArray[np.int64]) -> list[str]:
    return [str(Unit(layer, index)) for index in units.tolist()]

"""Gates in words, tables and drawings, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nextchar.inspection.gates import GateReport, LayerGates
from nextchar.nn.units import Unit
from nextchar.rendering.characters import width as text_width

OPEN_MARK, CLOSED_MARK = "o", "-"
_HALF = 0.5
_LISTED = 10
_ENOUGH = 200  # symbols for advice
# What an open gate does, by its cell where cells differ.
_OPEN = {
    "i": "writes",
    "f": "keeps the memory",
    "o": "shows the memory",
    "r": "reads the old state",
    "z": "keeps the old state",
    "min_gru z": "replaces the state",
}


def gate_lines(report: GateReport, *, width: int) -> list[str]:
    """Return the lines of a report; see ``GateReport.lines``."""
    drawing = [] if report.unit is None else [*unit_drawing(report, report.unit, width), ""]
    return [*drawing, *_table(report), "", *_finding_lines(report), _advice(report)]


def unit_drawing(report: GateReport, unit: Unit, width: int) -> Iterator[str]:
    """Yield the excerpt with a mark under each symbol for each gate of a unit: open or closed."""
    strips = report.layers[unit.layer].strips
    yield f"unit {unit}: {OPEN_MARK} open (0.5 or more), {CLOSED_MARK} closed"
    places = list(map(text_width, report.symbols))
    for start, end in _rows(places, width - 3):
        yield ""
        yield f"   {''.join(report.symbols[start:end])}"
        for letter in report.letters:
            values = strips[letter][start:end, unit.index].tolist()
            marks = (OPEN_MARK if value >= _HALF else CLOSED_MARK for value in values)
            row = "".join(
                mark.ljust(cells) for mark, cells in zip(marks, places[start:end], strict=True)
            )
            yield f"{letter}  {row.rstrip()}"


def _rows(places: Sequence[int], room: int) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each row of symbols that fit into a width."""
    start, taken = 0, 0
    for place, cells in enumerate(places):
        if taken + cells > room and place > start:
            yield start, place
            start, taken = place, 0
        taken += cells
    if start < len(places):
        yield start, len(places)


def _table(report: GateReport) -> Iterator[str]:
    """Yield a row for each layer and gate: over all symbols and units, and units that are stuck."""
    yield "share of symbols and units; a gate stays closed or open at 95 % of the symbols or more"
    yield "layer  gate    mean   <0.1   >0.9  stays closed  stays open  an open gate"
    for number, layer in enumerate(report.layers, 1):
        for letter, gate in layer.gates.items():
            closed, opened = (len(layer.saturated(letter, is_open=each)) for each in (False, True))
            meaning = _OPEN.get(f"{report.cell} {letter}", _OPEN[letter])
            yield (
                f"{number:5}  {letter:4}  {gate.mean.mean():6.3f}  {gate.left.mean():5.1%}  "
                f"{gate.right.mean():5.1%}  {closed:12}  {opened:10}  {meaning}"
            )


def _finding_lines(report: GateReport) -> Iterator[str]:
    """Yield the names of the units that are dead, saturated or idle."""
    for number, layer in enumerate(report.layers):
        if len(layer.dead):
            yield f"dead, the output never changes: {_listed(number, layer.dead)}"
        for letter in layer.gates:
            for is_open, name in ((False, "closed"), (True, "open")):
                units = layer.saturated(letter, is_open=is_open)
                if len(units):
                    yield f"saturated, {letter} stays {name}: {_listed(number, units)}"
        if len(layer.idle):
            yield f"idle, the output barely changes: {_listed(number, layer.idle)}"


def _listed(layer: int, units: NDArray[np.int64]) -> str:
    names = ", ".join(str(Unit(layer, index)) for index in units[:_LISTED].tolist())
    more = len(units) - _LISTED
    return f"{names} and {more} more" if more > 0 else names


def _advice(report: GateReport) -> str:
    """Return one sentence on the worst finding, if enough was read."""
    symbols = len(report.sample.ids)
    if symbols < _ENOUGH:
        return f"Only {symbols:,} symbols were read: {_ENOUGH} or more are needed for advice."
    layers = report.layers
    units = sum(len(layer.gates[letter].mean) for layer in layers for letter in layer.gates)
    stuck = sum(map(_stuck, layers))
    if any(len(layer.dead) for layer in layers):
        return (
            "Dead units do no work: a lower learning rate keeps units alive, or a smaller "
            "hidden layer does as well."
        )
    if stuck >= units / 4:
        return (
            f"{stuck / units:.0%} of the gates never move: a lower learning rate or more "
            "weight decay keeps them from their limits."
        )
    if any(len(layer.idle) for layer in layers):
        return "Idle units say almost nothing: train longer, or with a smaller hidden layer."
    if stuck:
        return (
            "A few gates that never move are no fault: their units keep, add up or show the same."
        )
    return "No unit is dead, saturated or idle: there is nothing to change."


def _stuck(layer: LayerGates) -> int:
    """Count the gates of a layer that never move, one for each unit and letter."""
    return sum(
        len(layer.saturated(letter, is_open=is_open))
        for letter in layer.gates
        for is_open in (False, True)
    )

"""The picture of gates: strips over a text, and the fractions of saturated gates."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from nextchar.inspection.gates import CLOSED, OPEN, GateFractions, GateReport
from nextchar.rendering.figures import COLORS, label_fonts, new_figure

_SHADES = 10  # of a gate from 0 to 1
_STRIP_HEIGHT, _SCATTER_HEIGHT = 2.3, 3.2  # inches


def plot_gates(report: GateReport) -> Any:  # noqa: ANN401  (matplotlib's own type)
    """Draw a report of gates; see ``GateReport.plot``."""
    strips = len(report.letters)
    rows, columns = len(report.layers), len(report.layers[0].gates)
    heights = [_STRIP_HEIGHT * strips + 0.4, _SCATTER_HEIGHT * rows]
    figure = new_figure(10, sum(heights) + 0.5)
    above, below = figure.subfigures(2, 1, height_ratios=heights)
    axes = above.subplots(strips, 1, squeeze=False)[:, 0]
    for each, letter in zip(axes, report.letters, strict=True):
        drawn = _draw_strip(each, report, letter)
    above.suptitle(f"gates of layer {report.layer + 1}: a row for each unit, sorted by its mean")
    above.colorbar(drawn, ax=axes, label="closed 0 … 1 open", fraction=0.03, pad=0.01)
    _name_symbols(axes[-1], report)
    below.suptitle("share of the symbols at which a unit's gate is closed and open")
    grid = below.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for row, layer in enumerate(report.layers):
        for column, (letter, gate) in enumerate(layer.gates.items()):
            _draw_fractions(grid[row, column], gate, column)
            grid[row, column].set_title(f"layer {row + 1}, {letter}", fontsize=11)
        grid[row, 0].set_ylabel(f"right-saturated (> {OPEN})")
    for each in grid[-1]:
        each.set_xlabel(f"left-saturated (< {CLOSED})")
    return figure


def _draw_strip(axes: Any, report: GateReport, letter: str) -> Any:  # noqa: ANN401
    layer = report.layers[report.layer]
    order = np.argsort(-layer.gates[letter].mean, kind="stable")
    colors = importlib.import_module("matplotlib").colormaps["cividis"].resampled(_SHADES)
    drawn = axes.imshow(
        layer.strips[letter][:, order].T, cmap=colors, vmin=0, vmax=1, aspect="auto",
        interpolation="nearest",
    )  # fmt: skip
    axes.set_ylabel(letter, rotation=0, fontsize=14, labelpad=12, va="center")
    axes.set_xticks([])
    axes.set_yticks([])
    if report.unit is not None:
        place = int(np.flatnonzero(order == report.unit.index)[0])
        axes.set_yticks([place], [str(report.unit)], fontsize=8, color=COLORS[1])
    return drawn


def _name_symbols(axes: Any, report: GateReport) -> None:  # noqa: ANN401
    """Write the symbols under the strips, as large as their number allows."""
    count = len(report.symbols)
    size = min(11.0, max(4.0, 560 / count))
    axes.set_xticks(range(count), report.symbols, fontfamily=["DejaVu Sans Mono", *label_fonts()],
                    fontsize=size, parse_math=False)  # fmt: skip
    axes.tick_params(axis="x", length=0, pad=2)


def _draw_fractions(axes: Any, gate: GateFractions, column: int) -> None:  # noqa: ANN401
    axes.scatter(gate.left, gate.right, s=14, color=COLORS[column], alpha=0.5, lw=0,
                 rasterized=True)  # fmt: skip
    line = importlib.import_module("matplotlib.lines").Line2D
    axes.add_artist(line([0, 1], [1, 0], color="0.6", lw=1, ls=":"))
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)

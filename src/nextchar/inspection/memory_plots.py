"""The picture of what predictions depend on: norms by lag, heat before symbols, words."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from nextchar.inspection.memory_words import shades_of
from nextchar.rendering.characters import symbol_name
from nextchar.rendering.figures import COLORS, label_fonts, new_figure
from nextchar.visible import printable_text

if TYPE_CHECKING:
    from nextchar.inspection.memory import MemoryReport

_COLUMNS = 50  # characters before a symbol
_LOWEST = 1e-12  # relative to lag 0


def plot_memory(report: MemoryReport) -> Any:  # noqa: ANN401  (matplotlib's own type)
    """Draw the norms by lag, the heat before single predictions, and the accuracy in words."""
    rows = max(1, len(report.shown))
    figure = new_figure(9, 5.6 + 0.5 * rows)
    grid = figure.add_gridspec(2, 2, height_ratios=(4.4, 0.6 + 0.5 * rows))
    _draw_lags(figure.add_subplot(grid[0, 0]), report)
    _draw_words(figure.add_subplot(grid[0, 1]), report)
    _draw_heat(figure.add_subplot(grid[1, :]), report)
    return figure


def _draw_lags(axes: Any, report: MemoryReport) -> None:  # noqa: ANN401
    lower, median, upper = np.maximum(report.quartiles, 1e-300)
    lags = np.arange(len(median))
    axes.plot(lags, np.maximum(report.mean, 1e-300), color=COLORS[1], lw=2, label="mean")
    axes.plot(lags, median, color=COLORS[0], lw=2, ls="--", label="median, quartiles")
    axes.fill_between(lags, lower, upper, color=COLORS[0], alpha=0.2, lw=0)
    axes.set_yscale("log")
    axes.set_ylim(max(axes.get_ylim()[0], _LOWEST * report.mean[0]), None)
    axes.set_xlabel(f"lag in {report.unit}")
    axes.set_ylabel("norm of the logit's gradient")
    axes.set_title("dependence on earlier symbols")
    axes.grid(alpha=0.3)
    axes.legend()


def _draw_words(axes: Any, report: MemoryReport) -> None:  # noqa: ANN401
    axes.set_title("accuracy inside words")
    axes.set_xlabel(f"{report.unit} of the word already seen")
    axes.set_ylabel("accuracy in %")
    places = np.arange(len(report.words))
    accuracies = [100 * each.accuracy for each in report.words]
    axes.bar(places, accuracies, color=COLORS[0])
    for place, each, height in zip(places, report.words, accuracies, strict=True):
        axes.text(place, height + 1.5, f"{each.predictions:,}", ha="center", va="bottom",
                  rotation=90, fontsize=8)  # fmt: skip
    axes.set_xticks(places, [each.name for each in report.words])
    axes.set_ylim(0, 128)
    axes.set_yticks(range(0, 101, 20))
    axes.text(0.02, 0.97, "above each bar: predictions", transform=axes.transAxes, va="top",
              fontsize=8, color="0.35")  # fmt: skip


def _draw_heat(axes: Any, report: MemoryReport) -> None:  # noqa: ANN401
    """Draw a row of characters for each single prediction, the predicted symbol at its end."""
    axes.set_axis_off()
    if not report.shown:
        return
    values = np.full((len(report.shown), _COLUMNS + 3), np.nan)
    fonts = ["DejaVu Sans Mono", *label_fonts()]
    for row, each in enumerate(report.shown):
        cells = shades_of(each)[-_COLUMNS:]
        strongest = max((value for _, value in cells), default=0.0) or 1.0
        for column, (text, value) in enumerate(cells, _COLUMNS - len(cells)):
            values[row, column] = value / strongest
            axes.text(column, row, printable_text(text), ha="center", va="center", fontsize=9,
                      color="white" if value / strongest > 0.6 else "black", fontfamily=fonts,
                      parse_math=False)  # fmt: skip
        axes.text(_COLUMNS + 1.5, row, f"→ {symbol_name(each.target)}", ha="center", va="center",
                  fontsize=10, fontweight="bold", fontfamily=fonts, parse_math=False)  # fmt: skip
    colors = importlib.import_module("matplotlib.colors")
    scale = colors.LinearSegmentedColormap.from_list("heat", ["#ffffff", "#7ab3d9", COLORS[0]])
    axes.imshow(values, cmap=scale, vmin=0, vmax=1, aspect="auto", interpolation="none")
    axes.set_title("shade: square root of the norm, relative to the strongest in the row",
                   fontsize=9, color="0.25")  # fmt: skip

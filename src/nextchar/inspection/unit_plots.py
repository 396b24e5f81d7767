"""The picture of units: the best ones beside their control, and a text coloured by one of them."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from nextchar.rendering.characters import width as text_width
from nextchar.rendering.figures import COLORS, label_fonts, new_figure
from nextchar.text.graphemes import clusters
from nextchar.visible import printable_text

if TYPE_CHECKING:
    from nextchar.inspection.units import UnitReport

_COLUMNS = 72  # cells in a row of text
_ROWS = 16  # the rest of the excerpt is not drawn
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def plot_units(report: UnitReport) -> Any:  # noqa: ANN401  (matplotlib's own type)
    """Draw a report of units; see ``UnitReport.plot``."""
    cells, rows = _placed(report)
    bars = max(2, len(_bars(report)))
    text_height, bar_height = 0.27 * rows + 0.3, 0.24 * bars + 0.7
    figure = new_figure(10, text_height + bar_height + 0.8)
    figure.suptitle(_title(report), fontfamily=label_fonts(), parse_math=False, fontsize=12)
    axes = figure.subplots(2, 1, height_ratios=[bar_height, text_height])
    _draw_bars(axes[0], report)
    _draw_text(figure, axes[1], report, cells, rows)
    return figure


def _title(report: UnitReport) -> str:
    if len(report.rankings) == 1:
        return f"units that follow {printable_text(report.rankings[0].labels.name)}"
    return "the best unit for each label"


def _bars(report: UnitReport) -> list[tuple[str, float, float]]:
    """Return the name, the measure and the control of each bar."""
    if len(report.rankings) == 1:
        ranking = report.rankings[0]
        return [(str(each.unit), each.measure, ranking.control) for each in ranking.best]
    return [
        (
            f"{each.labels.name}: {each.best[0].unit} ({each.measure_name})",
            each.best[0].measure,
            each.control,
        )
        for each in report.rankings
    ]


def _draw_bars(axes: Any, report: UnitReport) -> None:  # noqa: ANN401
    bars = _bars(report)
    names, measures, controls = zip(*bars, strict=True)
    places = np.arange(len(bars))
    axes.barh(places, measures, color=COLORS[0], height=0.7, label="unit")
    axes.plot(controls, places, color=COLORS[1], marker="|", ms=14, mew=2.5, ls="", label="control")
    for place, measure in zip(places, measures, strict=True):
        axes.text(measure + 0.008, place, f"{measure:.3f}", va="center", fontsize=9)
    axes.set_yticks(places, names, fontfamily=label_fonts(), parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.08)
    ranked = {each.measure_name for each in report.rankings}
    axes.set_xlabel(" or ".join(sorted(ranked)))
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.grid(alpha=0.3, axis="x")


def _placed(report: UnitReport) -> tuple[list[tuple[int, int, int, str, float]], int]:
    """Return row, column, width, text and value of each grapheme cluster, and the rows."""
    start, end = report.excerpt
    placed, row = [], 0
    for line in _LINE.finditer(report.text, start, end):
        column, place = 0, line.start()
        for cluster in clusters(line[0].removesuffix("\n")):
            shown = printable_text(cluster)
            wide = max(1, text_width(shown))
            if column + wide > _COLUMNS:
                row, column = row + 1, 0
            place += len(cluster)
            placed.append((row, column, wide, shown, float(report.values[place - 1])))
            column += wide
        row += 1
    rows = min(row, _ROWS)
    return [each for each in placed if each[0] < rows], rows


def _draw_text(
    figure: Any,  # noqa: ANN401
    axes: Any,  # noqa: ANN401
    report: UnitReport,
    cells: list[tuple[int, int, int, str, float]],
    rows: int,
) -> None:
    strongest = max((abs(value) for *_, value in cells), default=0.0) or 1.0
    grid = np.full((rows, _COLUMNS), np.nan)
    for row, column, wide, _, value in cells:
        grid[row, column : column + wide] = value
    colors = importlib.import_module("matplotlib.colors")
    scale = colors.LinearSegmentedColormap.from_list("units", ["#4a90c8", "#ffffff", "#e68a3c"])
    drawn = axes.imshow(
        grid, cmap=scale, vmin=-strongest, vmax=strongest, aspect="auto", interpolation="none"
    )
    fonts = ["DejaVu Sans Mono", *label_fonts()]
    for row, column, wide, shown, _ in cells:
        axes.text(
            column + (wide - 1) / 2, row, shown, ha="center", va="center", fontsize=10,
            fontfamily=fonts, parse_math=False, in_layout=False,
        )  # fmt: skip
    axes.set_axis_off()
    label = f"unit {report.unit}: {report.value_name}"
    figure.colorbar(drawn, ax=axes, label=label, fraction=0.03, pad=0.01)

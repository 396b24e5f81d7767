"""Temperatures in a table and a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nextchar.rendering.characters import width as text_width
from nextchar.rendering.figures import COLORS, label_fonts, new_figure
from nextchar.visible import printable_text

if TYPE_CHECKING:
    from nextchar.inspection.temperature import TemperatureReport

_DRAWN = 16  # symbols


def temperature_lines(report: TemperatureReport, count: int) -> list[str]:
    """Return the distributions after the prompt, and the text at each temperature."""
    lines = [_question(report), "temperature  entropy    most probable"]
    for each in report.texts:
        cells = [f"{report.names[i]} {each.probabilities[i]:.2f}" for i in each.top(count)]
        shown = "   ".join(cell + " " * (6 - text_width(cell)) for cell in cells).rstrip()
        lines.append(f"{each.temperature:11g}  {each.entropy_bits:.2f} bits  {shown}")
    for each in report.texts:
        text = f"{report.prompt}{each.text}".split("\n")
        lines += ["", f"temperature {each.temperature:g}", *map(printable_text, text)]
    return lines


def plot_temperatures(report: TemperatureReport) -> Any:  # noqa: ANN401  (matplotlib's own type)
    """Draw a row of bars for each temperature: the probabilities of the likely symbols."""
    chosen = _drawn(report)
    rows = len(report.texts)
    figure = new_figure(8, 1.1 + 0.95 * rows)
    figure.suptitle(_question(report), fontfamily=label_fonts(),
                    parse_math=False)  # fmt: skip
    places = np.arange(len(chosen))
    highest = max(float(each.probabilities.max()) for each in report.texts)
    every = figure.subplots(rows, 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, each in zip(every, report.texts, strict=True):
        values = each.probabilities[chosen]
        axes.bar(places, values, color=COLORS[0])
        axes.text(
            0.99, 0.9, f"temperature {each.temperature:g}: {each.entropy_bits:.2f} bits",
            transform=axes.transAxes, ha="right", va="top", fontsize=11,
        )  # fmt: skip
        axes.grid(alpha=0.3, axis="y")
    every[0].set_ylim(0, 1.12 * highest)
    names = [report.names[i] for i in chosen]
    every[-1].set_xticks(places, names, fontfamily=label_fonts(), parse_math=False, fontsize=11)
    figure.supylabel("probability")
    return figure


def _drawn(report: TemperatureReport) -> list[int]:
    """Return the symbols to draw: the most probable ones at any temperature, in order."""
    flattest = max(report.texts, key=lambda each: each.entropy_bits)
    return [i for i in flattest.top(_DRAWN) if flattest.probabilities[i] > 0]


def _question(report: TemperatureReport) -> str:
    """Return the title: the prompt whose next symbol is distributed."""
    if not report.prompt:
        return "the first symbol of a text"
    return f"the next symbol after {_prompt(report)}"


def _prompt(report: TemperatureReport) -> str:
    shown = report.prompt if len(report.prompt) <= 40 else f"…{report.prompt[-40:]}"
    return f"«{printable_text(shown).replace(chr(10), '↵')}»"

"""The dependence of predictions on earlier symbols, in tables and shaded texts for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nextchar.rendering.characters import symbol_name
from nextchar.rendering.contributions import contribution_lines
from nextchar.visible import printable_text

if TYPE_CHECKING:
    from nextchar.inspection.memory import Dependence, MemoryReport

_SHOWN_LAGS = (0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)


def memory_lines(report: MemoryReport, *, width: int, colors: bool) -> list[str]:
    """Return the words, the norms by lag, the shaded texts, and the accuracy inside words."""
    return [
        *_lag_lines(report),
        "",
        *_shown_lines(report, width, colors=colors),
        *_word_lines(report),
    ]


def _lag_lines(report: MemoryReport) -> Iterator[str]:
    half, most = report.within(0.5), report.within(0.9)
    yield (
        f"half of the dependence is on the last {_counted(half, report.unit)}, nine tenths on the "
        f"last {most}"
    )
    last = len(report.mean) - 1
    lags = [lag for lag in _SHOWN_LAGS if lag <= last]
    cells = [[str(lag), _number(report.mean[lag])] for lag in lags]
    columns = [max(map(len, pair)) for pair in cells]
    for row, name in enumerate(("lag", "mean norm")):
        shown = (pair[row].rjust(size) for pair, size in zip(cells, columns, strict=True))
        yield f"{name:9}  " + "  ".join(shown)


def _shown_lines(report: MemoryReport, width: int, *, colors: bool) -> Iterator[str]:
    if not report.shown:
        return
    for each in report.shown:
        before = printable_text("".join(text for text, _ in each.characters[-1:]))
        yield (
            f"at {each.place:,}: «{symbol_name(each.target)}» after «{symbol_name(before)}», with "
            f"probability {each.probability:.2f}"
        )
        yield from contribution_lines(shades_of(each), width=width, colors=colors)
        yield ""
    marks = "brighter: a stronger dependence" if colors else "▁▃▅▇ from weak to strong"
    yield f"{marks}, by the square root of the norm, relative to the strongest before each symbol"
    yield ""


def shades_of(dependence: Dependence) -> list[tuple[str, float]]:
    """Return the characters before a prediction, and the square roots of their norms."""
    shown = ((text.replace("\n", "↵"), norm) for text, norm in dependence.characters)
    return [(text, math.sqrt(norm)) for text, norm in shown]


def _word_lines(report: MemoryReport) -> Iterator[str]:
    if not report.words:
        yield "the text has no words"
        return
    yield f"inside words, by the {report.unit} of the word already seen"
    rows = [("seen", "accuracy", "predictions")]
    rows += [
        (each.name, f"{100 * each.accuracy:.1f} %", f"{each.predictions:,}")
        for each in report.words
    ]
    for row in rows:
        yield f"{row[0]:>4}  {row[1]:>8}  {row[2]:>11}"


def _counted(count: int, unit: str) -> str:
    return unit.removesuffix("s") if count == 1 else f"{count} {unit}"


def _number(value: float) -> str:
    return f"{value:.2g}" if 0.001 <= value < 1000 or value == 0 else f"{value:.0e}"

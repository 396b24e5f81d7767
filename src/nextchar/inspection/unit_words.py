"""Units that follow labels, in words and tables for a terminal, and the text as a unit sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nextchar.inspection.phrases import SHORTEST_PASSAGE
from nextchar.rendering.contributions import contribution_lines
from nextchar.visible import printable_text

if TYPE_CHECKING:
    from nextchar.inspection.units import LabelRanking, UnitReport

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_NAMED = 12  # units on together
_AROUND = 24  # characters before and after a phrase


def report_lines(report: UnitReport) -> list[str]:
    """Return the tables, and the passages in which the same units are on."""
    rankings = report.rankings
    table = _best_table(rankings[0]) if len(rankings) == 1 else _overview(rankings)
    return [*table, "", *_phrase_lines(report)]


def colored_lines(report: UnitReport, *, width: int, colors: bool) -> Iterator[str]:
    """Yield the excerpt in lines, coloured by the unit, or with marks below each line."""
    start, end = report.excerpt
    values = report.values[start:end]
    strongest = float(np.abs(values).max(initial=0)) or 1.0
    for line in _LINE.finditer(report.text[start:end]):
        shown = line[0].removesuffix("\n")
        parts = list(zip(shown, values[line.start() :].tolist(), strict=False))
        yield from contribution_lines(parts, width=width, colors=colors, strongest=strongest)
    marks = "blue above 0, orange below" if colors else "▁▃▅▇ above 0, -=≡# below"
    yield ""
    yield (
        f"unit {report.unit}: {report.value_name} after each character, {values.min():+.2f} to "
        f"{values.max():+.2f}; {marks}"
    )


def _overview(rankings: Sequence[LabelRanking]) -> list[str]:
    """Return a row for each label."""
    rows = [("label", "best unit", "measure", "", "control", "")]
    for ranking in rankings:
        best = ranking.best[0]
        rows.append(
            (
                ranking.labels.name,
                str(best.unit),
                ranking.measure_name,
                f"{best.measure:.3f}",
                f"{ranking.control:.3f}",
                "" if ranking.is_found else "no better than chance",
            )
        )
    return [*_aligned(rows, right=(3, 4)), "", _control_words(rankings[0])]


def _best_table(ranking: LabelRanking) -> list[str]:
    """Return a row for each of the best units of a label."""
    labels, known = ranking.labels, int(ranking.labels.applies.sum())
    about = f"{printable_text(labels.name)}: {known:,} positions"
    if not labels.is_graded:
        about += f", {int(np.nansum(labels.values)):,} of them true"
    rows = [("unit", ranking.measure_name, "where it is true" if not labels.is_graded else "")]
    for each in ranking.best:
        way = ("rises" if each.is_higher else "falls") + " with it"
        if not labels.is_graded:
            way = "higher" if each.is_higher else "lower"
        rows.append((str(each.unit), f"{each.measure:.3f}", way))
    rows.append(("control", f"{ranking.control:.3f}", ""))
    told = (
        f"unit {ranking.best[0].unit} follows it better than any unit follows a shifted label."
        if ranking.is_found
        else "no unit follows it better than a shifted label: this is chance."
    )
    return [about, *_aligned(rows, right=(1,)), "", _control_words(ranking), told]


def _control_words(ranking: LabelRanking) -> str:
    return (
        f"control: the best of all units for any of {len(ranking.controls)} shifts of the label "
        "along the text."
    )


def _phrase_lines(report: UnitReport) -> list[str]:
    first, past = report.passage
    named = ", ".join(map(str, report.together[:_NAMED]))
    more = len(report.together) - _NAMED
    lines = [
        f"unit {report.unit} is on longest in «{printable_text(report.text[first:past])}»",
        f"on throughout it: {named}{f' and {more:,} more' if more > 0 else ''}",
    ]
    if not report.phrases:
        return [
            *lines,
            f"no other passage of {SHORTEST_PASSAGE} symbols or more has half of these units on.",
        ]
    lines.append("other passages, and the share of these units that is on:")
    for phrase in report.phrases:
        before = report.text[max(0, phrase.start - _AROUND) : phrase.start]
        after = report.text[phrase.end : phrase.end + _AROUND]
        inside = report.text[phrase.start : phrase.end]
        shown = printable_text(f"{before}«{inside}»{after}")
        lines.append(f"  {100 * phrase.share:3.0f} %  {shown}")
    return lines


def _aligned(rows: Sequence[tuple[str, ...]], *, right: tuple[int, ...]) -> list[str]:
    shown = [tuple(map(printable_text, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in shown
    ]

"""Pieces of HTML for the output of a notebook cell.

All styles are inline, because notebooks remove style sheets from outputs that they do not trust,
and a style sheet would change the rest of the notebook. Text has the colours of the notebook, light
or dark; shades are transparent, so they suit both.

Legend: C grapheme clusters.
"""

from __future__ import annotations

import base64
import html
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from nextchar.errors import NextcharError
from nextchar.evaluation.score import Score
from nextchar.rendering.characters import symbol_name
from nextchar.rendering.figures import in_few_colors, require_drawing, saved_picture
from nextchar.rendering.lists import counting_notes
from nextchar.rendering.scale import (
    UNMEASURED,
    VISIBLE_BREAK,
    cluster_sums,
    level_names,
    levels,
)
from nextchar.visible import printable_text

SHOWN_CHARACTERS = 3000
_PLAIN = "white-space:pre-wrap;overflow-wrap:anywhere;text-align:left"
_UNMEASURED_STYLE = "text-decoration:line-through"
# The opacity of levels 2 to 8; at the last one, black and white text have a contrast of 4.5.
_OPACITIES = (0.12, 0.2, 0.28, 0.36, 0.44, 0.52, 0.6)
_FIRST_SHADE = 2
_SHOWN_ALTERNATIVES = 3
_DOTS_PER_INCH = 72
_WIDTH, _HEIGHT = 480, 160  # of a curve, in pixels
_CURVES = (("train", "#d55e00"), ("validation", "#0072b2"))


class Drawn(Protocol):
    """Anything with a picture."""

    def plot(self) -> Any:  # noqa: ANN401  (matplotlib's own type)
        """Draw it."""


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Return a table of names and values."""
    cells = "".join(
        f'<tr><th style="text-align:left">{_escaped(name)}</th>'
        f'<td style="text-align:left">{_escaped(value)}</td></tr>'
        for name, value in rows
    )
    return f"<table>{cells}</table>"


def words(lines: Sequence[str]) -> str:
    """Return lines in a fixed-width font."""
    return f'<pre style="overflow-x:auto;white-space:pre">{_escaped_lines(lines)}</pre>'


def picture(report: Drawn) -> str:
    """Return the picture of a report, or nothing if matplotlib is not installed."""
    try:
        require_drawing()
    except NextcharError:
        return ""
    data = in_few_colors(saved_picture(report.plot(), "png", dpi=_DOTS_PER_INCH))
    return f'<img alt="The figures above" src="data:image/png;base64,{_base64(data)}">'


def learning_curve(rows: Sequence[Mapping[str, float]], *, unit: str) -> str:
    """Return the losses of ``metrics.jsonl`` over the steps as an SVG picture.

    Parameters
    ----------
    rows
        The rows; there is no picture of less than two.
    unit
        The unit of the losses, such as ``"char"``.
    """
    curves = {
        part: [
            (row["step"], row[f"{part}_bits_per_{unit}"])
            for row in rows
            if f"{part}_bits_per_{unit}" in row
        ]
        for part, _ in _CURVES
    }
    points = [point for curve in curves.values() for point in curve]
    if len(rows) < 2 or not points:
        return ""
    last, highest = rows[-1]["step"], max(loss for _, loss in points)
    drawn = "".join(
        f'<polyline fill="none" stroke="{color}" stroke-width="2" points="'
        + " ".join(
            f"{_WIDTH * step / last:.1f},{_HEIGHT * (1 - loss / highest):.1f}"
            for step, loss in curves[part]
        )
        + '"/>'
        for part, color in _CURVES
        if curves[part]
    )
    grey = 'stroke="#888" stroke-width="1"'
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH + 2}" height="{_HEIGHT + 2}" '
        f'viewBox="-1 -1 {_WIDTH + 2} {_HEIGHT + 2}">'
        f'<path d="M0 0V{_HEIGHT}H{_WIDTH}" fill="none" {grey}/>{drawn}</svg>'
    )
    shown = " ".join(
        f'<span style="color:{color}">━</span> {part} {curves[part][-1][1]:.3f}'
        for part, color in _CURVES
        if curves[part]
    )
    scale = f"0 to {highest:.2f} bits/{unit}, {len(rows)} validations, {last:,.0f} steps"
    return (
        f'<p>{shown}<br><img alt="Learning curve: {_escaped(scale)}" '
        f'src="data:image/svg+xml;base64,{_base64(svg.encode())}"><br>{_escaped(scale)}</p>'
    )


def heat_map(score: Score) -> str:
    """Return a scored text, each character shaded by its bits.

    The title of a shaded character, which the pointer shows, tells its bits and what was expected.
    The map ends after ``SHOWN_CHARACTERS``.
    """
    shown = "".join(_shaded(score))
    more = len(score.text) - SHOWN_CHARACTERS
    notes = [note for _, note in counting_notes(score)]
    if more > 0:
        notes.append(f"{more:,} more characters are not shown")
    summary = (
        f"{score.bits_per_char:.3f} bits per character, {score.characters:,} characters, "
        f"{score.total_bits:,.0f} bits"
    )
    legend = " ".join(
        f'<span style="{_style(level)}">&nbsp;{html.escape(name)}&nbsp;</span>'
        for level, name in enumerate(level_names())
        if level >= _FIRST_SHADE
    )
    return (
        f'<div><p>{summary}</p><pre style="{_PLAIN}">{shown}</pre><p>bits: {legend}</p>'
        + "".join(f"<p>{_escaped(note)}</p>" for note in notes)
        + "</div>"
    )


def _shaded(score: Score) -> Iterator[str]:
    """Yield the text in pieces: plain, or one shaded cluster."""
    bits = cluster_sums(score, score.bits)
    found = levels(bits).tolist()
    for number, (start, end) in enumerate(itertools.pairwise(score.borders.tolist())):
        if end > SHOWN_CHARACTERS:
            return
        level, character = found[number], score.text[start:end]
        shown = character if character in "\n\t" else html.escape(printable_text(character))
        if character == "\n" and level >= VISIBLE_BREAK:
            shown = "↵\n"
        if level == UNMEASURED:
            yield f'<span style="{_UNMEASURED_STYLE}">{shown}</span>'
        elif level < _FIRST_SHADE:
            yield shown
        else:
            title = _escaped(f"{bits[number]:.1f} bits{_expected(score, start, end)}")
            yield f'<span style="{_style(level)}" title="{title}">{shown}</span>'


def _expected(score: Score, start: int, end: int) -> str:
    """Return what the model expected instead of a cluster."""
    place = start + int(score.bits[start:end].argmax())
    likely = score.alternatives(place)[:_SHOWN_ALTERNATIVES]
    named = ", ".join(f"{symbol_name(name)} {probability:.0%}" for name, probability in likely)
    return f"; expected: {named}" if named else ""


def _style(level: int) -> str:
    return f"background:rgba(224,94,16,{_OPACITIES[level - _FIRST_SHADE]})"


def _escaped(text: str) -> str:
    return html.escape(printable_text(text), quote=True)


def _escaped_lines(lines: Sequence[str]) -> str:
    return "\n".join(_escaped(part) for line in lines for part in line.split("\n"))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()

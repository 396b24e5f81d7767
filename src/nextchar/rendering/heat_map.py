"""A scored text in the terminal: shaded by its bits, or with bars below it without colours.

Only printable characters reach the terminal; see ``characters``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TextIO

import numpy as np

from nextchar.evaluation.score import Score
from nextchar.rendering.characters import cells
from nextchar.rendering.characters import width as text_width
from nextchar.rendering.scale import (
    STEPS,
    UNMEASURED,
    VISIBLE_BREAK,
    level_names,
    levels,
)
from nextchar.rendering.terminal import takes_colors
from nextchar.visible import printable, printable_text

# A mark for each level, and for a character without bits.
_BARS = " ▁▂▃▄▅▆▇█"
_UNMEASURED_BAR = "×"
_TAB = "→   "

_RESET = "\x1b[0m"
_STRUCK = "\x1b[2;9m"
# Background and text colours, from dark to light, in the common palette of 256 colours. Lightness
# distinguishes the levels for colour-blind readers; the contrast of the text is at least 4.5.
_COLOURS = (
    "\x1b[48;5;54;38;5;231m",
    "\x1b[48;5;89;38;5;231m",
    "\x1b[48;5;125;38;5;231m",
    "\x1b[48;5;161;38;5;231m",
    "\x1b[48;5;202;38;5;16m",
    "\x1b[48;5;214;38;5;16m",
    "\x1b[48;5;228;38;5;16m",
)


class Palette(NamedTuple):
    """Escape sequences for the characters of each level, and for characters without bits."""

    by_level: tuple[str, ...]
    unmeasured: str

    def style(self, level: int) -> str:
        """Return the escape sequence of a level; empty for the default colours."""
        return self.unmeasured if level == UNMEASURED else self.by_level[level]


def palette_of(stream: TextIO, environment: Mapping[str, str]) -> Palette | None:
    """Return the palette for a stream; ``None`` if it takes no colours.

    There are no colours if ``NO_COLOR`` is set or the stream is not a capable terminal.
    The most surprising characters have the highest contrast to the background: they are the
    lightest, unless the terminal reports a light background in ``COLORFGBG``. The lowest two
    levels keep the default colours.
    """
    if not takes_colors(stream, environment):
        return None
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    ramp = _COLOURS[::-1] if background in ("7", "15") else _COLOURS
    return Palette(("", "", *ramp), _STRUCK)


class _Cell(NamedTuple):
    """A unit of the terminal display: a grapheme cluster."""

    shown: str
    width: int
    level: int


def heat_map(score: Score, *, width: int, palette: Palette | None) -> Iterator[str]:
    """Yield the text of a score in lines for the terminal.

    Parameters
    ----------
    score
        The score to show.
    width
        Width of the terminal in cells; longer lines are wrapped.
    palette
        Colours by bits. Without a palette, a line of bars follows each line: no bar for a
        character below 1 bit, two for a wide character.

    Yields
    ------
    str
        A line, without its line break.
    """
    for line in score.lines():
        for row in _wrapped(_cells(score, line.start, line.end), max(2, width)):
            if palette is not None:
                yield _painted(row, palette)
                continue
            yield "".join(cell.shown for cell in row)
            if bars := "".join(_bar(cell) * cell.width for cell in row).rstrip():
                yield bars


def legend(palette: Palette | None) -> str:
    """Return a one-line legend of the levels."""
    if palette is None:
        shown = [f"{bar} {name}" for bar, name in zip(_BARS, level_names(), strict=True)]
        return "bits  " + "  ".join(shown[1:])
    names = zip(palette.by_level, level_names(), strict=True)
    painted = [f"{style} {name} {_RESET}" for style, name in names if style]
    return f"bits   <{STEPS[1]} " + "".join(painted)


def _cells(score: Score, start: int, end: int) -> Iterator[_Cell]:
    """Yield the cells of a line; each sums the bits of its cluster."""
    text = score.text[start:end]
    begin, past = np.searchsorted(score.borders, [start, end])
    borders = (score.borders[begin:past] - start).tolist()
    firsts = [i for i in borders if i == 0 or cells(printable(text[i]))]
    bits = score.bits[start:end]
    sums = np.add.reduceat(np.nan_to_num(bits), firsts)
    measured = np.logical_or.reduceat(~np.isnan(bits), firsts)
    found = levels(np.where(measured, sums, np.nan)).tolist()
    for (first, after), level in zip(itertools.pairwise([*firsts, len(text)]), found, strict=True):
        if text[first] == "\n" and level < VISIBLE_BREAK:
            continue
        shown = _TAB if text[first] == "\t" else printable_text(text[first:after])
        yield _Cell(shown, text_width(shown), level)


def _wrapped(line: Iterator[_Cell], width: int) -> Iterator[list[_Cell]]:
    """Yield the rows of a wrapped line; an empty line is one row."""
    row: list[_Cell] = []
    taken = 0
    for cell in line:
        if taken + cell.width > width:
            yield row
            row, taken = [], 0
        row.append(cell)
        taken += cell.width
    yield row


def _painted(row: list[_Cell], palette: Palette) -> str:
    parts = []
    for style, group in itertools.groupby(row, key=lambda cell: palette.style(cell.level)):
        shown = "".join(cell.shown for cell in group)
        parts.append(f"{style}{shown}{_RESET}" if style else shown)
    return "".join(parts)


def _bar(cell: _Cell) -> str:
    return _UNMEASURED_BAR if cell.level == UNMEASURED else _BARS[cell.level]

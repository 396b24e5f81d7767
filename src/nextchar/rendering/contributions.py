"""A text whose parts speak for or against something: in a terminal, and as a page.

Parts for it are blue, parts against it orange, which are told apart whatever colours one can see;
the stronger, the farther from the background. Where there is no colour, a line of marks stands
below: ``▁▃▅▇`` for it, ``-=≡#`` against it.
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterator, Sequence

from nextchar.rendering.characters import printable
from nextchar.rendering.characters import width as text_width
from nextchar.text.graphemes import clusters

# Shares of the strongest part at which each level begins.
STEPS = (0.1, 0.3, 0.55, 0.8)
_FOR, _AGAINST = "▁▃▅▇", "-=≡#"
_RESET = "\x1b[0m"
_BLUES = tuple(f"\x1b[48;5;{b};38;5;{f}m" for b, f in ((17, 231), (19, 231), (26, 231), (75, 16)))
_ORANGES = tuple(
    f"\x1b[48;5;{b};38;5;{f}m" for b, f in ((52, 231), (94, 231), (166, 16), (214, 16))
)
_PAGE = """\
<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1rem/1.9 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1b1b; background: #fff; }}
.text {{ white-space: pre-wrap; overflow-wrap: anywhere; font-size: 1.3rem; }}
.text span {{ padding: .15em 0; }}
table {{ border-collapse: collapse; line-height: 1.5; }}
td {{ padding: .1rem 1rem .1rem 0; font-variant-numeric: tabular-nums; }}
</style>
<h1>{title}</h1>
<p class="text">{text}</p>
<p>Blue speaks for {label}, orange against it; pointing at a part shows by how many nats the
logarithm of its probability falls without it.</p>
<table>{rows}</table>
"""


def level(weight: float, strongest: float) -> int:
    """Give how strong a part is: 0 to 4, negative if it speaks against."""
    share = abs(weight) / strongest if strongest else 0.0
    steps = sum(share >= step for step in STEPS)
    return steps if weight > 0 else -steps


def contribution_lines(
    parts: Sequence[tuple[str, float]], *, width: int, colors: bool
) -> Iterator[str]:
    """Show parts, each a text and its weight, wrapped at a terminal's width.

    Yields
    ------
    str
        A line, without its end; without colours, a line of marks below it where there are any.
    """
    most = max((abs(weight) for _, weight in parts), default=0.0)
    shown = [
        ("".join(map(printable, cluster)), level(weight, most))
        for text, weight in parts
        for cluster in clusters(text)
    ]
    for row in _rows(shown, max(2, width)):
        if colors:
            yield _painted(row)
            continue
        yield "".join(character for character, _ in row)
        if marks := "".join(_mark(step) * text_width(shown) for shown, step in row).rstrip():
            yield marks


def contribution_page(
    title: str, label: str, parts: Sequence[tuple[str, float]], rows: Sequence[tuple[str, str]]
) -> str:
    """Give a page that needs nothing else: the text in colours, and a table below it."""
    most = max((abs(weight) for _, weight in parts), default=0.0)
    table = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    text = "".join(_span(part, weight, most) for part, weight in parts)
    escaped = {"title": html.escape(title), "label": html.escape(label)}
    return _PAGE.format(text=text, rows=table, **escaped)


def _span(text: str, weight: float, most: float) -> str:
    shown = html.escape("".join(c if c == "\n" else printable(c) for c in text))
    alpha = abs(weight) / most * 0.85 if most else 0.0
    color = "31, 119, 230" if weight > 0 else "240, 130, 20"
    style = f"background: rgba({color}, {alpha:.2f})"
    return f'<span style="{style}" title="{weight:+.3f} nats">{shown}</span>'


def _rows(shown: Sequence[tuple[str, int]], width: int) -> Iterator[list[tuple[str, int]]]:
    row: list[tuple[str, int]] = []
    taken = 0
    for character, step in shown:
        if taken + text_width(character) > width:
            yield row
            row, taken = [], 0
        row.append((character, step))
        taken += text_width(character)
    yield row


def _painted(row: Sequence[tuple[str, int]]) -> str:
    painted = []
    for step, group in itertools.groupby(row, key=lambda each: each[1]):
        text = "".join(character for character, _ in group)
        ramp = _BLUES if step > 0 else _ORANGES
        painted.append(f"{ramp[abs(step) - 1]}{text}{_RESET}" if step else text)
    return "".join(painted)


def _mark(step: int) -> str:
    if step == 0:
        return " "
    return _FOR[step - 1] if step > 0 else _AGAINST[-step - 1]

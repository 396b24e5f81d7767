"""Contributions of the parts of a text to a prediction, in the terminal and as a page.

Parts that support the prediction are blue, and parts that oppose it are orange; colour-blind
readers can distinguish them. Stronger contributions have a higher contrast to the background.
Without colours, a line of marks below the text shows support (``▁▃▅▇``) or opposition
(``-=≡#``).
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterator, Sequence

from nextchar.rendering.characters import printable
from nextchar.rendering.characters import width as text_width
from nextchar.text.graphemes import clusters

# Lower bound of each level, as a share of the strongest contribution.
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
<p>Blue parts support {label}, orange parts oppose it. Point at a part to see the decrease of its
log-probability without that part, in nats.</p>
<table>{rows}</table>
"""


def level(weight: float, strongest: float) -> int:
    """Return the strength of a contribution: 0 to 4, negative if it opposes the prediction."""
    share = abs(weight) / strongest if strongest else 0.0
    steps = sum(share >= step for step in STEPS)
    return steps if weight > 0 else -steps


def contribution_lines(
    parts: Sequence[tuple[str, float]], *, width: int, colors: bool
) -> Iterator[str]:
    """Yield the parts of a text, each with a weight, wrapped at the width of the terminal.

    Yields
    ------
    str
        A line, without its line break; without colours, a line of marks follows, unless it is
        empty.
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
    """Return a self-contained HTML page: the coloured text, and a table below it."""
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

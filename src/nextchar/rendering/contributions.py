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

from nextchar.rendering.characters import width as text_width
from nextchar.rendering.policy import content_policy
from nextchar.text.graphemes import clusters
from nextchar.visible import printable_text

# Lower bound of each level, as a share of the strongest contribution.
STEPS = (0.1, 0.3, 0.55, 0.8)
_FOR, _AGAINST = "▁▃▅▇", "-=≡#"
_RESET = "\x1b[0m"
_BLUES = tuple(f"\x1b[48;5;{b};38;5;{f}m" for b, f in ((17, 231), (19, 231), (26, 231), (75, 16)))
_ORANGES = tuple(
    f"\x1b[48;5;{b};38;5;{f}m" for b, f in ((52, 231), (94, 231), (166, 16), (214, 16))
)
_STYLE = """
body { font: 1rem/1.9 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1b1b; background: #fff; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 1.3rem; unicode-bidi: isolate; }
.text span { padding: .15em 0; }
table { border-collapse: collapse; line-height: 1.5; }
td { padding: .1rem 1rem .1rem 0; font-variant-numeric: tabular-nums; }
"""
_PAGE = """\
<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{policy}
<title>{title}</title>
<style>{style}</style>
<h1><bdi>{title}</bdi></h1>
<p class="text">{text}</p>
<p>Blue parts support <bdi>{label}</bdi>, orange parts oppose it. Point at a part to see the
decrease of its log-probability without that part, in nats.</p>
<table>{rows}</table>
"""
_STRENGTHS = 85  # shades of a colour, in hundredths of its opacity


def level(weight: float, strongest: float) -> int:
    """Return the strength of a contribution: 0 to 4, negative if it opposes the prediction."""
    share = abs(weight) / strongest if strongest else 0.0
    steps = sum(share >= step for step in STEPS)
    return steps if weight > 0 else -steps


def contribution_lines(
    parts: Sequence[tuple[str, float]],
    *,
    width: int,
    colors: bool,
    strongest: float | None = None,
) -> Iterator[str]:
    """Yield the parts of a text, each with a weight, wrapped at the width of the terminal.

    Parameters
    ----------
    parts
        Texts, and their weights.
    width, colors
        The width of the terminal in cells, and whether it takes colours.
    strongest
        The weight with the highest contrast; by default the strongest of the parts.

    Yields
    ------
    str
        A line, without its line break; without colours, a line of marks follows, unless it is
        empty.
    """
    most = max((abs(weight) for _, weight in parts), default=0.0)
    most = most if strongest is None else strongest
    shown = [
        (printable_text(cluster), level(weight, most))
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
        f"<tr>{''.join(f'<td><bdi>{_escaped(cell)}</bdi></td>' for cell in row)}</tr>"
        for row in rows
    )
    shades = sorted({_shade(weight, most) for _, weight in parts})
    style = _STYLE + "".join(map(_shade_rule, shades))
    return _PAGE.format(
        policy=content_policy(style=style),
        style=style,
        title=_escaped(title),
        label=_escaped(label),
        text="".join(_span(part, weight, most) for part, weight in parts),
        rows=table,
    )


def _escaped(text: str) -> str:
    return html.escape(printable_text(text))


def _span(text: str, weight: float, most: float) -> str:
    shown = "\n".join(map(_escaped, text.split("\n")))
    return f'<span class="{_shade(weight, most)}" title="{weight:+.3f} nats">{shown}</span>'


def _shade(weight: float, most: float) -> str:
    """Return the CSS class of a contribution: its colour and strength."""
    strength = round(_STRENGTHS * abs(weight) / most) if most else 0
    return f"{'s' if weight > 0 else 'o'}{strength}"


def _shade_rule(shade: str) -> str:
    color = "31, 119, 230" if shade[0] == "s" else "240, 130, 20"
    return f".{shade} {{ background: rgba({color}, {int(shade[1:]) / 100:.2f}); }}\n"


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

"""A scored text as a self-contained HTML file, without network access, fonts or other files.

The text is shaded and underlined by its bits; it is readable without colour, on paper, and without
JavaScript. With JavaScript, the page shows the bits of each character and the expected characters.
The page has these numbers once, as JSON arrays aligned with the text.

Legend: N grapheme clusters (``Score.borders``), K alternatives.
"""

from __future__ import annotations

import html
import importlib.resources
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nextchar.evaluation.score import Anomaly, Score
from nextchar.rendering.characters import clipped, symbol_name
from nextchar.rendering.lists import NO_ANOMALIES, counting_notes
from nextchar.rendering.policy import content_policy
from nextchar.rendering.scale import UNMEASURED, VISIBLE_BREAK, cluster_sums, level_names, levels
from nextchar.visible import printable_text

# Background and text colours of levels 2 to 8, with a contrast of at least 4.5. Each level is
# darker than the one before it (lighter in the dark scheme): colour-blind readers see the order.
LIGHT_SHADES = (
    ("#fff3c4", "#1a1a1a"),
    ("#ffe394", "#1a1a1a"),
    ("#ffcb61", "#1a1a1a"),
    ("#ffab40", "#1a1a1a"),
    ("#f5853d", "#1a1a1a"),
    ("#c93a3a", "#ffffff"),
    ("#8a1050", "#ffffff"),
)
DARK_SHADES = (
    ("#35274d", "#ffffff"),
    ("#4f2a68", "#ffffff"),
    ("#702a78", "#ffffff"),
    ("#982f6f", "#ffffff"),
    ("#c03f5e", "#ffffff"),
    ("#f4863f", "#111111"),
    ("#fde06a", "#111111"),
)
_FIRST_SHADE = 2
_OVERVIEW_BARS = 160
_CONTEXT = 16
_LABEL_CELLS = 24


def score_page(score: Score, *, title: str, anomalies: int = 30) -> str:
    """Return the page of a score, as text for a file in UTF-8.

    Parameters
    ----------
    score
        The score to show.
    title
        The name of the text.
    anomalies
        Maximum number of anomalies to list.
    """
    found = score.anomalies(anomalies)
    name = html.escape(printable_text(title))
    style, script = f"\n{_shades()}{_asset('score_page.css')}", f"\n{_asset('score_page.js')}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{content_policy(style=style, script=script)}
<title>{name}, scored</title>
<style>{style}</style>
</head>
<body>
<header>
<h1><bdi>{name}</bdi></h1>
{_summary(score)}
{_legend()}
{_overview(score)}
</header>
<main>
<div id="text" lang=""{_line_breaking(score.text)}>{"".join(_text(score, found))}</div>
<aside>
<section id="details" hidden>
<h2>Character</h2>
<p id="said" role="status" aria-live="polite"></p>
<ol id="expected"></ol>
<p id="keys">In the text, N and P go to the next and the previous surprising place, the arrow keys
to the next character or line, Home and End to the ends of the line, with Ctrl to those of the
text.</p>
</section>
<nav aria-labelledby="most">
<h2 id="most">Most surprising</h2>
{_anomaly_links(score, found)}
</nav>
</aside>
</main>
<script type="application/json" id="data">{_data(score, found)}</script>
<script>{script}</script>
</body>
</html>
"""


def _asset(name: str) -> str:
    """Return the text of a file in the folder of this module."""
    return (importlib.resources.files(__package__) / name).read_text(encoding="utf-8")


def _shades() -> str:
    """Return CSS variables with the colours of both schemes, and the rules for the levels."""

    def variables(shades: Sequence[tuple[str, str]]) -> str:
        return "".join(
            f"--b{level}:{back};--f{level}:{front};"
            for level, (back, front) in enumerate(shades, _FIRST_SHADE)
        )

    rules = "".join(
        f".c{level}{{background:var(--b{level});color:var(--f{level})}}\n"
        for level in range(_FIRST_SHADE, _FIRST_SHADE + len(LIGHT_SHADES))
    )
    return (
        f":root{{{variables(LIGHT_SHADES)}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{variables(DARK_SHADES)}}}}}\n"
        f"@media print{{:root{{{variables(LIGHT_SHADES)}}}}}\n{rules}"
    )


def _summary(score: Score) -> str:
    """Return the summary metrics, with notes on how they were counted."""
    figures = [
        ("bits per character", f"{score.bits_per_char:.3f}"),
        ("total bits", f"{score.total_bits:,.0f}"),
        ("characters", f"{score.characters:,}"),
    ]
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures)
    notes = "".join(
        f"<p>{html.escape(note[:1].upper() + note[1:])}.</p>" for _, note in counting_notes(score)
    )
    return f"<dl>{items}</dl>\n{notes}"


def _legend() -> str:
    samples = "".join(
        f'<li class="c{level}">{html.escape(name)}</li>' for level, name in enumerate(level_names())
    )
    return f'<ul id="legend" aria-label="Bits of a character, by shade">{samples}</ul>'


def _overview(score: Score) -> str:
    """Return a bar chart of the mean bits of equal segments of the text; each bar is a link."""
    bits = cluster_sums(score, score.bits)
    count = min(_OVERVIEW_BARS, len(bits))
    starts = [bar * len(bits) // count for bar in range(count)]
    measured = np.add.reduceat(~np.isnan(bits), starts)
    means = np.add.reduceat(np.nan_to_num(bits), starts) / np.maximum(measured, 1)
    heights = (100 * means / max(float(means.max()), 1e-9)).round(1)
    bars = "".join(
        f'<rect x="{bar}" y="{100 - height:.1f}" height="{height:.1f}" data-at="{start}"/>'
        for bar, (height, start) in enumerate(zip(heights.tolist(), starts, strict=True))
    )
    return (
        f'<svg id="overview" viewBox="0 0 {count} 100" preserveAspectRatio="none" '
        f'aria-hidden="true">{bars}</svg>'
    )


def _line_breaking(text: str) -> str:
    """Return the class for line breaks between words if the text is mostly Hangul."""
    hangul = sum("가" <= character <= "힣" for character in text)
    others = sum("\u3040" <= character <= "\u9fff" for character in text)
    return ' class="words"' if hangul > others else ""


def _text(score: Score, anomalies: Sequence[Anomaly]) -> Iterator[str]:
    """Yield an element for every line, with an element for every character.

    CSS classes indicate the level of a character, and mark unknown characters and visible line
    breaks. The first character of a listed anomaly has an id.
    """
    names = {anomaly.start: f" id=s{number}" for number, anomaly in enumerate(anomalies, 1)}
    found = levels(cluster_sums(score, score.bits)).tolist()
    unknown = np.logical_or.reduceat(score.unknown, score.borders[:-1]).tolist()
    borders = score.borders.tolist()
    for line in score.lines():
        yield "<div>"
        first, end = np.searchsorted(score.borders, [line.start, line.end]).tolist()
        for number in range(first, end):
            start, after = borders[number : number + 2]
            character, level = score.text[start:after], found[number]
            classes = [f"c{level}"] if level >= _FIRST_SHADE else []
            if level == UNMEASURED:
                classes.append("n")
            if unknown[number]:
                classes.append("u")
            if character == "\n" and level >= VISIBLE_BREAK:
                classes.append("r")
            shown = character if character in "\n\t" else html.escape(printable_text(character))
            yield f"<i{names.get(start, '')}{_class(classes)}>{shown}</i>"
        yield "</div>"


def _class(classes: Sequence[str]) -> str:
    return (
        f' class="{" ".join(classes)}"'
        if len(classes) > 1
        else "".join(f" class={name}" for name in classes)
    )


def _anomaly_links(score: Score, anomalies: Sequence[Anomaly]) -> str:
    if not anomalies:
        return f"<p>{NO_ANOMALIES[:1].upper()}{NO_ANOMALIES[1:]}.</p>"
    links = []
    for number, anomaly in enumerate(anomalies, 1):
        start, end = anomaly.start, anomaly.end
        marked = clipped(printable_text(score.text[start:end]), _LABEL_CELLS)
        first, last = score.around(max(0, start - _CONTEXT), min(end + _CONTEXT, len(score.text)))
        before, after = (
            printable_text(score.text[first:start]),
            printable_text(score.text[end:last]),
        )
        line, column = score.position(start)
        more = f", {anomaly.repeats} more like it" if anomaly.repeats else ""
        links.append(
            f'<li><a href="#s{number}" data-at="{_number_at(score, start)}">'
            f"<q><bdi>{html.escape(before)}<mark>{html.escape(marked)}</mark>{html.escape(after)}"
            "</bdi></q> "
            f"<small>{line}:{column}, {anomaly.bits:.1f} bits{more}</small></a></li>\n"
        )
    return f"<ol>\n{''.join(links)}</ol>"


def _data(score: Score, anomalies: Sequence[Anomaly]) -> str:
    """Return the data of the characters for the script, as JSON.

    Bits are in hundredths, probabilities in thousandths. Each character has K alternatives, as
    indices of names and probabilities.
    """
    numbers: dict[str, int] = {}
    names: list[list[int]] = []
    probabilities: list[list[int]] = []
    costs = np.nan_to_num(score.bits, nan=-1.0)
    for start, end in itertools.pairwise(score.borders.tolist()):
        pairs = score.alternatives(start + int(costs[start:end].argmax()))
        names.append([numbers.setdefault(name, len(numbers)) for name, _ in pairs])
        probabilities.append([round(1000 * probability) for _, probability in pairs])
    data: dict[str, Any] = {
        "bits": _hundredths(cluster_sums(score, score.bits).tolist()),
        "expected": _hundredths(cluster_sums(score, score.expected_bits).tolist()),
        "names": [symbol_name(name) for name in numbers],
        "alternatives": names,
        "probabilities": probabilities,
        "surprising": sorted(
            [_number_at(score, anomaly.start), _number_at(score, anomaly.end)]
            for anomaly in anomalies
        ),
        "several": len(score.symbol_ids) > len(names) - score.skipped,
    }
    # Without "<", nothing in the data can end the script element or start a comment.
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _number_at(score: Score, place: int) -> int:
    """Return the index of the grapheme cluster at an offset of the text."""
    return int(np.searchsorted(score.borders, place))


def _hundredths(bits: Sequence[float]) -> list[int | None]:
    return [None if math.isnan(value) else round(100 * value) for value in bits]

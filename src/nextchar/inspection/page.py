"""A page with everything about a run: words and pictures of each inspection, and a text to explore.

One HTML file without network access. Pictures are SVG with text as text, contained as data. With
JavaScript, the text is coloured by any unit, or by the influence on a prediction, with the mouse or
the keyboard.

Shapes: T symbols of text, H units of a layer, K lags.
"""

from __future__ import annotations

import base64
import html
import importlib.resources
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextchar.rendering.policy import content_policy
from nextchar.visible import printable_text

_TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class Section:
    """One inspection on the page.

    Attributes
    ----------
    name
        The name of its command, also the anchor.
    title, question
        The heading, and the question that it answers.
    lines
        The result in words.
    picture
        An SVG file in UTF-8; ``None`` if there is none.
    """

    name: str
    title: str
    question: str
    lines: Sequence[str]
    picture: bytes | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class TextToExplore:
    """The beginning of the text with the units of every layer.

    Attributes
    ----------
    symbols
        The visible text of each of the T symbols; a line break is itself.
    series
        The values of the units by the beginning of their names, such as ``"1."`` for h of the first
        layer and ``"1.c."`` for tanh(c), float[T, H] each.
    named
        Units worth a look: their names, and the reasons.
    memory
        The influence of the symbol k places before each prediction, float[T, K]; zeros where it was
        not measured.
    """

    symbols: Sequence[str]
    series: Mapping[str, NDArray[np.float32]]
    named: Sequence[tuple[str, str]]
    memory: NDArray[np.float64]


def inspection_page(
    title: str, description: str, sections: Sequence[Section], text: TextToExplore
) -> str:
    """Return the page, as text for a file in UTF-8.

    Parameters
    ----------
    title
        The name of the run.
    description
        The model and the text that was read, in one line.
    sections
        The inspections in order.
    text
        The text to explore.
    """
    name = html.escape(printable_text(title))
    style, script = f"\n{_asset('page.css')}", f"\n{_asset('page.js')}"
    links = "".join(
        f'<li><a href="#{each.name}">{html.escape(each.title)}</a></li>' for each in sections
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{content_policy(style=style, script=script, images=True)}
<title>{name}, inspected</title>
<style>{style}</style>
</head>
<body>
<header>
<h1><bdi>{name}</bdi></h1>
<p>{html.escape(printable_text(description))}</p>
<nav aria-label="Inspections">
<ul><li><a href="#explore">Units over the text</a></li>{links}</ul>
</nav>
</header>
<main>
{_explorer(text)}
{"".join(_section(each) for each in sections)}
</main>
<script type="application/json" id="data">{_data(text)}</script>
<script>{script}</script>
</body>
</html>
"""


def _asset(name: str) -> str:
    """Return the text of a file in the folder of this module."""
    return (importlib.resources.files(__package__) / name).read_text(encoding="utf-8")


def _section(section: Section) -> str:
    picture = ""
    if section.picture is not None:
        alt = html.escape(f"{section.title}: {section.question}", quote=True)
        picture = f"""<img alt="{alt}" src='{_data_url(section.picture)}'>"""
    words = html.escape("\n".join(printable_text(line) for line in section.lines))
    return f"""<section aria-labelledby="{section.name}">
<h2 id="{section.name}">{html.escape(section.title)}</h2>
<p class="question">{html.escape(section.question)}</p>
{f"<pre>{words}</pre>" if words else ""}
{picture}
<p class="note"><code>nextchar inspect {section.name} RUN</code></p>
</section>
"""


def _data_url(svg: bytes) -> str:
    """Return an SVG file for an attribute in single quotes; base64 would be a third longer."""
    text = svg.decode().replace("%", "%25").replace("#", "%23").replace("'", "%27")
    return f"data:image/svg+xml,{text.replace('&', '&amp;')}"


def _explorer(text: TextToExplore) -> str:
    """Return the section with the text and its controls."""
    series = "".join(
        f'<option value="{number}">layer {start.split(".")[0]}, {_quantity(start)}</option>'
        for number, start in enumerate(text.series)
    )
    named = "".join(
        f'<option value="{html.escape(name, quote=True)}">{html.escape(name)}: '
        f"{html.escape(printable_text(reason))}</option>"
        for name, reason in text.named
    )
    scale = "".join(f'<li class="v{level}">{level / 4:+.2g}</li>' for level in range(-4, 5))
    return f"""<section aria-labelledby="explore">
<h2 id="explore">Units over the text</h2>
<p class="question">Which unit follows which property of the text, and on which symbols does a
prediction depend?</p>
<p class="note">{_naming(text)}</p>
<fieldset><legend>Colour the text by</legend>
<label>Show <select id="colouring"><option value="unit">a unit</option>
<option value="memory">the memory of a prediction</option></select></label>
<label>Values <select id="series">{series}</select></label>
<label>Unit <input id="unit" type="number" min="1" value="1"></label>
<label>Worth a look <select id="named"><option value="">…</option>{named}</select></label>
</fieldset>
<ul id="scale" aria-label="Share of the largest value">{scale}</ul>
<div id="text" tabindex="0" role="group" aria-label="The text" aria-describedby="keys"
>{_letters(text)}</div>
<p id="said" role="status" aria-live="polite"></p>
<p id="keys">In the text, left and right go to the previous and the next symbol, up and down to the
previous and the next unit, Home and End to the ends.</p>
</section>
"""


def _naming(text: TextToExplore) -> str:
    """Explain the names of units."""
    memory = "; 1.c.24 is its memory c, shown as tanh(c)" if "1.c." in text.series else ""
    return (
        "A unit is named by its layer and its number in it, both counted from 1: 1.24 is the "
        f"output h of unit 24 in layer 1{memory}."
    )


def _quantity(start: str) -> str:
    """Return the name of the values of a series."""
    return "tanh(c)" if ".c." in start else "h"


def _letters(text: TextToExplore) -> str:
    letters = []
    for symbol in text.symbols:
        if symbol == "\n":
            letters.append("<i data-break=1>\n</i>")
        else:
            shown = symbol if symbol == "\t" else html.escape(printable_text(symbol))
            letters.append(f"<i>{shown}</i>")
    return "".join(letters)


def _data(text: TextToExplore) -> str:
    """Return the values of the units and the memory for the script, as JSON."""
    largest = np.maximum(text.memory.max(axis=1, keepdims=True), _TINY)
    data: dict[str, Any] = {
        "series": [_values(start, values) for start, values in text.series.items()],
        "memory": {"reach": text.memory.shape[1], "values": _bytes(text.memory / largest)},
    }
    dumped = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return dumped.replace("<", "\\u003c")


def _values(start: str, values: NDArray[np.float32]) -> dict[str, Any]:
    """Return the values of a series in 127 steps of the largest one; tanh(c) is at most 1."""
    scale = 1.0 if _quantity(start) != "h" else max(_TINY, float(np.abs(values).max()))
    return {
        "name": start,
        "quantity": _quantity(start),
        "units": values.shape[1],
        "scale": scale,
        "values": _bytes(values / scale),
    }


def _bytes(shares: NDArray[np.floating]) -> str:
    """Return numbers from −1 to 1 as signed bytes, in base64."""
    return base64.b64encode(np.round(127 * shares).astype(np.int8).tobytes()).decode()

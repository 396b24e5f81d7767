"""Pieces of HTML: everything is escaped, nothing leaks, and shades suit light and dark."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence

import pytest

from nextchar.notebook import fragments
from nextchar.notebook.fragments import heat_map, learning_curve, table, words
from tests.rendering.scores import score_of

HOSTILE = '<script>alert("x")</script>&\x1b[31m'
ROWS = [
    {"step": 10, "train_bits_per_char": 4.0, "validation_bits_per_char": 4.2},
    {"step": 20, "train_bits_per_char": 3.0, "validation_bits_per_char": 3.5},
]


def text_of(fragment: str) -> str:
    """Give what is left of HTML without its tags."""
    return html.unescape(re.sub("<[^>]*>", "", fragment))


@pytest.mark.parametrize(
    "fragment", [table([(HOSTILE, HOSTILE)]), words([HOSTILE]), heat_map(score_of(HOSTILE))]
)
def test_a_text_cannot_become_markup_or_control_characters(fragment: str) -> None:
    assert "<script" not in fragment
    assert "\x1b" not in fragment
    assert "<script>" in text_of(fragment)


def test_a_hostile_symbol_stays_inside_the_title() -> None:
    score = score_of("ab" * 10, [0.0] + [5.0] * 19)
    fragment = heat_map(score)
    assert "5.0 bits; expected: " in fragment
    assert "</script>" not in fragment
    assert text_of(fragment).count("ab") == 10


def test_nothing_changes_the_rest_of_the_notebook() -> None:
    for fragment in (
        table([("a", "b")]),
        heat_map(score_of("abc")),
        learning_curve(ROWS, unit="char"),
    ):
        assert not re.search(r"<style|<script|\b(?:id|class)=", fragment)


def test_a_heat_map_shades_by_bits() -> None:
    fragment = heat_map(score_of("abcd", [0.0, 1.9, 2.5, 13.0]))
    body = fragment[fragment.index("<pre") : fragment.index("</pre>")]
    assert re.findall(r"rgba\(224,94,16,([\d.]+)\)", body) == ["0.12", "0.6"]
    assert body.count("<span") == 2
    assert "bits per character, 3 characters" in fragment


def test_what_has_no_bits_is_struck_and_told() -> None:
    fragment = heat_map(score_of("abc", [0.0, math.nan, 1.0]))
    assert '<span style="text-decoration:line-through">b</span>' in fragment
    assert "outside the vocabulary" in fragment


def test_a_surprising_line_break_is_visible() -> None:
    fragment = heat_map(score_of("a\n\nb", [0.0, 0.5, 9.0, 0.5]))
    assert text_of(fragment[fragment.index("<pre") : fragment.index("</pre>")]) == "a\n↵\nb"


def test_a_long_text_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragments, "SHOWN_CHARACTERS", 100)
    fragment = heat_map(score_of("x" * 1234))
    assert "1,134 more characters are not shown" in fragment
    assert fragment.count("x") < 110


def test_text_is_readable_on_the_darkest_shade_in_light_and_dark() -> None:
    for background, text in ((255, "#212121"), (17, "#e0e0e0")):
        shaded = [0.6 * part + 0.4 * background for part in (224, 94, 16)]
        assert contrast(shaded, [int(text[k : k + 2], 16) for k in (1, 3, 5)]) >= 4.5


def contrast(first: Sequence[float], second: Sequence[float]) -> float:
    lighter, darker = sorted(map(luminance, (first, second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: Sequence[float]) -> float:
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in (each / 255 for each in color)
    ]
    return sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_a_learning_curve_tells_the_last_losses() -> None:
    assert text_of(learning_curve(ROWS, unit="char")).startswith("━ train 3.000 ━ validation 3.500")


def test_a_run_with_nothing_held_out_has_one_curve() -> None:
    rows = [{key: row[key] for key in ("step", "train_bits_per_char")} for row in ROWS]
    assert "validation 3" not in learning_curve(rows, unit="char")


@pytest.mark.parametrize("rows", [[], ROWS[:1], [{"step": 1}, {"step": 2}]])
def test_without_two_losses_there_is_no_curve(rows: list[dict[str, float]]) -> None:
    assert learning_curve(rows, unit="char") == ""

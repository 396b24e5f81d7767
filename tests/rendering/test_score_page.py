"""A scored text as an HTML page."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.rendering.score_page import DARK_SHADES, LIGHT_SHADES, score_page
from tests.rendering.scores import score_of

_VOID = ("meta", "rect")


class _Page(HTMLParser):
    """Reads a page as a browser does: elements nest, scripts end at the first end tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.characters: list[tuple[str, str]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.said = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if "id" in values:
            self.ids.append(str(values["id"]))
        if tag == "a":
            self.links.append(str(values["href"]))
        assert not values.keys() & {"src", "onclick", "style"}
        if tag == "i":
            self.characters.append(("", str(values.get("class", ""))))
        elif tag == "script":
            self.scripts.append("")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        tag = self.open[-1] if self.open else ""
        if tag == "i":
            text, classes = self.characters[-1]
            self.characters[-1] = (text + data, classes)
        elif tag == "script":
            self.scripts[-1] += data
        elif tag == "style":
            self.styles.append(data)
        else:
            self.said += data

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.characters)

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.scripts[0])
        return data


NASTY = "<b>&amp; \"x\" 'y' </i></div></script><!--\n한글\t  two\n\n"


def test_the_page_holds_every_character_in_order() -> None:
    page = _Page(score_page(score_of(NASTY), title="x"))
    assert page.text == NASTY
    assert [len(text) for text, _ in page.characters] == [1] * len(NASTY)


@given(st.text(min_size=2, max_size=40))
def test_whatever_the_text_is_it_stands_in_the_page_character_by_character(text: str) -> None:
    score = score_of(text, [0.0] + [9.0] * (len(text) - 1))
    page = _Page(score_page(score, title=text))
    assert len(page.characters) == len(score.borders) - 1
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", page.text)


def test_what_is_seen_as_one_character_is_one_with_the_sum_of_its_bits() -> None:
    text = "a👩\u200d🚀e\u0301🇰🇷x"
    score = score_of(text, [0, 1, 9, 3, 2, 2, 1, 1, 8], unknown=[3])
    page = _Page(score_page(score, title="x"))
    assert [shown for shown, _ in page.characters] == ["a", "👩\u200d🚀", "e\u0301", "🇰🇷", "x"]
    assert page.data["bits"] == [0, 1300, 400, 200, 800]
    worst = [name.replace(" ", "␣") for name, _ in score.alternatives(2)]
    assert [page.data["names"][name] for name in page.data["alternatives"][1]] == worst
    assert page.data["surprising"] == [[1, 2], [4, 5]]


def test_neither_title_nor_symbols_can_end_what_they_stand_in() -> None:
    page = score_page(score_of("ababab"), title="</title><script>alert(1)</script>")
    read = _Page(page)
    assert len(read.scripts) == 2
    assert "</script><!--" in read.data["names"]
    assert "alert(1)" in read.said


def test_the_data_are_aligned_with_the_text() -> None:
    score = score_of("abΩde", [0, 1.234, math.nan, 9, 3], unknown=[4])
    data = _Page(score_page(score, title="x")).data
    assert data["bits"] == [0, 123, None, 900, 300]
    assert data["expected"][1:3] == [200, None]
    assert [len(names) for names in data["alternatives"]] == [0, 3, 0, 3, 3]
    for place in (1, 3, 4):
        shown = [data["names"][name] for name in data["alternatives"][place]]
        assert shown == [name.replace(" ", "␣") for name, _ in score.alternatives(place)]
        assert data["probabilities"][place] == [500, 250, 0]
    assert data["several"] is False


def test_classes_say_how_surprising_a_character_is() -> None:
    score = score_of("abcΩ\nef\n", [0, 1.5, 2, math.nan, 9, 20, 3, 1], unknown=[6])
    classes = [names for _, names in _Page(score_page(score, title="x")).characters]
    assert classes == ["", "", "c2", "n", "c6 r", "c8", "c3 u", ""]


def test_every_surprising_stretch_is_a_link_to_its_place() -> None:
    text = "one thing and anothre thing and a thingg\n"
    bits = np.full(len(text), 1.0)
    bits[[text.index("re "), text.index("gg") + 1]] = 15
    page = _Page(score_page(score_of(text, bits.tolist()), title="x"))
    assert page.links == ["#s1", "#s2"]
    assert {"s1", "s2"} <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    assert page.data["surprising"] == [[19, 20], [39, 40]]


def test_the_number_of_stretches_can_be_chosen() -> None:
    text = "abcd efgh " * 5
    bits = [9.0 if place % 3 == 0 else 0.0 for place in range(len(text))]
    assert len(_Page(score_page(score_of(text, bits), title="x", anomalies=1)).links) == 1


def test_the_page_needs_nothing_but_itself() -> None:
    page = score_page(score_of("abc"), title="x")
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|@import|url\(", page)


def test_the_summary_says_what_is_special() -> None:
    said = _Page(score_page(score_of("abΩd", [0, 3, math.nan, 1]), title="a play")).said
    assert "a play" in said
    assert "2.000" in said
    assert "1 character (33.33% of all) outside the vocabulary" in said


def test_a_page_of_many_characters_stays_small() -> None:
    draw = np.random.default_rng(1)
    text = "The quick brown fox.\n" * 500
    bits = draw.exponential(2.0, len(text))
    assert len(score_page(score_of(text, bits.tolist()), title="x").encode()) < 100 * len(text)


def test_korean_breaks_between_words_and_japanese_anywhere() -> None:
    assert 'lang="" class="words"' in score_page(score_of("오늘은 산에 간다"), title="x")
    assert 'class="words"' not in score_page(score_of("今日は山に行く"), title="x")


@pytest.mark.parametrize("shades", [LIGHT_SHADES, DARK_SHADES])
def test_text_on_every_shade_can_be_read_and_their_order_seen(
    shades: tuple[tuple[str, str], ...],
) -> None:
    lights = [[_luminance(colour) for colour in pair] for pair in shades]
    assert all((max(pair) + 0.05) / (min(pair) + 0.05) >= 4.5 for pair in lights)
    backs = [back for back, _ in lights]
    assert backs == sorted(backs, reverse=shades is LIGHT_SHADES)


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_page_allows_its_own_style_and_script_and_nothing_else() -> None:
    page = score_page(score_of("ab\u202ec"), title="\u202ex")
    policy = page.partition('Content-Security-Policy" content="')[2].partition('"')[0]
    for tag in ("style", "script"):
        content = page.rpartition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "\u202e" not in page

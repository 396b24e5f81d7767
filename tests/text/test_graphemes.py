"""Clusters are those of Unicode Annex 29, on its own kinds of cases, and fast on plain text."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.text.graphemes import (
    ClusterBoundaries,
    attaches,
    boundary_at_least,
    boundary_at_most,
    clusters,
    inner_places,
)

# One from each kind of what is special, and characters that stand alone.
ALPHABET = (
    "aZé가 .#\n\r\t1한ㅏ\u00ad\u0301\u0308\u0903\u093f\u094d\u0915\u0937\u0995\u09cd\u0e01\u0e33"
    "\u1100\u1161\u11a8\u200b\u200c\u200d\u20e3\ufe0f\uff9e©☂☝👩🚀🏽🇰🇷🏴\U000e0067\u0600"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("abc", ["a", "b", "c"], id="letters"),
        pytest.param("\r\n\n\r", ["\r\n", "\n", "\r"], id="line ends"),
        pytest.param("e\u0301a", ["e\u0301", "a"], id="accent"),
        pytest.param("z\u0351\u036b\u0343x", ["z\u0351\u036b\u0343", "x"], id="stacked marks"),
        pytest.param("\n\u0301", ["\n", "\u0301"], id="a mark after a control"),
        pytest.param(" \u0301", [" \u0301"], id="a mark on a space"),
        pytest.param(
            "\u1112\u1161\u11ab\u1100\u1173\u11af",
            ["\u1112\u1161\u11ab", "\u1100\u1173\u11af"],
            id="Hangul letters",
        ),
        pytest.param("하\u11ab글", ["하\u11ab", "글"], id="a syllable and a final"),
        pytest.param("한\u11ab\u1161", ["한\u11ab", "\u1161"], id="a vowel after a final"),
        pytest.param("ㅎㅏㄴ", ["ㅎ", "ㅏ", "ㄴ"], id="compatibility letters stand alone"),
        pytest.param("🇰🇷🇫🇷🇩", ["🇰🇷", "🇫🇷", "🇩"], id="flags"),
        pytest.param("👍🏽!", ["👍🏽", "!"], id="skin tone"),
        pytest.param(
            "👩\u200d👩\u200d👧\u200d👦👧", ["👩\u200d👩\u200d👧\u200d👦", "👧"], id="family"
        ),
        pytest.param("👩🏽\u200d🚀", ["👩🏽\u200d🚀"], id="astronaut with a skin tone"),
        pytest.param("🏳️\u200d🌈", ["🏳️\u200d🌈"], id="rainbow flag"),
        pytest.param("🏴\U000e0067\U000e007f", ["🏴\U000e0067\U000e007f"], id="tags"),
        pytest.param("a\u200d👩", ["a\u200d", "👩"], id="a joiner after a letter joins nothing"),
        pytest.param("#\ufe0f\u20e3*", ["#\ufe0f\u20e3", "*"], id="keycap"),
        pytest.param("❤️x", ["❤️", "x"], id="variation selector"),
        pytest.param("葛\U000e0100城", ["葛\U000e0100", "城"], id="ideographic variation"),
        pytest.param("क्षत्रिय", ["क्ष", "त्रि", "य"], id="Devanagari conjuncts"),
        pytest.param("ক্ষ", ["ক্ষ"], id="Bengali conjunct"),
        pytest.param("क्\u200dष", ["क्\u200dष"], id="a joiner in a conjunct"),
        pytest.param("क्\u200cष", ["क्\u200c", "ष"], id="a non-joiner parts a conjunct"),
        pytest.param("நி", ["நி"], id="Tamil vowel sign"),
        pytest.param("กำ", ["กำ"], id="Thai am"),
        pytest.param("\u0600١", ["\u0600١"], id="a number sign before its number"),
        pytest.param("\u0600a", ["\u0600a"], id="a number sign before a letter"),
        pytest.param("ｶﾞ", ["ｶﾞ"], id="half-width voiced kana"),
        pytest.param("a\u00ad\u0301", ["a", "\u00ad", "\u0301"], id="soft hyphen"),
    ],
)
def test_clusters_are_those_that_the_annex_gives(text: str, expected: list[str]) -> None:
    assert clusters(text) == expected


@given(st.text(ALPHABET))
def test_the_fast_way_and_one_character_after_the_other_find_the_same_borders(text: str) -> None:
    boundaries = ClusterBoundaries()
    inner = [place for place, character in enumerate(text) if not boundaries.begins(character)]
    assert inner_places(text) == inner


@given(st.text(ALPHABET))
def test_clusters_joined_are_the_text_and_each_is_one_of_its_own(text: str) -> None:
    found = clusters(text)
    assert "".join(found) == text
    assert all(clusters(each) == [each] for each in found)


@given(st.text(ALPHABET, min_size=1), st.integers(0, 100))
def test_the_borders_around_a_place_enclose_it_without_a_border_between(
    text: str, place: int
) -> None:
    place %= len(text) + 1
    low, high = boundary_at_most(text, place), boundary_at_least(text, place)
    assert low <= place <= high
    assert not {low, high} & set(inner_places(text))
    assert len(clusters(text[low:high])) <= 1


def test_every_combining_mark_attaches_to_what_stands_before_it() -> None:
    marks = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) in ("Mn", "Me")]
    assert all(map(attaches, marks))
    assert not any(map(attaches, "a가 \n👩🇰क"))


def test_a_megabyte_of_plain_text_takes_a_few_milliseconds() -> None:
    for text in ("To be, or not to be.\n" * 50_000, "가나다 라마바사.\n" * 100_000):
        began = time.perf_counter()
        assert inner_places(text) == []
        assert time.perf_counter() - began < 0.1


@given(st.text(alphabet="a \n\r\u0301\u0600한\u1112\u1161🇰👩\u200d", max_size=12), st.data())
def test_the_last_border_before_a_place_is_found_from_the_last_space_on(
    text: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(text)))
    inner = set(inner_places(text[: place + 1]))
    expected = next((at for at in range(place, -1, -1) if at not in inner), 0)
    assert boundary_at_most(text, place) == expected

"""The most surprising stretches of a scored text, and where they are."""

from __future__ import annotations

import itertools
import random
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.text.graphemes import inner_places
from tests.conftest import english
from tests.rendering.scores import score_of


def _with_typos(text: str, count: int, seed: int) -> tuple[str, list[int], list[float]]:
    """Replace letters, and give the places and bits as of a model that knows the words."""
    draw = random.Random(seed)
    noise = np.random.default_rng(seed)
    bits = np.minimum(noise.exponential(1.5, len(text)), 4.4)
    letters = list(text)
    places = sorted(draw.sample([i for i in range(1, len(text)) if text[i].isalpha()], count))
    for place, letter in zip(places, string.ascii_uppercase, strict=False):
        letters[place] = letter
        bits[place] = draw.uniform(6, 15)
    return "".join(letters), places, bits.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_planted_typos_rank_first(seed: int) -> None:
    text, places, bits = _with_typos(english(3000), 20, seed)
    found = score_of(text, bits).anomalies(20)
    assert [any(span.start <= place < span.end for span in found) for place in places] == [
        True
    ] * 20


def test_a_strange_name_takes_one_place_however_often_it_comes() -> None:
    text = "Gonzalo said no. " * 12 + "Teh end."
    bits = [1.0] * len(text)
    for place, letter in enumerate(text):
        if letter == "z":
            bits[place] = 14.0
    bits[text.index("eh")] = 9.0
    name, slip = score_of(text, bits).anomalies(30)
    assert text[name.start : name.end] == "z"
    assert name.repeats == 11
    assert text[slip.start : slip.end] == "e"
    assert slip.repeats == 0


def test_the_same_word_in_another_case_is_another_word() -> None:
    text = "PROSPERO: x PROSpERO: x"
    bits = [9.0 if letter in "Pp" else 1.0 for letter in text]
    assert len(score_of(text, bits).anomalies(30)) == 2


def test_a_stretch_grows_over_words_that_are_all_surprising() -> None:
    text = "here is je ne sais quoi for you"
    start, end = text.index("je"), text.index(" for")
    bits = [6.0 if start <= place < end else 1.0 for place in range(len(text))]
    (span,) = score_of(text, bits).anomalies(5)
    assert (span.start, span.end) == (start, end)


def test_what_was_expected_to_cost_much_is_no_anomaly() -> None:
    assert score_of("abcdef", [0, 9, 9, 9, 9, 9], expected=9.0).anomalies(5) == []


def test_punctuation_without_a_word_is_never_a_repeat() -> None:
    bits = [9.0 if place in (3, 9) else 1.0 for place in range(13)]
    assert len(score_of("-- # -- - # -", bits).anomalies(5)) == 2


def test_places_are_lines_and_columns_from_one() -> None:
    score = score_of("ab\n\ncd\n")
    assert [score.position(place) for place in range(7)] == [
        (1, 1),
        (1, 2),
        (1, 3),
        (2, 1),
        (3, 1),
        (3, 2),
        (3, 3),
    ]


@pytest.mark.parametrize(("text", "lines"), [("ab\ncd", 2), ("ab\ncd\n", 2), ("\n\n", 2)])
def test_lines_end_with_their_line_breaks(text: str, lines: int) -> None:
    score = score_of(text)
    spans = score.lines()
    assert len(spans) == lines
    assert "".join(text[span.start : span.end] for span in spans) == text
    assert sum(span.bits for span in spans) == pytest.approx(score.total_bits)


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("abe\u0301cd", 3, "e\u0301"),
        ("ab👩\u200d🚀cd", 3, "👩\u200d🚀"),
        ("ab🇰🇷🇫🇷cd", 5, "🇫🇷"),
        ("क्ष a", 1, "क्ष"),
        ("ab\u1112\u1161\u11abc", 2, "\u1112\u1161\u11ab"),
    ],
)
def test_a_stretch_is_of_whole_characters_as_a_reader_sees_them(
    text: str, place: int, expected: str
) -> None:
    bits = [0.0] + [1.0] * (len(text) - 1)
    bits[place] = 20
    (found,) = score_of(text, bits).anomalies(9)
    assert text[found.start : found.end] == expected


@given(
    st.text(st.sampled_from("abक्षि\u0301👩\u200d🚀🇰🇷\r\n ") | st.characters(), min_size=2),
    st.data(),
)
def test_no_word_or_stretch_ends_inside_a_character(text: str, data: st.DataObject) -> None:
    size = len(text) - 1
    bits = st.lists(st.sampled_from([0.0, 1.0, 12.0]), min_size=size, max_size=size)
    score = score_of(text, [0.0, *data.draw(bits)])
    inner = {place for place in inner_places(text) if text[place] != "\n"}
    for span in (*score.words(), *score.anomalies(99)):
        assert not {span.start, span.end} & inner
    assert all(a.end <= b.start for a, b in itertools.pairwise(score.words()))


def test_marks_do_not_part_a_word() -> None:
    score = score_of("क्षत्रिय nai\u0308ve cafe\u0301s")
    assert [score.text[w.start : w.end] for w in score.words()] == score.text.split()

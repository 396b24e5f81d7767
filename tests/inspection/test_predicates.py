"""Labels of positions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nextchar.errors import ConfigError, TextError
from nextchar.inspection.predicates import PREDICATES, all_labels, labels_of
from nextchar.text.vocabulary import ByteVocabulary, Vocabulary, learn


def _marked(name: str, text: str) -> str:
    """Label a text of characters, one digit each, with a dot where the label does not apply."""
    vocabulary = learn("char", [text], 1)
    ids = vocabulary.encode(text).astype(np.int64)
    values = labels_of(name, ids, vocabulary).values
    return "".join("." if math.isnan(value) else f"{value:.0f}" for value in values)


@pytest.mark.parametrize(
    ("name", "text", "marks"),
    [
        ("quotes", 'a "b" c', "0011000"),
        ("quotes", "“b” c", "11000"),
        ("quotes", "don't 'go', he's", "0000001110000000"),
        ("quotes", '\'tis "a"', "00000110"),
        ("quotes", 'a "b\n\nc "d"', "00000000110"),
        ("quotes", 'a" said b. "c"', "00000000000110"),
        ("quotes", '("a","b")', "011001100"),
        ("brackets", "a(b[c])d", "01111100"),
        ("brackets", ":( (a) ", "0001100"),
        ("brackets", "a) (b)", "000110"),
        ("indentation", "a\n  b\n\tc", "0...2..4"),
        ("line-position", "ab\nc\n\nd", "1201001"),
        ("capitals", "aBC d", "01100"),
        ("word-position", "it's so", "1234.12"),
        ("b+", "abbcb", "01101"),
        ("^a", "ab\nab", "10010"),
        ("[.]\n", "a.\nb", "0110"),
    ],
)
def test_each_position_has_the_label_that_its_text_so_far_determines(
    name: str, text: str, marks: str
) -> None:
    assert _marked(name, text) == marks


@pytest.mark.parametrize("kind", ["byte", "jamo"])
def test_all_symbols_of_a_character_have_its_label(kind: str) -> None:
    text = "가(나)"
    vocabulary: Vocabulary = ByteVocabulary() if kind == "byte" else learn("jamo", [text], 1)
    values = labels_of("brackets", vocabulary.encode(text).astype(np.int64), vocabulary).values
    syllable = 3 if kind == "byte" else 2
    assert values.tolist() == [0] * syllable + [1] + [1] * syllable + [0]


def test_a_jamo_is_labelled_by_its_place_in_the_syllable() -> None:
    vocabulary = learn("jamo", ["값 a"], 1)
    labels = labels_of("jamo-position", vocabulary.encode("값 a가").astype(np.int64), vocabulary)
    assert np.nan_to_num(labels.values).tolist() == [1, 2, 3, 0, 0, 1, 2]
    assert labels.applies.tolist() == [True] * 3 + [False] * 2 + [True] * 2


def test_other_vocabularies_have_no_jamo() -> None:
    with pytest.raises(ConfigError, match="needs a jamo vocabulary; the run's is char"):
        _marked("jamo-position", "가")


@pytest.mark.parametrize("name", [name for name in PREDICATES if name != "jamo-position"])
def test_a_label_that_is_the_same_everywhere_is_refused(name: str) -> None:
    with pytest.raises(TextError, match=f"{name}: the text has no two positions"):
        _marked(name, "-" if name == "line-position" else "a" if name == "word-position" else "a\n")


def test_an_expression_that_never_matches_is_refused() -> None:
    with pytest.raises(TextError, match="the expression 'x' matches nowhere in the text"):
        _marked("x", "abc")
    with pytest.raises(TextError, match="matches everywhere"):
        _marked("[a-c]", "abc")


@pytest.mark.parametrize("pattern", ["(", "a{99999999999999999999}", "*", "quote)"])
def test_an_expression_that_cannot_be_read_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"is no label .* and no regular expression"):
        _marked(pattern, "abc")


def test_all_labels_are_those_that_the_text_has() -> None:
    text = "One (two)\nthree"
    vocabulary = learn("char", [text], 1)
    found = all_labels(vocabulary.encode(text).astype(np.int64), vocabulary)
    assert [labels.name for labels in found] == [
        "brackets",
        "line-position",
        "capitals",
        "word-position",
    ]

import unicodedata
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextchar.text import hangul
from nextchar.text.hangul import COMPATIBILITY, CONJOINING, FINAL, INITIAL, MEDIAL


def codes(text: str) -> hangul.Codes:
    return np.array([ord(character) for character in text], dtype=np.uint32)


def shown(sequence: Sequence[int]) -> str:
    return "".join(map(chr, hangul.compose(np.array(sequence, dtype=np.uint32)).tolist()))


ANY_CODES = st.lists(
    st.integers(INITIAL, hangul.CODE_LIMIT - 1)
    | st.sampled_from([ord(character) for character in "a가\u1100\u1161"])
)


def test_known_syllables_have_known_letters() -> None:
    assert hangul.decompose(codes("가")).tolist() == [INITIAL, MEDIAL]
    assert hangul.decompose(codes("각")).tolist() == [INITIAL, MEDIAL, FINAL]
    assert hangul.decompose(codes("힣")).tolist() == [INITIAL + 18, MEDIAL + 20, FINAL + 26]
    assert hangul.decompose(codes("a한b")).tolist() == [97, INITIAL + 18, MEDIAL, FINAL + 3, 98]


def test_every_syllable_has_the_letters_of_the_unicode_standard_and_comes_back() -> None:
    syllables = np.arange(0xAC00, 0xD7A4, dtype=np.uint32)
    letters = hangul.decompose(syllables)
    as_jamo = "".join(CONJOINING[code - INITIAL] for code in letters.tolist())
    assert as_jamo == unicodedata.normalize("NFD", "".join(map(chr, syllables.tolist())))
    assert np.array_equal(hangul.compose(letters), syllables)


def test_text_without_syllables_is_left_alone() -> None:
    text = codes("abc\u1100\u1161\uabff\ud7a4\U0010ffff")
    assert hangul.decompose(text) is text
    assert hangul.compose(text) is text


@pytest.mark.parametrize(
    ("sequence", "text"),
    [
        ([INITIAL], "ㄱ"),
        ([MEDIAL], "ㅏ"),
        ([FINAL], "ㄱ"),
        ([FINAL + 2], "ㄳ"),
        ([INITIAL, INITIAL, MEDIAL], "ㄱ가"),
        ([INITIAL, MEDIAL, MEDIAL], "가ㅏ"),
        ([INITIAL, MEDIAL, FINAL, FINAL], "각ㄱ"),
        ([INITIAL, FINAL], "ㄱㄱ"),
        ([INITIAL, 97, MEDIAL], "ㄱaㅏ"),
        ([INITIAL, ord("\u1161")], "ㄱ\u1161"),
        ([INITIAL, MEDIAL, INITIAL, MEDIAL, FINAL], "가각"),
        ([], ""),
    ],
)
def test_letters_that_fit_nowhere_are_shown_alone(sequence: list[int], text: str) -> None:
    assert shown(sequence) == text


def test_each_letter_alone_has_the_name_of_its_compatibility_letter() -> None:
    for conjoining, alone in zip(CONJOINING, COMPATIBILITY, strict=True):
        name = unicodedata.name(conjoining).split()[-1]
        assert unicodedata.name(alone) == f"HANGUL LETTER {name}"


@given(text=st.text())
def test_decomposing_loses_nothing(text: str) -> None:
    assert shown(hangul.decompose(codes(text)).tolist()) == text


@settings(deadline=None)  # tables of all code points
@given(text=st.text(st.sampled_from("a가각힣") | st.characters(codec="utf-8")))
def test_letters_are_counted_as_if_the_text_were_decomposed(text: str) -> None:
    counts = np.bincount(codes(text), minlength=hangul.CODE_LIMIT)
    letters = np.bincount(hangul.decompose(codes(text)), minlength=hangul.CODE_LIMIT)
    assert np.array_equal(hangul.letter_counts(counts), letters)


@given(sequence=ANY_CODES)
def test_any_letters_compose_to_code_points_that_can_be_shown(sequence: list[int]) -> None:
    assert all(ord(character) < INITIAL for character in shown(sequence))


@given(before=ANY_CODES, after=ANY_CODES)
def test_what_is_not_unfinished_is_composed_the_same_whatever_follows(
    before: list[int], after: list[int]
) -> None:
    array = np.array(before, dtype=np.uint32)
    certain = len(before) - hangul.unfinished(array)
    assert shown(before[:certain]) + shown(before[certain:] + after) == shown(before + after)

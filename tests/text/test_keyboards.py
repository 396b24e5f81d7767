"""Neighbouring keys: of QWERTY, and of the Hangul letters on the same keys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.text import hangul
from nextchar.text.keyboards import neighbors


@pytest.mark.parametrize(
    ("character", "beside"),
    [
        ("g", "tyfhvb"),
        ("G", "TYFHVB"),
        ("q", "12wa"),
        ("m", "jkn,"),
        ("1", "2q"),
        ("?", ':">'),
        ("ㄱ", "ㄷㅅㅇㄹ"),
        ("ㅒ", "ㅖ"),
        ("é", ""),
        (" ", ""),
        ("\n", ""),
        ("ㄳ", ""),
    ],
)
def test_the_keys_around_a_key(character: str, beside: str) -> None:
    assert set(neighbors(character)) == set(beside)
    assert len(neighbors(character)) == len(beside)


def test_golden_syllables() -> None:
    # 강 is ㄱ, ㅏ, ㅇ: beside them are ㄷㅅㅇㄹ, ㅑㅐㅓㅣㅡ and ㄷㄱㄴㄹㅌㅊ.
    assert set(neighbors("강")) == set("당상앙랑" + "걍갱겅깅긍" + "갇각간갈같갗")
    # The vowel of 왜 takes two strokes; its consonant has ㄷㄱㄴㄹㅌㅊ around it.
    assert set(neighbors("왜")) == set("돼괘놰뢔퇘쵀")


@given(st.integers(0, hangul.SYLLABLES - 1))
def test_a_mistyped_syllable_is_one_that_differs_in_one_letter(number: int) -> None:
    syllable = chr(hangul.FIRST_SYLLABLE + number)
    letters = hangul.decompose(np.array([ord(syllable)], dtype=np.uint32)).tolist()
    for other in neighbors(syllable):
        changed = hangul.decompose(np.array([ord(other)], dtype=np.uint32)).tolist()
        assert len(changed) == len(letters)
        assert sum(a != b for a, b in zip(letters, changed, strict=True)) == 1
        assert syllable in neighbors(other)


def test_whoever_is_beside_a_key_has_it_beside_itself() -> None:
    for character in map(chr, range(33, 127)):
        assert character not in neighbors(character)
        for other in neighbors(character):
            assert character in neighbors(other)

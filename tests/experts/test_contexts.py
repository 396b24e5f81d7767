"""The contexts of a position: what they read, what they tell apart, and their hashes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextchar.experts import REACH
from nextchar.experts.contexts import WORD_CONTEXTS, Words, context_keys, words_of
from nextchar.text.vocabulary import ByteVocabulary, Vocabulary, learn
from tests.experts.naive import contexts_at, some_words

V = 12
WORDS = some_words(V)
GOLDEN = {  # of "Hello world", before it and after it
    0: [
        0xB55A8FA067537A73, 0xC58214B9873F896B, 0x9078B3362587A98A, 0x7DE53DE772EA694C,
        0xD15F55E5EC982485, 0xFA6F6465C4DF95A2, 0xAD9B0FFA553C23E5, 0xE14250FE5B8289D2,
    ],
    11: [
        0xB55A8FA067537A73, 0x84746FBCDBECBC9B, 0xB03AC1D0F0005AD9, 0x7DE53DE772EA694C,
        0xC2BFF1066D7AF51A, 0x00E2FBCC555098BC, 0x498578E6AE79F839, 0xDE9D3EC0CE6A0C52,
    ],
}  # fmt: skip
texts = st.lists(st.integers(0, V - 1), max_size=2 * REACH)


def keys_of(ids: list[int], end: int, M: int, words: Words = WORDS) -> list[int]:
    found: NDArray[np.uint64] = np.zeros(M + 1 + WORD_CONTEXTS, np.uint64)
    context_keys(np.array(ids, np.int64), end, words, M, found)
    return [int(each) for each in found]


def inside(vocabulary: Vocabulary) -> set[str]:
    return {
        key
        for key, is_inside in zip(vocabulary.keys, words_of(vocabulary).inside, strict=True)
        if is_inside
    }


def test_words_have_letters_digits_underscores_and_apostrophes() -> None:
    vocabulary = learn("char", ["aZ9_'\u2019é한 .,-\n\"!"], 1)
    assert inside(vocabulary) == set("aZ9_'\u2019é한")


def test_the_unknown_symbol_belongs_to_no_word() -> None:
    for kind in ("char", "jamo"):
        vocabulary = learn(kind, ["aab"], 2, unknown=True)
        assert vocabulary.unknown_id is not None
        assert not words_of(vocabulary).inside[vocabulary.unknown_id]
        assert words_of(vocabulary).inside[int(vocabulary.encode("a")[0])]


def test_the_letters_of_hangul_belong_to_words() -> None:
    vocabulary = learn("jamo", ["한글 말."], 1)
    words = words_of(vocabulary)
    assert words.inside[vocabulary.encode("한글")].all()
    assert not words.inside[vocabulary.encode(" .")].any()


def test_words_of_bytes_are_ascii_words_and_all_other_characters() -> None:
    words = words_of(ByteVocabulary())
    expected = [byte >= 0x80 or chr(byte).isalnum() or chr(byte) in "_'" for byte in range(256)]
    assert words.inside.tolist() == expected


def test_case_is_folded_and_nothing_else() -> None:
    vocabulary = learn("char", ["aAbBéÉ1!"], 1)
    folded = words_of(vocabulary).folded
    by_symbol = {key: int(folded[i]) for i, key in enumerate(vocabulary.keys)}
    assert by_symbol["a"] == by_symbol["A"]
    assert by_symbol["é"] == by_symbol["É"]
    assert len(set(by_symbol.values())) == len({key.lower() for key in vocabulary.keys})


def test_bytes_fold_ascii_letters_and_no_other_byte() -> None:
    folded = words_of(ByteVocabulary()).folded
    assert folded[ord("q")] == folded[ord("Q")]
    assert len(np.unique(folded)) == 256 - 26


@given(texts, texts, st.lists(st.integers(0, V - 1), min_size=REACH, max_size=REACH))
def test_a_context_is_the_last_symbols_alone(
    before: list[int], after: list[int], last: list[int]
) -> None:
    alone = keys_of(last, REACH, 16)
    assert keys_of([*before, *last, *after], len(before) + REACH, 16) == alone


@settings(max_examples=60)
@given(st.lists(st.integers(0, V - 1), min_size=1, max_size=40), st.integers(1, 9))
def test_equal_contexts_have_equal_keys_and_others_do_not(ids: list[int], M: int) -> None:
    of_context: list[dict[object, int]] = [{} for _ in range(M + 1 + WORD_CONTEXTS)]
    for end in range(len(ids) + 1):
        found = zip(contexts_at(ids, end, WORDS, M), keys_of(ids, end, M), strict=True)
        for known, (context, key) in zip(of_context, found, strict=True):
            assert known.setdefault(context, key) == key
    for known in of_context:
        assert len(set(known.values())) == len(known)


@given(texts, st.integers(0, V - 1), st.integers(1, V - 1))
def test_another_last_symbol_is_another_context(ids: list[int], last: int, step: int) -> None:
    M = 6
    one = keys_of([*ids, last], len(ids) + 1, M)
    other = keys_of([*ids, (last + step) % V], len(ids) + 1, M)
    for place, (left, right) in enumerate(zip(one, other, strict=True)):
        assert (left == right) == (place in (0, M + 1))


def test_words_before_the_current_one_are_compared_without_case() -> None:
    vocabulary = learn("char", ["oneONE two. TWO tw"], 1)
    words, M = words_of(vocabulary), 3

    def keys(text: str) -> list[int]:
        ids = [int(each) for each in vocabulary.encode(text)]
        return keys_of(ids, len(ids), M, words)

    plain, shouted, dotted = keys("one two tw"), keys("ONE TWO tw"), keys("one.two  tw")
    assert plain[M + 1 :] == shouted[M + 1 :] == dotted[M + 1 :]
    assert keys("TW")[M + 3] != keys("Tw")[M + 3]  # the last symbol itself is compared with case
    assert keys("Tw")[M + 3] == keys("tw")[M + 3]
    assert keys("one two tw")[M + 4] == keys("two two tw")[M + 4]
    assert keys("one two tw")[M + 5] != keys("two two tw")[M + 5]


@pytest.mark.parametrize("end", [0, 11])
def test_golden_hashes_that_files_depend_on(end: int) -> None:
    vocabulary = learn("char", ["Hello world"], 1)
    ids = [int(each) for each in vocabulary.encode("Hello world")]
    assert keys_of(ids, end, 2, words_of(vocabulary)) == GOLDEN[end]


def test_contexts_of_different_places_have_different_keys() -> None:
    M, words = 4, Words(np.zeros(300, np.bool_), np.arange(300, dtype=np.uint64))
    known: dict[int, tuple[int, object]] = {}
    for last in range(300):
        contexts = contexts_at([last], 1, words, M)
        for place, (key, context) in enumerate(
            zip(keys_of([last], 1, M, words), contexts, strict=True)
        ):
            assert known.setdefault(key, (place, context)) == (place, context)


def test_contexts_before_a_text_have_different_keys() -> None:
    keys = keys_of([], 0, 3, some_words(5))
    assert len(set(keys)) == len(keys)


def test_a_symbol_is_no_border_of_words() -> None:
    words = Words(np.arange(200) > 0, np.arange(200, dtype=np.uint64))  # only 0 is no letter
    one, other = (keys_of(ids, 5, 2, words) for ids in ([3, 0, 2, 165, 1], [3, 165, 2, 0, 1]))
    assert one[-2:] != other[-2:]

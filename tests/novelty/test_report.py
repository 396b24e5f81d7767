"""What a text shares with a corpus, in characters."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.config import VocabularyKind
from nextchar.errors import ConfigError, CorpusError, TextError
from nextchar.novelty import Novelty, novelty, report
from nextchar.text.vocabulary import CharVocabulary, Vocabulary, learn
from tests.conftest import english, korean

KINDS: tuple[VocabularyKind, ...] = ("char", "byte", "jamo")
# Syllables that begin alike, a letter alone, and letters of two to four bytes that share some.
ALPHABET = "a가각간ㄱé😀😁"
CORPORA = st.text(ALPHABET, min_size=1, max_size=50)
TEXTS = st.text(ALPHABET + "z", min_size=1, max_size=25)


def compare(kind: VocabularyKind, corpus: str, text: str, **options: Any) -> Novelty:
    vocabulary = learn(kind, [corpus], 1)
    return novelty(vocabulary, vocabulary.encode(corpus), text, **options)


@pytest.mark.parametrize("kind", KINDS)
@given(corpus=CORPORA, text=TEXTS, size=st.integers(1, 60))
def test_unseen_ngrams_are_those_that_a_search_does_not_find(
    kind: VocabularyKind, corpus: str, text: str, size: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "_IDS_AT_ONCE", size)
        found = compare(kind, corpus, text, ngrams=range(1, 30))
    for n, share in found.unseen_share.items():
        grams = [text[first : first + n] for first in range(len(text) - n + 1)]
        unseen = sum(gram not in corpus for gram in grams)
        assert share == (unseen / len(grams) if grams else None)


@pytest.mark.parametrize("kind", KINDS)
@given(corpus=CORPORA, text=TEXTS)
def test_spans_are_the_shared_pieces_that_cannot_be_longer(
    kind: VocabularyKind, corpus: str, text: str
) -> None:
    found = compare(kind, corpus, text, spans=100)
    shared = {
        (first, end)
        for end in range(1, len(text) + 1)
        for first in range(end)
        if text[first:end] in corpus
    }
    longest = [
        text[first:end]
        for first, end in sorted(shared)
        if not {(first - 1, end), (first, end + 1)} & shared
    ]
    assert {span.text: span.times for span in found.spans} == {
        piece: longest.count(piece) for piece in longest
    }
    lengths = [span.characters for span in found.spans]
    assert lengths == sorted(lengths, reverse=True)
    assert found.longest_match == max(lengths, default=0)
    for span in found.spans:
        assert text[span.offset :].startswith(span.text)
        assert corpus[span.corpus_offset :].startswith(span.text)
        assert span.characters == len(span.text)
        before = text[: span.offset].split("\n")
        assert (span.line, span.column) == (len(before), len(before[-1]) + 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("write", [english, korean])
def test_a_copied_piece_is_found_whole(kind: VocabularyKind, write: Callable[[int], str]) -> None:
    corpus = write(20_000)
    copied = corpus[7000:8500]
    found = compare(kind, corpus, copied)
    assert found.longest_match == 1500
    assert set(found.unseen_share.values()) == {0.0}
    assert (found.spans[0].text, found.spans[0].characters) == (copied, 1500)
    assert corpus[found.spans[0].corpus_offset :].startswith(copied)
    inside = compare(kind, corpus, "zq!\n" + copied[:-1] + "zq!")
    assert (inside.spans[0].text, inside.spans[0].line) == (copied[:-1], 2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_of_other_characters_is_all_new(kind: VocabularyKind) -> None:
    found = compare(kind, english(500), "ΩЖ" * 40)
    assert set(found.unseen_share.values()) == {1.0}
    assert (found.mean_match, found.longest_match, found.spans) == (0.0, 0, ())
    assert found.unknown_characters == (0 if kind == "byte" else 80)


def test_unknown_characters_match_nothing_and_are_counted() -> None:
    vocabulary = learn("char", ["abab?"], 2)
    assert vocabulary.unknown_id == 0
    found = novelty(vocabulary, vocabulary.encode("ab?ab", unknown="replace"), "ab?ab", ngrams=[1])
    assert found.unknown_characters == 1
    assert found.unseen_share == {1: 1 / 5}
    assert [(span.text, span.times, span.offset) for span in found.spans] == [("ab", 2, 0)]


def test_a_final_letter_that_goes_on_is_another_syllable() -> None:
    found = compare("jamo", "각나 가", "가나", ngrams=[1, 2])
    assert found.unseen_share == {1: 0.0, 2: 1.0}
    assert {span.text: span.corpus_offset for span in found.spans} == {"가": 3, "나": 1}


def test_bytes_that_are_no_utf8_are_compared_as_they_are() -> None:
    corpus, text = (data.decode("utf-8", "surrogateescape") for data in (b"xa\x80b\xffc", b"a\x80"))
    found = compare("byte", corpus, text, ngrams=[1, 2])
    assert found.unseen_share == {1: 0.0, 2: 0.0}
    assert [(span.text, span.characters, span.corpus_offset) for span in found.spans] == [
        (text, 2, 1)
    ]


def test_a_text_shorter_than_n_has_no_share_of_them() -> None:
    found = compare("char", "abcdef", "abc", ngrams=[3, 4, 10**20])
    assert found.unseen_share == {3: 0.0, 4: None, 10**20: None}


def test_the_mean_is_of_the_match_that_ends_at_each_character() -> None:
    found = compare("char", "abcd", "abcd" + "ba")  # 1 2 3 4, 1, 1
    assert found.mean_match == pytest.approx(12 / 6)
    assert (found.characters, found.corpus_characters) == (6, 4)


def test_only_as_many_spans_are_listed_as_asked_for() -> None:
    text = "abc" + "x" + "bcd" + "x" + "abc" + "x" + "ab"
    found = compare("char", "abcd", text, spans=2)
    assert [(span.text, span.times) for span in found.spans] == [("abc", 2), ("bcd", 1)]
    assert compare("char", "abcd", text, spans=0).spans == ()


def test_figures_are_told_with_their_units_and_can_be_json() -> None:
    figures = json.loads(json.dumps(compare("char", english(500), english(90, seed=2)).to_dict()))
    assert {
        "characters",
        "corpus_characters",
        "unknown_characters",
        "unseen_ngram_share",
        "mean_match_characters",
        "longest_match_characters",
        "seconds",
        "spans",
    } == figures.keys()
    assert list(figures["unseen_ngram_share"]) == ["4", "8", "12", "16", "24", "32", "48", "64"]


def test_progress_follows_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_IDS_AT_ONCE", 250)
    told: list[float] = []
    compare("char", english(1000), "The dog", progress=told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]


VOCABULARY: Vocabulary = CharVocabulary(["a", "b"])
IDS = VOCABULARY.encode("abab")


@pytest.mark.parametrize("text", ["", "\ud800"])
def test_a_text_that_is_none_is_an_error_of_one_line(text: str) -> None:
    with pytest.raises(TextError, match=r"empty|surrogate") as caught:
        novelty(VOCABULARY, IDS, text)
    assert "\n" not in str(caught.value)


def test_a_text_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MAX_TEXT_LENGTH", 3)
    with pytest.raises(TextError, match="4 symbols, at most 3"):
        novelty(VOCABULARY, IDS, "abab")


def test_a_corpus_of_another_vocabulary_is_refused() -> None:
    with pytest.raises(CorpusError, match="id 2 of the corpus"):
        novelty(VOCABULARY, np.array([0, 2], np.uint8), "ab")


def test_lengths_and_counts_have_a_range() -> None:
    with pytest.raises(ConfigError, match="ngrams must be at least 1; got 0"):
        novelty(VOCABULARY, IDS, "ab", ngrams=[4, 0])
    with pytest.raises(ConfigError, match="spans must be at least 0; got -1"):
        novelty(VOCABULARY, IDS, "ab", spans=-1)

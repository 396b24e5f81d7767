"""Matches of a text in a corpus, against a search that tries everything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextchar.novelty import matching
from nextchar.novelty.automaton import LENGTH, LINK, build
from nextchar.novelty.matching import Matcher, Matches

SYMBOLS = 3
TEXTS = st.lists(st.integers(0, SYMBOLS), min_size=1, max_size=40)  # SYMBOLS: matches nothing
CORPORA = st.lists(st.integers(0, SYMBOLS - 1), max_size=80)
EVERY = np.ones(SYMBOLS, bool)


def match(
    text: list[int], corpus: list[int], *, cuts: list[int] | None = None, follows: object = EVERY
) -> Matches:
    matcher = Matcher(np.array(text, np.uint32), EVERY, np.asarray(follows))
    for block in np.split(np.array(corpus, np.uint32), sorted(cuts or [])):
        matcher.read(block)
    return matcher.finish()


def longest_by_search(text: list[int], corpus: list[int]) -> list[int]:
    """Try every suffix of every prefix."""
    known = {tuple(corpus[a:b]) for b in range(len(corpus) + 1) for a in range(b + 1)}
    return [
        max(size for size in range(end + 1) if tuple(text[end - size : end]) in known)
        for end in range(1, len(text) + 1)
    ]


@given(text=TEXTS, corpus=CORPORA)
def test_the_longest_match_of_every_place_is_found(text: list[int], corpus: list[int]) -> None:
    assert match(text, corpus).lengths.tolist() == longest_by_search(text, corpus)


@given(text=TEXTS, corpus=CORPORA)
def test_every_match_stands_in_the_corpus_where_it_is_said_to(
    text: list[int], corpus: list[int]
) -> None:
    found = match(text, corpus)
    places = zip(found.lengths.tolist(), found.ends.tolist(), strict=True)
    for end, (length, corpus_end) in enumerate(places, 1):
        assert text[end - length : end] == corpus[corpus_end - length : corpus_end]


@given(
    text=TEXTS, corpus=CORPORA, cuts=st.lists(st.integers(0, 80)), readers=st.sampled_from([1, 7])
)
def test_neither_blocks_nor_readers_change_a_match(
    text: list[int], corpus: list[int], cuts: list[int], readers: int
) -> None:
    whole = match(text, corpus)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_READERS", readers)
        in_pieces = match(text, corpus, cuts=cuts)
    assert in_pieces.lengths.tolist() == whole.lengths.tolist()


def test_a_match_across_many_blocks_is_one() -> None:
    corpus = np.random.default_rng(0).integers(0, SYMBOLS, 3000).tolist()
    found = match(corpus[500:2500], corpus, cuts=list(range(0, 3000, 7)))
    assert found.lengths[-1] == 2000
    assert found.ends[-1] == 2500


def test_a_state_with_many_edges_finds_each_of_them() -> None:
    symbols = 400
    every = np.ones(symbols, bool)
    text = np.arange(symbols, dtype=np.uint32).repeat(2)
    text[::2] = 7  # 7 0 7 1 7 2 …: whatever follows the 7 is an edge of one state
    matcher = Matcher(text, every, every)
    matcher.read(text[: symbols // 2])
    lengths = matcher.finish().lengths
    assert lengths[1 : symbols // 2 : 2].tolist() == list(range(2, symbols // 2 + 1, 2))
    assert set(lengths[symbols // 2 + 1 :: 2].tolist()) == {0}


def test_a_match_ends_only_where_the_next_symbol_may_follow() -> None:
    may_follow = [True, True, False]  # 2 belongs to the character before it
    assert match([0, 1], [0, 1, 2, 0, 0], follows=may_follow).lengths.tolist() == [1, 0]
    assert match([0, 1], [0, 1, 2, 0, 1], follows=may_follow).lengths.tolist() == [1, 2]


@pytest.mark.parametrize("text", ["a", "aaaaaaaa", "abcabxabcd", "abababababab"])
def test_an_automaton_has_as_many_substrings_as_the_text(text: str) -> None:
    states = build(np.frombuffer(text.encode(), np.uint8).astype(np.uint32)).states
    substrings = {text[a:b] for b in range(len(text) + 1) for a in range(b)}
    lengths = states[:, LENGTH].astype(int)
    assert sum(lengths[1:] - lengths[states[1:, LINK]]) == len(substrings)
    assert (np.diff(lengths) >= 0).all()

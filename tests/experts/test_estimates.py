"""Estimates from counts: interpolated Kneser-Ney smoothing, with and without added counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from nextchar.experts import additions as adding
from nextchar.experts.additions import Additions, add, additions, slot_of, with_room
from nextchar.experts.contexts import WORD_CONTEXTS, context_keys
from nextchar.experts.counting import count
from nextchar.experts.estimates import estimate
from nextchar.experts.tables import MAX_COUNT, Tables, find_each
from nextchar.text.vocabulary import Ids
from tests.experts import naive

M = 5
C = M + 1 + WORD_CONTEXTS
CHAINS = (range(M + 1), range(M + 1, C))


@dataclass
class Both:
    """The tables of a text and the counts of their definition, for the reading of another text."""

    V: int
    most_bytes: int = 1 << 40
    text: Ids = field(init=False)
    tables: Tables = field(init=False)
    counts: list[naive.Counts] = field(init=False)
    added: Additions = field(default_factory=additions)
    naively_added: list[naive.Counts] = field(init=False)

    def __post_init__(self) -> None:
        self.words = naive.some_words(self.V)
        self.text = naive.some_text(400, self.V)
        self.tables = count(self.text, self.words, M, most_bytes=self.most_bytes)
        self.counts = naive.counts_of(self.text.tolist(), self.words, M)
        self.naively_added = [{} for _ in range(C)]

    def keys(self, ids: Ids, end: int) -> NDArray[np.uint64]:
        found: NDArray[np.uint64] = np.zeros(C, np.uint64)
        context_keys(ids.astype(np.int64), end, self.words, M, found)
        return found

    def entries(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        found = np.full((C, 2), -1)
        find_each(self.tables, keys, found)
        return found

    def estimate(self, ids: Ids, end: int, chain: range) -> tuple[NDArray[np.float32], int]:
        p = np.full(self.V, 7, np.float32)
        keys = self.keys(ids, end)
        entries = self.entries(keys)
        case = estimate(self.tables, self.added, keys, entries, chain[0], chain[-1], p)
        return p, case

    def naive_estimate(self, ids: Ids, end: int, chain: range) -> tuple[NDArray[np.float64], int]:
        counts = [
            {**known, **more} for known, more in zip(self.counts, self.naively_added, strict=True)
        ]
        contexts = naive.contexts_at(ids.tolist(), end, self.words, M)
        discounts = [naive.discounts_of(each) for each in self.counts]
        return naive.estimate(counts, discounts, contexts, chain, self.V)

    def read(self, ids: Ids, end: int) -> None:
        self.added = with_room(self.added, C, C + len(self.tables.symbols))
        keys, symbol = self.keys(ids, end), ids[end]
        entries = self.entries(keys)
        for chain in CHAINS:
            add(self.tables, self.added, keys, entries, chain[0], chain[-1], np.int64(symbol))
        contexts = naive.contexts_at(ids.tolist(), end, self.words, M)
        naive.add(self.counts, self.naively_added, contexts, int(symbol))


@pytest.mark.parametrize("V", [2, 20, 300])
@pytest.mark.parametrize("seed", [0, 5])  # the text itself, and another one
def test_estimates_and_cases_are_those_of_the_definition(V: int, seed: int) -> None:
    both = Both(V)
    other = naive.some_text(150, V, seed)
    cases = set()
    for chain in CHAINS:
        for end in range(len(other)):
            p, case = both.estimate(other, end, chain)
            expected, expected_case = both.naive_estimate(other, end, chain)
            np.testing.assert_allclose(p, expected, rtol=1e-5)
            assert case == expected_case
            cases.add(case)
    assert len(cases) > 5


@pytest.mark.parametrize("V", [2, 20, 300])
def test_added_counts_are_estimated_like_counts_of_the_tables(V: int) -> None:
    both = Both(V)
    other = naive.some_text(200, V, seed=5)
    for end in range(1, len(other)):
        for chain in CHAINS:
            p, case = both.estimate(other, end, chain)
            expected, expected_case = both.naive_estimate(other, end, chain)
            np.testing.assert_allclose(p, expected, rtol=1e-5)
            assert case == expected_case
        both.read(other, end)
    assert both.added.contexts[0] == sum(map(len, both.naively_added))


@pytest.mark.parametrize("most_bytes", [1 << 40, 2_000, 1])
def test_the_probabilities_sum_to_one(most_bytes: int) -> None:
    both = Both(20, most_bytes)
    other = naive.some_text(200, 20, seed=5)
    for end in range(1, len(other)):
        for chain in CHAINS:
            p, _ = both.estimate(other, end, chain)
            assert float(p.sum(dtype=np.float64)) == pytest.approx(1, abs=1e-6)
            assert p.min() > 0
        both.read(other, end)


def test_more_room_keeps_what_was_added() -> None:
    both = Both(20)
    other = naive.some_text(300, 20, seed=5)
    for end in range(1, len(other)):
        both.read(other, end)
    before = [both.estimate(other, end, chain) for end in range(200) for chain in CHAINS]
    small = both.added
    both.added = with_room(small, 4 * len(small.keys), 10)
    assert len(both.added.keys) > len(small.keys)
    assert len(both.added.symbols) == len(small.symbols)
    both.added = with_room(both.added, 10, 4 * len(small.symbols))
    assert len(both.added.symbols) > len(small.symbols)
    assert both.added.contexts[0] == small.contexts[0]
    assert both.added.links[0] == small.links[0]
    after = [both.estimate(other, end, chain) for end in range(200) for chain in CHAINS]
    for (p, case), (same, same_case) in zip(before, after, strict=True):
        assert np.array_equal(p, same)
        assert case == same_case


def test_a_table_that_would_be_too_large_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "_MOST_SLOTS", 1 << 14)
    monkeypatch.setattr(adding, "_MOST_LINKS", 1 << 15)
    for contexts, links in ((8_190, 3_000), (300, 32_760)):
        full = with_room(additions(), 8_000, 32_000)
        full.contexts[0], full.links[0] = contexts, links
        assert with_room(full, 2, 8) is full
        anew = with_room(full, 9, 9)
        assert anew.contexts[0] == anew.links[0] == 0
        assert (anew.heads < 0).all()
        assert len(anew.keys) >= 18
        assert len(anew.symbols) >= 9


@pytest.mark.parametrize(
    ("contexts", "links"), [(1, 1), (5_000, 7), (3, 100_000), (70_000, 70_000)]
)
def test_there_is_room_for_what_is_asked(contexts: int, links: int) -> None:
    added = with_room(additions(), contexts, links)
    for _ in range(3):
        assert len(added.keys) >= 2 * (int(added.contexts[0]) + contexts)
        assert len(added.symbols) >= int(added.links[0]) + links
        assert len(added.symbols) == len(added.counts) == len(added.following)
        added.contexts[0] += contexts
        added.links[0] += links
        added = with_room(added, contexts, links)


def repeated(times: int) -> tuple[Additions, Callable[[int], int]]:
    """Count symbol 1 many times after one context, and symbol 0 once before."""
    both = Both(2, most_bytes=1)
    added = with_room(additions(), 10, 10)
    keys = np.full(C, 12345, np.uint64)
    for symbol, count_of_symbol in ((0, 1), (1, times)):
        for _ in range(count_of_symbol):
            add(both.tables, added, keys, np.zeros((C, 2), np.int64), M, M, np.int64(symbol))

    def counted(symbol: int) -> int:
        link = added.heads[slot_of(added, keys[0])]
        while added.symbols[link] != symbol:
            link = added.following[link]
        return int(added.counts[link])

    return added, counted


def test_added_counts_that_are_too_large_are_halved() -> None:
    added, counted = repeated(MAX_COUNT - 1)
    assert counted(1) == MAX_COUNT - 1
    assert counted(0) == 1
    added, counted = repeated(MAX_COUNT)
    assert counted(1) == (MAX_COUNT + 1) // 2
    assert counted(0) == 1
    assert added.contexts[0] == 1
    assert added.links[0] == 2

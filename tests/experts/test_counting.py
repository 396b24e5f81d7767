"""Counts of a text: those of their definition, within the size that they may have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from nextchar.experts import counting
from nextchar.experts.contexts import WORD_CONTEXTS, Words, context_keys
from nextchar.experts.counting import count
from nextchar.experts.tables import MAX_COUNT, Tables, find_each
from tests.experts.naive import (
    Counts,
    contexts_at,
    counts_of,
    discounts_of,
    some_text,
    some_words,
)

UNLIMITED = 1 << 40


def entries_at(
    tables: Tables, ids: NDArray[np.unsignedinteger], end: int, words: Words, M: int
) -> list[tuple[int, int]]:
    """Return the places of the entries of all contexts of a position."""
    keys: NDArray[np.uint64] = np.zeros(M + 1 + WORD_CONTEXTS, np.uint64)
    context_keys(ids, end, words, M, keys)
    entries = np.full((len(keys), 2), -1)
    find_each(tables, keys, entries)
    return [(int(begin), int(after)) for begin, after in entries]


def counts_between(tables: Tables, begin: int, end: int) -> dict[int, int]:
    """Return the counts of some entries, by symbol."""
    pairs = zip(tables.symbols[begin:end].tolist(), tables.counts[begin:end].tolist(), strict=True)
    return dict(pairs)


def found_in(
    tables: Tables, ids: NDArray[np.unsignedinteger], words: Words, M: int
) -> list[Counts]:
    """Look up the contexts of all positions."""
    found: list[Counts] = [{} for _ in range(M + 1 + WORD_CONTEXTS)]
    bounds = tables.first[tables.offsets].tolist()
    for end in range(1, len(ids)):
        contexts = contexts_at(ids.tolist(), end, words, M)
        for place, (begin, after) in enumerate(entries_at(tables, ids, end, words, M)):
            if begin < after:
                assert bounds[place] <= begin < after <= bounds[place + 1]
                counts = counts_between(tables, begin, after)
                assert len(counts) == after - begin
                found[place][contexts[place]] = counts
            else:
                assert (begin, after) == (0, 0)
    return found


def contexts_in(tables: Tables) -> list[int]:
    sizes: list[int] = np.diff(tables.offsets).tolist()
    return sizes


def require_equal(one: Tables, other: Tables) -> None:
    expected = other._asdict()
    for name, array in one._asdict().items():
        assert array.dtype == expected[name].dtype, name
        assert np.array_equal(array, expected[name]), name


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("V", "M"), [(2, 1), (3, 16), (20, 6), (256, 2), (300, 4)])
def test_counts_are_those_of_their_definition(V: int, M: int, seed: int) -> None:
    ids, words = some_text(400, V, seed), some_words(V, seed)
    tables = count(ids, words, M, most_bytes=UNLIMITED)
    expected = counts_of(ids.tolist(), words, M)

    assert found_in(tables, ids, words, M) == expected
    assert contexts_in(tables) == [len(each) for each in expected]
    np.testing.assert_allclose(tables.discounts, [discounts_of(each) for each in expected])
    assert tables.symbols.dtype == np.uint16


def test_the_longest_contexts_count_occurrences_and_shorter_ones_what_precedes_them() -> None:
    ids: NDArray[np.unsignedinteger] = np.array([0, 2, 1, 2, 0, 2, 0, 2], np.uint8)
    words = Words(np.zeros(3, np.bool_), np.arange(3, dtype=np.uint64))
    tables = count(ids, words, 1, most_bytes=UNLIMITED)
    found = found_in(tables, ids, words, 1)
    assert found[1] == {(0,): {2: 3}, (2,): {0: 2, 1: 1}, (1,): {2: 1}}
    assert found[0] == {(): {0: 1, 1: 1, 2: 2}}


@pytest.mark.parametrize("together", [2, 7, 100])
def test_sorting_in_parts_makes_the_same_tables(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, words = some_text(500, 30), some_words(30)
    expected = count(ids, words, 5, most_bytes=UNLIMITED)
    monkeypatch.setattr(counting, "_SORTED_TOGETHER", together)
    require_equal(count(ids, words, 5, most_bytes=UNLIMITED), expected)


@pytest.mark.parametrize(
    "ids", [[0, 1], [1, 0], [0, 0], [1] * 50, [0, 1] * 40], ids=["01", "10", "00", "1…", "01…"]
)
def test_texts_of_few_symbols_are_counted(ids: Sequence[int]) -> None:
    text: NDArray[np.unsignedinteger] = np.array(ids, np.uint8)
    words = some_words(2, seed=3)
    tables = count(text, words, 4, most_bytes=UNLIMITED)
    assert found_in(tables, text, words, 4) == counts_of(ids, words, 4)


def test_a_vocabulary_of_twenty_thousand_symbols_is_counted() -> None:
    V = 20_000
    draw = np.random.default_rng(0)
    ids = draw.integers(0, V, 300).astype(np.uint16)
    ids[200:250] = ids[:50]
    ids[-1] = V - 1
    words = some_words(V)
    tables = count(ids, words, 3, most_bytes=UNLIMITED)
    assert tables.symbols.dtype == np.uint16
    assert found_in(tables, ids, words, 3) == counts_of(ids.tolist(), words, 3)


def test_counts_that_are_too_large_are_scaled() -> None:
    # Symbol 1 follows 0 three times as often as 0 does, and 2 does once.
    ids: NDArray[np.unsignedinteger] = np.array([0, 0, 1, 0, 1, 0, 1] * 60_000 + [0, 2], np.uint8)
    words = Words(np.zeros(3, np.bool_), np.arange(3, dtype=np.uint64))
    tables = count(ids, words, 1, most_bytes=UNLIMITED)
    counts = counts_between(tables, *entries_at(tables, ids, 1, words, 1)[1])
    assert counts[1] == MAX_COUNT
    assert counts[0] == pytest.approx(MAX_COUNT * 120_000 / 180_000, rel=0.51)
    assert counts[0] * 3 == pytest.approx(MAX_COUNT, abs=3)
    assert counts[2] == 1


def test_every_context_is_found_and_no_other() -> None:
    ids, words, M = some_text(3_000, 40), some_words(40), 6
    tables = count(ids, words, M, most_bytes=UNLIMITED)
    assert tables.bits.max() > 3
    other = some_text(600, 40, seed=9)
    known = counts_of(ids.tolist(), words, M)
    absent = 0
    for text in (ids[:600], other):
        for end in range(len(text)):
            entries = entries_at(tables, text, end, words, M)
            for place, context in enumerate(contexts_at(text.tolist(), end, words, M)):
                begin, after = entries[place]
                assert (begin < after) == (context in known[place])
                absent += context not in known[place]
    assert absent > 500
    draw = np.random.default_rng(0)
    for _ in range(50):
        keys = draw.integers(0, 1 << 64, M + 1 + WORD_CONTEXTS, dtype=np.uint64)
        places = np.full((len(keys), 2), -1)
        find_each(tables, keys, places)
        assert (places == 0).all()


def test_tables_within_the_size_are_not_pruned() -> None:
    ids, words = some_text(3_000, 20), some_words(20)
    whole = count(ids, words, 6, most_bytes=UNLIMITED)
    require_equal(count(ids, words, 6, most_bytes=whole.nbytes), whole)


@pytest.mark.parametrize("share", [0.9, 0.5, 0.2, 0.05])
def test_pruned_tables_keep_the_size_and_only_lose_contexts(share: float) -> None:
    M = 6
    ids, words = some_text(3_000, 20), some_words(20)
    whole = count(ids, words, M, most_bytes=UNLIMITED)
    most = int(share * whole.nbytes)
    pruned = count(ids, words, M, most_bytes=most)

    assert pruned.nbytes <= most + 64 * (M + 1 + WORD_CONTEXTS)  # what each table has at least
    assert pruned.nbytes > most / 3
    full, left = (found_in(each, ids, words, M) for each in (whole, pruned))
    for complete, kept in zip(full, left, strict=True):
        assert kept.items() <= complete.items()
        removed = [sum(complete[each].values()) for each in complete.keys() - kept.keys()]
        if removed and kept:
            assert max(removed) <= min(sum(each.values()) for each in kept.values())
    assert left[0] == full[0]
    assert left[M + 1] == full[M + 1]
    assert all(left)  # no more is removed than must be


def test_a_little_pruning_removes_only_the_rarest_of_the_longest_contexts() -> None:
    M = 6
    ids, words = some_text(3_000, 20), some_words(20)
    whole = count(ids, words, M, most_bytes=UNLIMITED)
    full = found_in(whole, ids, words, M)
    pruned = count(ids, words, M, most_bytes=whole.nbytes - 2_000)
    left = found_in(pruned, ids, words, M)
    rare = {context for context, each in full[M].items() if sum(each.values()) == 1}
    assert full[M].keys() - left[M].keys() == rare
    assert left[:M] == full[:M]


def test_without_any_room_the_shortest_contexts_remain() -> None:
    ids, words = some_text(500, 20), some_words(20)
    tables = count(ids, words, 3, most_bytes=1)
    assert contexts_in(tables) == [1, 0, 0, 0, 1, 0, 0, 0, 0]
    assert np.isfinite(tables.discounts).all()


def test_progress_ascends_to_one() -> None:
    shares: list[float] = []
    count(some_text(50, 5), some_words(5), 2, most_bytes=UNLIMITED, progress=shares.append)
    assert shares == sorted(set(shares))
    assert shares[0] > 0
    assert shares[-1] == 1

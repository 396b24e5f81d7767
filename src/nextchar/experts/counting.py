"""Counts of the symbols after each context of a text.

The counts of the longest contexts are numbers of occurrences. Those of a shorter context are
numbers of the longer contexts that a symbol follows, as in the smoothing of Kneser & Ney (1995) and
in the exclusion of updates of PPM: an occurrence that a longer context predicts says nothing new
about the shorter one.

Shapes: V vocabulary size, N symbols of text, C contexts of a position, K contexts in a table,
E entries.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled
from nextchar.experts.contexts import WORD_CONTEXTS, Words, symbol_keys, word_keys
from nextchar.experts.tables import MAX_COUNT, Tables, directory_bits, joined
from nextchar.text.vocabulary import Ids

_MOST_PART_BITS = 8
_SORTED_TOGETHER = 1 << 23  # positions
# The size of a table beyond which it loses its rare contexts at once, to save memory.
_SHARE_OF_A_TABLE, _LEAST_OF_A_TABLE = 4, 1 << 26
_SELDOM = 4
_USUAL_DISCOUNTS = (0.6, 0.9, 1.1)  # of a table that is too small to estimate them


@dataclass(frozen=True)
class ContextCounts:
    """The counts after one context of all positions.

    Attributes
    ----------
    keys
        The hashes of the contexts, ascending, uint64[K].
    first
        The place of the first entry of each context, int64[K + 1].
    symbols, counts
        The entries, by context and symbol: uint16[E] and uint32[E].
    discounts
        The discounts of a count of 1, of 2, and of more, float64[3].
    """

    keys: NDArray[np.uint64]
    first: NDArray[np.int64]
    symbols: NDArray[np.uint16]
    counts: NDArray[np.uint32]
    discounts: NDArray[np.float64]

    def without_rare(self, least: int) -> ContextCounts:
        """Remove the contexts that occur fewer than ``least`` times."""
        sizes = np.diff(self.first)
        kept = np.add.reduceat(self.counts, self.first[:-1]) >= least
        entries = np.repeat(kept, sizes)
        first = np.concatenate([[0], np.cumsum(sizes[kept])])
        symbols, counts = self.symbols[entries], self.counts[entries]
        return ContextCounts(self.keys[kept], first, symbols, counts, self.discounts)

    @property
    def nbytes(self) -> int:
        """The size that they will have in ``Tables``."""
        directory = 4 << directory_bits(len(self.keys))
        return 8 * len(self.keys) + (2 + self.symbols.itemsize) * len(self.symbols) + directory

    def limited(self) -> NDArray[np.uint16]:
        """Return the counts as uint16; the counts of a context with a larger one are scaled."""
        result = self.counts.astype(np.uint16)
        most = np.maximum.reduceat(self.counts, self.first[:-1])
        for context in np.flatnonzero(most > MAX_COUNT).tolist():
            entries = slice(self.first[context], self.first[context + 1])
            scaled = np.round(self.counts[entries] * (MAX_COUNT / most[context]))
            result[entries] = np.maximum(1, scaled)
        return result


def count(
    ids: Ids,
    words: Words,
    M: int,
    *,
    most_bytes: int,
    progress: Callable[[float], None] | None = None,
) -> Tables:
    """Count the symbols of a text after its contexts.

    Parameters
    ----------
    ids
        The text, [N], with at least two symbols.
    words
        The words of the vocabulary.
    M
        The longest context in symbols.
    most_bytes
        The maximum size of the tables. To keep it, rare contexts are removed, the longest first.
    progress
        Called with the completed share, 0 to 1.
    """
    C = M + 1 + WORD_CONTEXTS
    found: dict[int, ContextCounts] = {}
    for chain in (range(M, -1, -1), range(C - 1, M, -1)):
        positions: NDArray[np.uint32] | None = None
        for place in chain:
            found[place], positions = _count_after(
                ids,
                words,
                M,
                place,
                positions,
                max(_LEAST_OF_A_TABLE, most_bytes // _SHARE_OF_A_TABLE),
            )
            if progress is not None:
                progress(len(found) / C)
    return joined(_pruned([found.pop(place) for place in range(C)], M, most_bytes))


def _count_after(
    ids: Ids,
    words: Words,
    M: int,
    place: int,
    positions: NDArray[np.uint32] | None,
    most_bytes: int,
) -> tuple[ContextCounts, NDArray[np.uint32]]:
    """Count at some positions, or at all, after one context; return a position of each entry.

    Rare contexts are left out beyond a size. The positions include theirs.
    """
    V = len(words.inside)
    low = np.uint64(max(1, (V - 1).bit_length()))  # bits of a symbol
    count = len(ids) - 1 if positions is None else len(positions)
    part_bits = min(_MOST_PART_BITS, (count // _SORTED_TOGETHER).bit_length())
    part_of = np.zeros(count if part_bits else 0, np.uint8)
    given = np.empty(0, np.uint32) if positions is None else positions
    _find_parts(ids, given, words, M, place, part_bits, part_of)
    # Memory that is never written is never taken, so the surplus of this buffer costs nothing.
    places, found = np.empty(count, np.uint32), 0
    tables = []
    seldom = np.zeros(_SELDOM + 1, np.int64)  # the numbers of entries by their small counts
    for part in range(1 << part_bits):
        at = _of_part(part_of == part if part_bits else np.ones(count, np.bool_), positions)
        keys = np.empty(len(at), np.uint64)
        _fill_keys(ids, at, words, M, place, low, keys)
        order = np.argsort(keys)
        keys = keys[order]
        begins = np.flatnonzero(_differ(keys))
        places[found : found + len(begins)] = at[order[begins]]
        found += len(begins)
        del order, at
        counts = np.diff(begins, append=len(keys)).astype(np.uint32)
        seldom += np.bincount(np.minimum(counts, _SELDOM + 1), minlength=_SELDOM + 2)[:-1]
        table = _table(keys[begins], counts, low)
        tables.append(_without_rare(table, most_bytes >> part_bits))
        del keys, begins, counts, table
    return _concatenated(tables, _discounts(seldom)), places[:found]


def _of_part(inside: NDArray[np.bool_], positions: NDArray[np.uint32] | None) -> NDArray[np.uint32]:
    """Return the positions of a part; without ``positions``, of all but the first symbol."""
    if positions is not None:
        return positions[inside]
    found: NDArray[np.uint32] = np.flatnonzero(inside).astype(np.uint32)
    found += np.uint32(1)
    return found


def _differ(keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return whether each key differs from the one before it; the first one does."""
    differ = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=differ[1:])
    return differ


def _discounts(seldom: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the discounts of a count of 1, of 2 and of more (Chen & Goodman 1999).

    ``seldom`` has the numbers of entries with a count of 0 to 4.
    """
    _, n1, n2, n3, n4 = seldom.tolist()
    if min(n1, n2, n3) == 0:
        return np.array(_USUAL_DISCOUNTS)
    share = n1 / (n1 + 2 * n2)
    found = [1 - 2 * share * n2 / n1, 2 - 3 * share * n3 / n2, 3 - 4 * share * n4 / n3]
    limited: NDArray[np.float64] = np.clip(found, [0.1, 0.2, 0.3], [0.95, 1.5, 2.5])
    return limited


def _table(keys: NDArray[np.uint64], counts: NDArray[np.uint32], low: np.uint64) -> ContextCounts:
    """Return the counts of entries; a key is the hash of a context with the symbol at its end."""
    mask = (np.uint64(1) << low) - np.uint64(1)
    contexts = keys & ~mask
    begins = np.flatnonzero(_differ(contexts))
    symbols = (keys & mask).astype(np.uint16)
    first = np.append(begins, len(keys))
    return ContextCounts(contexts[begins], first, symbols, counts, np.array(_USUAL_DISCOUNTS))


def _without_rare(table: ContextCounts, most_bytes: int) -> ContextCounts:
    least = 2
    while table.nbytes > most_bytes and len(table.keys) > 1:
        table = table.without_rare(least)
        least *= 2
    return table


def _concatenated(tables: Sequence[ContextCounts], discounts: NDArray[np.float64]) -> ContextCounts:
    """Return the tables of the parts of all hashes, which ascend, as one."""
    ends = np.cumsum([0, *(len(table.symbols) for table in tables)])
    firsts = [table.first[:-1] + end for table, end in zip(tables, ends, strict=False)]
    return ContextCounts(
        np.concatenate([table.keys for table in tables]),
        np.concatenate([*firsts, ends[-1:]]),
        np.concatenate([table.symbols for table in tables]),
        np.concatenate([table.counts for table in tables]),
        discounts,
    )


@compiled
def _find_parts(
    ids: Ids,
    positions: NDArray[np.uint32],
    words: Words,
    M: int,
    place: int,
    part_bits: int,
    part_of: NDArray[np.uint8],
) -> None:
    """Write the first bits of the hash of each position's context into ``part_of``.

    Without ``positions``, they are all but the first of the text.
    """
    own = np.empty(M + 1 + WORD_CONTEXTS, np.uint64)
    for n in range(part_of.size):
        end = np.int64(positions[n]) if positions.size > 0 else np.int64(n + 1)
        key = _key(ids, end, words, M, place, own)
        part_of[n] = np.uint8(key >> np.uint64(64 - part_bits))


@compiled
def _fill_keys(
    ids: Ids,
    positions: NDArray[np.uint32],
    words: Words,
    M: int,
    place: int,
    low: np.uint64,
    keys: NDArray[np.uint64],
) -> None:
    """Write the hash of each position's context, with the symbol in its lowest bits."""
    own = np.empty(M + 1 + WORD_CONTEXTS, np.uint64)
    mask = (np.uint64(1) << low) - np.uint64(1)
    for n in range(positions.size):
        end = np.int64(positions[n])
        key = _key(ids, end, words, M, place, own)
        keys[n] = (key & ~mask) | np.uint64(ids[end])


@compiled
def _key(
    ids: Ids, end: np.int64, words: Words, M: int, place: int, own: NDArray[np.uint64]
) -> np.uint64:
    """Return the hash of one context; ``own`` [C] is working memory."""
    if place <= M:
        symbol_keys(ids, end, place, own)
    else:
        word_keys(ids, end, words, own[M + 1 :])
    found: np.uint64 = own[place]
    return found


def _pruned(tables: list[ContextCounts], M: int, most_bytes: int) -> list[ContextCounts]:
    """Remove rare contexts, the longest first, until the tables have at most a size."""
    symbols, words = range(M, 0, -1), range(len(tables) - 1, M + 1, -1)
    longest_first = [
        place
        for places in itertools.zip_longest(symbols, words)
        for place in places
        if place is not None
    ]
    least = 2
    size = sum(table.nbytes for table in tables)
    while size > most_bytes and size > 0:
        for place in longest_first:
            if size <= most_bytes:
                break
            before = tables[place]
            tables[place] = before.without_rare(least)
            size += tables[place].nbytes - before.nbytes
        least *= 2
        if all(len(tables[place].keys) == 0 for place in longest_first):
            break
    return tables

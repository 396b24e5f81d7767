"""Counts that are added while a text is read, beside the tables.

The first symbol that is added after a context copies the counts that the tables have for it. From
then on the copy counts.

Shapes: S slots of the hash table, L links.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled_without_allocation
from nextchar.experts.tables import MAX_COUNT, Tables

_FEWEST = 1 << 12
_MOST_SLOTS, _MOST_LINKS = 1 << 25, 1 << 27


class Additions(NamedTuple):
    """Contexts in a hash table, each with a chain of symbols and counts.

    Attributes
    ----------
    contexts, links
        The numbers of contexts and of links, int64[1].
    keys, heads
        The hash of the context in each slot, uint64[S], and its first link or −1, int32[S]. Without
        slots, nothing is added.
    symbols, counts, following
        The symbol of each link, its count, and the next link of the context or −1, int32[L].
    """

    contexts: NDArray[np.int64]
    links: NDArray[np.int64]
    keys: NDArray[np.uint64]
    heads: NDArray[np.int32]
    symbols: NDArray[np.int32]
    counts: NDArray[np.int32]
    following: NDArray[np.int32]


def additions(slots: int = 0, links: int = 0) -> Additions:
    """Return a table without contexts."""
    return Additions(
        contexts=np.zeros(1, np.int64),
        links=np.zeros(1, np.int64),
        keys=np.zeros(slots, np.uint64),
        heads=np.full(slots, -1, np.int32),
        symbols=np.zeros(links, np.int32),
        counts=np.zeros(links, np.int32),
        following=np.zeros(links, np.int32),
    )


def with_room(old: Additions, contexts: int, links: int) -> Additions:
    """Return the additions with room for a number of further contexts and links.

    When the table would become too large, an empty one replaces it: all that was added is
    forgotten.
    """
    slots = _power(2 * (int(old.contexts[0]) + contexts), len(old.keys))
    chained = _power(int(old.links[0]) + links, len(old.symbols))
    if slots > _MOST_SLOTS or chained > _MOST_LINKS:
        return additions(_power(2 * contexts, 0), _power(links, 0))
    if slots == len(old.keys) and chained == len(old.symbols):
        return old
    new = additions(slots, chained)
    new.contexts[0], new.links[0] = old.contexts[0], old.links[0]
    for name in ("symbols", "counts", "following"):
        getattr(new, name)[: int(old.links[0])] = getattr(old, name)[: int(old.links[0])]
    _move(old, new)
    return new


def _power(least: int, now: int) -> int:
    """Return a power of two that is at least a number, and at least the present one."""
    return max(now, _FEWEST, 1 << (least - 1).bit_length())


@compiled_without_allocation
def _move(old: Additions, new: Additions) -> None:
    for slot in range(old.keys.size):
        if old.heads[slot] >= 0:
            place = slot_of(new, old.keys[slot])
            new.keys[place] = old.keys[slot]
            new.heads[place] = old.heads[slot]


@compiled_without_allocation
def slot_of(added: Additions, key: np.uint64) -> np.int64:
    """Return the slot of a context, or the empty one where it would be."""
    mask = added.keys.size - 1
    slot = np.int64(key & np.uint64(mask))
    while added.heads[slot] >= 0 and added.keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@compiled_without_allocation
def add(
    tables: Tables,
    added: Additions,
    keys: NDArray[np.uint64],
    entries: NDArray[np.int64],
    low: int,
    high: int,
    symbol: np.int64,
) -> None:
    """Count a symbol after the contexts of a chain, from the longest to the first that has had it.

    ``keys`` and ``entries`` are those of all contexts of the position (``tables.find_each``); those
    of the chain are at ``low`` to ``high``. There must be room.
    """
    for table in range(high, low - 1, -1):
        slot = slot_of(added, keys[table])
        if added.heads[slot] < 0:
            if added.contexts[0] * 2 >= added.keys.size:
                return
            added.contexts[0] += 1
            added.keys[slot] = keys[table]
            for entry in range(entries[table, 0], entries[table, 1]):
                _link(added, slot, np.int64(tables.symbols[entry]), np.int64(tables.counts[entry]))
        link = added.heads[slot]
        while link >= 0 and added.symbols[link] != symbol:
            link = added.following[link]
        if link >= 0:
            added.counts[link] += 1
            if added.counts[link] >= MAX_COUNT:
                _halve(added, slot)
            return
        _link(added, slot, symbol, np.int64(1))


@compiled_without_allocation
def _link(added: Additions, slot: np.int64, symbol: np.int64, count: np.int64) -> None:
    link = added.links[0]
    if link >= added.symbols.size:  # only with a file whose contexts share hashes
        return
    added.links[0] += 1
    added.symbols[link] = symbol
    added.counts[link] = count
    added.following[link] = added.heads[slot]
    added.heads[slot] = link


@compiled_without_allocation
def _halve(added: Additions, slot: np.int64) -> None:
    link = added.heads[slot]
    while link >= 0:
        added.counts[link] = (added.counts[link] + 1) // 2
        link = added.following[link]

"""Tables of counts: how often each symbol follows each context.

Shapes: V vocabulary size, C contexts of a position, K contexts of all tables, E entries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled_without_allocation, prefetch

if TYPE_CHECKING:
    from nextchar.experts.counting import ContextCounts

MAX_COUNT = int(np.iinfo(np.uint16).max)
_TAG_BITS, _HASH_BITS = 32, 64
_TAG_MASK = np.uint64((1 << _TAG_BITS) - 1)
_BUCKET_BITS = 2  # a place of a directory has about 4 to 8 contexts
MOST_SYMBOLS = 1 << 16
MAX_DIRECTORY_BITS = _HASH_BITS - _TAG_BITS - 16  # the last 16 bits may be a symbol


class Tables(NamedTuple):
    """The counts of a text, for each of C contexts of a position, one after another.

    The contexts of a table are sorted by their hash. Its first bits are the place in the directory
    of the table, the next 32 are the tag of the context.

    Attributes
    ----------
    bits
        The number of bits of the directory of each table, int64[C].
    directories, offsets
        The places of each table's directory in ``starts``, and of its first context, int64[C + 1].
    starts
        The place of the first context of each place of a directory, uint32: 2^bits + 1 a table.
    tags
        uint32[K].
    first
        The place of the first entry of each context, uint32[K + 1].
    symbols, counts
        The entries, uint16[E] each.
    discounts
        The discounts of a count of 1, of 2, and of more in each table, float64[C, 3].
    """

    bits: NDArray[np.int64]
    directories: NDArray[np.int64]
    offsets: NDArray[np.int64]
    starts: NDArray[np.uint32]
    tags: NDArray[np.uint32]
    first: NDArray[np.uint32]
    symbols: NDArray[np.uint16]
    counts: NDArray[np.uint16]
    discounts: NDArray[np.float64]

    @property
    def nbytes(self) -> int:
        """Their size in bytes."""
        return sum(each.nbytes for each in self)


def directory_bits(contexts: int) -> int:
    """Return the number of bits of the directory of a table."""
    return max(0, min(MAX_DIRECTORY_BITS, contexts.bit_length() - 1 - _BUCKET_BITS))


def joined(tables: list[ContextCounts]) -> Tables:
    """Return the counts of each context as tables, and empty the list, which saves memory."""
    bits = np.array([directory_bits(len(table.keys)) for table in tables], np.int64)
    directories = np.cumsum([0, *((1 << bits) + 1)])
    offsets = np.cumsum([0, *(len(table.keys) for table in tables)])
    ends = np.cumsum([0, *(len(table.symbols) for table in tables)])
    result = Tables(
        bits=bits,
        directories=directories,
        offsets=offsets,
        starts=np.empty(directories[-1], np.uint32),
        tags=np.empty(offsets[-1], np.uint32),
        first=np.full(offsets[-1] + 1, ends[-1], np.uint32),
        symbols=np.empty(ends[-1], np.uint16),
        counts=np.empty(ends[-1], np.uint16),
        discounts=np.stack([table.discounts for table in tables]),
    )
    for place, width in enumerate(bits.tolist()):
        table = tables.pop(0)
        contexts = slice(offsets[place], offsets[place + 1])
        entries = slice(ends[place], ends[place + 1])
        buckets = table.keys >> np.uint64(_HASH_BITS - width) if width else 0 * table.keys
        result.starts[directories[place] : directories[place + 1]] = np.searchsorted(
            buckets, np.arange((1 << width) + 1, dtype=np.uint64)
        )
        result.tags[contexts] = (
            table.keys >> np.uint64(_HASH_BITS - width - _TAG_BITS)
        ) & _TAG_MASK
        result.first[contexts] = table.first[:-1] + ends[place]
        result.symbols[entries] = table.symbols
        result.counts[entries] = table.limited()
    return result


@compiled_without_allocation
def find_each(tables: Tables, keys: NDArray[np.uint64], entries: NDArray[np.int64]) -> None:
    """Write the places of the first entry of each context, and after its last, into ``entries``.

    ``keys`` [C] are the hashes of the contexts of one position, and ``entries`` is [C, 2]. Both
    places are 0 if a context was not counted. The tables are read in three turns: the processor
    waits for the memory of all contexts at once.
    """
    for table in range(keys.size):
        bits, key = np.uint64(tables.bits[table]), keys[table]
        place = np.int64(key >> (np.uint64(_HASH_BITS) - bits)) if bits > 0 else np.int64(0)
        begin = tables.directories[table] + place
        entries[table, 0] = tables.offsets[table] + np.int64(tables.starts[begin])
        entries[table, 1] = tables.offsets[table] + np.int64(tables.starts[begin + 1])
        prefetch(tables.tags, entries[table, 0])
    for table in range(keys.size):
        bits, key = np.uint64(tables.bits[table]), keys[table]
        tag = np.uint32((key >> (np.uint64(_HASH_BITS - _TAG_BITS) - bits)) & _TAG_MASK)
        found = -1
        for context in range(entries[table, 0], entries[table, 1]):
            if tables.tags[context] == tag:
                found = context
        entries[table, 0] = found
        if found >= 0:
            prefetch(tables.first, found)
    for table in range(keys.size):
        found = entries[table, 0]
        entries[table] = 0
        if found >= 0:
            entries[table, 0] = np.int64(tables.first[found])
            entries[table, 1] = np.int64(tables.first[found + 1])
            prefetch(tables.symbols, entries[table, 0])
            prefetch(tables.counts, entries[table, 0])

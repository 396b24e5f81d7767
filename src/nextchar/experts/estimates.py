"""Estimates of the next symbol from counts: interpolated modified Kneser-Ney (Chen & Goodman 1999).

Shapes: V vocabulary size, C contexts of a position.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled_without_allocation
from nextchar.experts.additions import Additions, slot_of
from nextchar.experts.tables import Tables

SORTS = 5  # of the longest context: by the number of its symbols, and of its occurrences
_LEAST = 1e-30  # of a probability: ``log`` takes normal numbers
_FEW_SYMBOLS, _FEW_OCCURRENCES = 3, 3


@compiled_without_allocation
def estimate(
    tables: Tables,
    added: Additions,
    keys: NDArray[np.uint64],
    entries: NDArray[np.int64],
    low: int,
    high: int,
    p: NDArray[np.float32],
) -> int:
    """Write the probabilities of all symbols under one chain of contexts into ``p`` [V].

    ``keys`` [C] are the hashes of the contexts of a position, and ``entries`` [C, 2] their places
    in the tables; those of the chain are at ``low`` to ``high``.

    Returns
    -------
    The case of the prediction, 0 to ``SORTS`` × (contexts of the chain + 1) − 1: the longest
    context that was counted, and how certain and how frequent its symbols are.
    """
    p[:] = 0
    weight = 1.0
    longest = sort = 0
    for table in range(high, low - 1, -1):
        head = -1
        begin, end = entries[table, 0], entries[table, 1]
        if added.keys.size > 0:
            head = added.heads[slot_of(added, keys[table])]
        if head >= 0:  # a copy, which includes the entries
            begin = end
        elif begin == end:
            continue
        total, symbols = np.int64(0), np.int64(0)
        for entry in range(begin, end):
            total += np.int64(tables.counts[entry])
        symbols += end - begin
        link = head
        while link >= 0:
            total += added.counts[link]
            symbols += 1
            link = added.following[link]
        scale = weight / total
        rest = 0.0
        for entry in range(begin, end):
            count = np.int64(tables.counts[entry])
            discount = _discount(tables, table, count)
            rest += discount
            p[tables.symbols[entry]] += np.float32(scale * (count - discount))
        link = head
        while link >= 0:
            count = np.int64(added.counts[link])
            discount = _discount(tables, table, count)
            rest += discount
            p[added.symbols[link]] += np.float32(scale * (count - discount))
            link = added.following[link]
        if longest == 0:
            longest = table - low + 1
            if symbols > 1:
                sort = 3 if symbols <= _FEW_SYMBOLS else 4
            else:
                sort = 0 if total == 1 else (1 if total <= _FEW_OCCURRENCES else 2)
        weight *= rest / total
    share = np.float32(max(weight / p.size, _LEAST))
    for v in range(p.size):
        p[v] += share
    return longest * SORTS + sort


@compiled_without_allocation
def _discount(tables: Tables, table: int, count: np.int64) -> float:
    if count > 2:
        return float(tables.discounts[table, 2])
    return float(tables.discounts[table, count - 1])

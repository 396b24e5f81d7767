"""The definitions of the experts in plain Python: contexts, counts, estimates and the mixture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nextchar.experts import REACH
from nextchar.experts.contexts import Words

Context: TypeAlias = tuple[object, ...]
Counts: TypeAlias = dict[Context, dict[int, int]]  # of one context of all positions


def some_words(V: int, seed: int = 0) -> Words:
    """Return words of made-up symbols: two in three belong to a word, pairs differ in case."""
    draw = np.random.default_rng(seed)
    return Words(draw.random(V) < 2 / 3, np.arange(V, dtype=np.uint64) // np.uint64(2))


def some_text(N: int, V: int, seed: int = 0) -> NDArray[np.unsignedinteger]:
    """Return a text whose symbols are of very different frequency, and which repeats itself."""
    draw = np.random.default_rng(seed)
    ids = np.minimum(draw.geometric(min(0.9, 3 / V), N) - 1, V - 1)
    for start in range(20, N - 10, 40):
        ids[start : start + 10] = ids[:10]
    return ids.astype(np.min_scalar_type(V - 1))


def contexts_at(ids: Sequence[int], end: int, words: Words, M: int) -> list[Context]:
    """Return all contexts of a position: those of symbols, then those of words."""
    last = [int(each) for each in ids[max(0, end - REACH) : end]]
    found: list[Context] = [tuple(last[max(0, len(last) - length) :]) for length in range(M + 1)]
    chain: Context = tuple(last[-1:])
    found += [(), chain]
    for word in range(3):
        while word > 0 and last and not words.inside[last[-1]]:
            last.pop()
        letters = []
        while last and words.inside[last[-1]]:
            letters.append(int(words.folded[last.pop()]))
        chain = (*chain, tuple(letters))
        found.append(chain)
    return found


def counts_of(ids: Sequence[int], words: Words, M: int) -> list[Counts]:
    """Count the symbols after each context of a text."""
    places = [contexts_at(ids, end, words, M) for end in range(1, len(ids))]
    found: list[Counts] = [{} for _ in range(M + 6)]
    for low, high in ((0, M), (M + 1, M + 5)):
        ends = list(range(1, len(ids)))
        for place in range(high, low - 1, -1):
            entries = {}
            for end in ends:
                context, symbol = places[end - 1][place], int(ids[end])
                after = found[place].setdefault(context, {})
                after[symbol] = after.get(symbol, 0) + 1
                entries[context, symbol] = end
            ends = list(entries.values())
    return found


def discounts_of(counts: Counts) -> tuple[float, float, float]:
    """Return the discounts of the modified Kneser-Ney smoothing, within limits."""
    n = [sum(count == k for each in counts.values() for count in each.values()) for k in range(5)]
    if min(n[1:4]) == 0:
        return 0.6, 0.9, 1.1
    Y = n[1] / (n[1] + 2 * n[2])
    found = [k - (k + 1) * Y * n[k + 1] / n[k] for k in (1, 2, 3)]
    limits = ((0.1, 0.95), (0.2, 1.5), (0.3, 2.5))
    one, two, more = (
        min(max(each, low), high) for each, (low, high) in zip(found, limits, strict=True)
    )
    return one, two, more


def add(
    counts: list[Counts], added: list[Counts], contexts: Sequence[Context], symbol: int
) -> None:
    """Count a symbol that was read, in both chains."""
    M = len(contexts) - 6
    for low, high in ((0, M), (M + 1, M + 5)):
        for place in range(high, low - 1, -1):
            context = contexts[place]
            after = added[place].setdefault(context, dict(counts[place].get(context, {})))
            known = symbol in after
            after[symbol] = after.get(symbol, 0) + 1
            if known:
                break


def estimate(
    counts: list[Counts],
    discounts: Sequence[Sequence[float]],
    contexts: Sequence[Context],
    chain: range,
    V: int,
) -> tuple[NDArray[np.float64], int]:
    """Return the probabilities under a chain of contexts, and the case."""
    p = np.full(V, 1 / V)
    case = 0
    for place in chain:
        after = counts[place].get(contexts[place])
        if after is None:
            continue
        total, rest, own = sum(after.values()), 0.0, np.zeros(V)
        for symbol, count in after.items():
            discount = discounts[place][min(count, 3) - 1]
            own[symbol] = (count - discount) / total
            rest += discount / total
        p = own + rest * p
        if len(after) > 1:
            sort = 3 if len(after) <= 3 else 4
        else:
            sort = 0 if total == 1 else 1 if total <= 3 else 2
        case = (place - chain[0] + 1) * 5 + sort
    return p, case


def mixed(
    logits: NDArray[np.floating],
    symbols: NDArray[np.float64],
    words: NDArray[np.float64],
    weights: Sequence[float],
) -> NDArray[np.float64]:
    """Return ln p of the mixture of a network and two estimates."""
    exact = logits.astype(np.float64)
    each = weights[0] * (exact - exact.max())
    each = each + weights[1] * np.log(symbols) + weights[2] * np.log(words)
    each = each - each.max()
    found: NDArray[np.float64] = each - math.log(float(np.exp(each).sum()))
    return found

"""The most probable words: a best-first search over symbols, exact to the last.

A text that goes on is never more probable than its beginning. So when the most probable of all
beginnings and finished words is a finished word, no better one is to come.

Shapes: V vocabulary size, n symbols.
"""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.generation.plain import not_finite
from nextchar.nn.network import Network, State

LONGEST = 64  # symbols of a completion
MOST_READ = 10_000  # beginnings, before the search gives up
AT_ONCE = 8  # beginnings that are read in one step


@dataclass(frozen=True, order=True)
class _Beginning:
    """A text that may go on, or has ended; ordered so that the most probable comes first.

    Attributes
    ----------
    cost
        −log p, in nats.
    turn
        Of equals, which was found first.
    words
        How many words are complete.
    parent
        The row of a batch that has read all symbols but the last; −1 where the text has ended.
    """

    cost: float
    turn: int
    symbols: tuple[int, ...]
    words: int
    parent: int


def complete_words(
    network: Network,
    prompt: Tensor,
    *,
    count: int,
    words: int,
    in_word: bool,
    is_word: NDArray[np.bool_],
    excluded: list[int],
    excluded_first: list[int],
) -> list[tuple[tuple[int, ...], float]]:
    """Find the most probable ways to complete some words.

    Parameters
    ----------
    network
        Its mode is set to evaluation.
    prompt
        int64[n], n ≥ 1.
    count
        How many to find.
    words
        How many words to complete, the one in which the prompt ends included.
    in_word
        Whether the prompt ends in a word: otherwise a symbol of a word comes first.
    is_word
        Which symbols are of words, bool[V]; the others are boundaries.
    excluded, excluded_first
        Symbols that are never taken, and those that are not taken first.

    Returns
    -------
    list
        Symbols and log-probabilities in nats: of exactly these symbols, and a boundary after
        them. The most probable first; fewer than ``count`` where all others are longer than
        ``LONGEST``, or so improbable that ``MOST_READ`` beginnings come before them.
    """
    network.eval()
    search = _Search(count, words, in_word, is_word)
    with torch.inference_mode():
        begin = network.initial_state(1, int(prompt[0]))
        device = begin[0][0].device
        logits, state = network(prompt.to(device).unsqueeze(1), begin)
        states: list[tuple[State, int]] = [(state, 0)]
        first = _log_probabilities(logits[-1], [*excluded, *excluded_first])
        search.go_on(None, first[0], 0)
        while len(states) <= MOST_READ and (batch := search.next_beginnings()):
            logits, state = network.step(
                torch.tensor([each.symbols[-1] for each in batch]).to(device),
                _gathered(states, [each.parent for each in batch]),
            )
            rows = _log_probabilities(logits, excluded)
            for place, each in enumerate(batch):
                states.append((state, place))
                search.go_on(each, rows[place], len(states) - 1)
    return search.found


class _Search:
    """All beginnings and ended texts that may still be among the best, the best first."""

    def __init__(self, count: int, words: int, in_word: bool, is_word: NDArray[np.bool_]) -> None:
        self._count = count
        self._words = words
        self._in_word = in_word
        self._is_word = is_word
        self._turns = itertools.count()
        self._queue: list[_Beginning] = []
        self._best_ends: list[float] = []  # −costs of the best that have ended, the worst first
        self.found: list[tuple[tuple[int, ...], float]] = []

    def next_beginnings(self) -> list[_Beginning]:
        """Take what is next to be read off the queue; nothing where all has been found.

        More than one is taken, as they cost little more to read together.
        """
        batch: list[_Beginning] = []
        while self._queue and len(self.found) < self._count and len(batch) < AT_ONCE:
            if self._queue[0].parent >= 0:
                batch.append(heapq.heappop(self._queue))
            elif batch:
                break  # what goes on from these may be more probable
            else:
                ended = heapq.heappop(self._queue)
                self.found.append((ended.symbols, -ended.cost))
        return batch

    def go_on(self, read: _Beginning | None, logs: NDArray[np.float64], place: int) -> None:
        """Queue all ways in which a beginning goes on, with the log-probabilities of symbols.

        ``None`` is the prompt; ``place`` is where the state after the beginning is kept.
        """
        symbols = () if read is None else read.symbols
        cost, words = (0.0, 0) if read is None else (read.cost, read.words)
        inside = bool(self._is_word[symbols[-1]]) if symbols else self._in_word
        last = inside and words + 1 == self._words
        if last:
            with np.errstate(divide="ignore"):
                self._end(symbols, cost - float(np.log(np.exp(logs[~self._is_word]).sum())))
        if len(symbols) >= LONGEST:
            return
        before_word = last or (not symbols and not inside)
        following = np.flatnonzero(self._is_word) if before_word else np.arange(len(logs))
        costs = cost - logs[following]
        near = costs < self._limit
        for symbol, new in zip(following[near].tolist(), costs[near].tolist(), strict=True):
            after = words + (inside and not self._is_word[symbol])
            self._push(_Beginning(new, next(self._turns), (*symbols, symbol), after, place))

    def _end(self, symbols: tuple[int, ...], cost: float) -> None:
        if cost < self._limit:
            self._push(_Beginning(cost, next(self._turns), symbols, self._words, -1))
            heapq.heappush(self._best_ends, -cost)
            if len(self._best_ends) > self._count:
                heapq.heappop(self._best_ends)

    def _push(self, beginning: _Beginning) -> None:
        heapq.heappush(self._queue, beginning)

    @property
    def _limit(self) -> float:
        """The cost from which nothing can be among the best any more."""
        return -self._best_ends[0] if len(self._best_ends) == self._count else math.inf


def _log_probabilities(logits: Tensor, excluded: list[int]) -> NDArray[np.float64]:
    """Give log p of each symbol, float64[B, V]."""
    logits = logits.double().reshape(-1, logits.shape[-1])
    if excluded:
        logits[:, excluded] = -math.inf
    if not bool(logits.amax(-1).isfinite().all()):
        raise not_finite()
    logs: NDArray[np.float64] = logits.log_softmax(-1).cpu().numpy()
    return logs


def _gathered(states: list[tuple[State, int]], places: list[int]) -> State:
    """Put rows of several batches into one state."""
    chosen = [states[place] for place in places]
    first = chosen[0][0]
    return tuple(
        tuple(
            torch.stack([state[layer][part][row] for state, row in chosen])
            for part in range(len(first[layer]))
        )
        for layer in range(len(first))
    )

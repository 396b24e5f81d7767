"""Word completion: an exact best-first search over symbols.

An extension of a prefix is never more probable than the prefix itself. So once the most probable
entry of the queue is a finished completion, no better one can follow.

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

from nextchar.generation.engine import MixtureUse, mixer_of
from nextchar.generation.plain import not_finite
from nextchar.nn.network import Network, State

MAX_SYMBOLS = 64  # of a completion
MAX_PREFIXES = 10_000  # that the search expands before it gives up
BATCH_SIZE = 8  # prefixes expanded in one step


@dataclass(frozen=True, order=True)
class _Prefix:
    """An unfinished or finished completion; the most probable one sorts first.

    Attributes
    ----------
    cost
        −log p, in nats.
    order
        Order of discovery, which breaks ties.
    symbols
        The symbols after the prompt.
    words
        Number of complete words.
    parent
        Index of the network state after all symbols but the last; −1 for a finished completion.
    """

    cost: float
    order: int
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
    mixture: MixtureUse = (None, "none"),
) -> list[tuple[tuple[int, ...], float]]:
    """Find the most probable completions of one or more words.

    Parameters
    ----------
    network
        Switched to evaluation mode.
    prompt
        int64[n], n ≥ 1.
    count
        Number of completions to find.
    words
        Number of words to complete, including an unfinished last word of the prompt.
    in_word
        Whether the prompt ends inside a word. If not, the first symbol must be part of a word.
    is_word
        Whether each symbol is part of a word, bool[V]; all others are word boundaries.
    excluded, excluded_first
        Symbols excluded everywhere, and symbols excluded only in the first position.
    mixture
        The experts to mix with the network, and their use; see ``generation.mixer``.

    Returns
    -------
    list
        (symbol, log-probability in nats) pairs, the most probable first. The probability is
        that of exactly these symbols, followed by a boundary. There are fewer than ``count`` if
        all others are longer than ``MAX_SYMBOLS``, or if the search has expanded
        ``MAX_PREFIXES`` prefixes.
    """
    network.eval()
    search = _Search(count, words, in_word, is_word)
    with torch.inference_mode():
        begin = network.initial_state(1, int(prompt[0]))
        device = begin[0][0].device
        logits, state = network(prompt.to(device).unsqueeze(1), begin)
        states: list[tuple[State, int]] = [(state, 0)]
        mixer = mixer_of(mixture, prompt, logits.squeeze(1))
        predicted = logits[-1] if mixer is None else mixer.after([()], logits[-1])
        first = _log_probabilities(predicted, [*excluded, *excluded_first])
        search.expand(None, first[0], 0)
        while len(states) <= MAX_PREFIXES and (batch := search.next_batch()):
            logits, state = network.step(
                torch.tensor([each.symbols[-1] for each in batch]).to(device),
                _gather_states(states, [each.parent for each in batch]),
            )
            if mixer is not None:
                logits = mixer.after([each.symbols for each in batch], logits)
            rows = _log_probabilities(logits, excluded)
            for place, each in enumerate(batch):
                states.append((state, place))
                search.expand(each, rows[place], len(states) - 1)
    return search.found


class _Search:
    """The queue of all prefixes and completions that may still be among the best."""

    def __init__(self, count: int, words: int, in_word: bool, is_word: NDArray[np.bool_]) -> None:
        self._count = count
        self._words = words
        self._in_word = in_word
        self._is_word = is_word
        self._orders = itertools.count()
        self._queue: list[_Prefix] = []
        self._best_costs: list[float] = []  # −costs of the best completions, the worst first
        self.found: list[tuple[tuple[int, ...], float]] = []

    def next_batch(self) -> list[_Prefix]:
        """Pop the next prefixes to expand; return an empty list if the search is complete.

        A batch costs little more than a single prefix.
        """
        batch: list[_Prefix] = []
        while self._queue and len(self.found) < self._count and len(batch) < BATCH_SIZE:
            if self._queue[0].parent >= 0:
                batch.append(heapq.heappop(self._queue))
            elif batch:
                break  # an extension of these may be more probable
            else:
                ended = heapq.heappop(self._queue)
                self.found.append((ended.symbols, -ended.cost))
        return batch

    def expand(self, prefix: _Prefix | None, logs: NDArray[np.float64], place: int) -> None:
        """Queue all extensions of a prefix by one symbol.

        Parameters
        ----------
        prefix
            The prefix; ``None`` is the prompt.
        logs
            The log-probabilities of the next symbol, float64[V].
        place
            Index of the network state after the prefix.
        """
        symbols = () if prefix is None else prefix.symbols
        cost, words = (0.0, 0) if prefix is None else (prefix.cost, prefix.words)
        inside = bool(self._is_word[symbols[-1]]) if symbols else self._in_word
        last = inside and words + 1 == self._words
        if last:
            with np.errstate(divide="ignore"):
                self._end(symbols, cost - float(np.log(np.exp(logs[~self._is_word]).sum())))
        if len(symbols) >= MAX_SYMBOLS:
            return
        before_word = last or (not symbols and not inside)
        following = np.flatnonzero(self._is_word) if before_word else np.arange(len(logs))
        costs = cost - logs[following]
        near = costs < self._limit
        for symbol, new in zip(following[near].tolist(), costs[near].tolist(), strict=True):
            after = words + (inside and not self._is_word[symbol])
            self._push(_Prefix(new, next(self._orders), (*symbols, symbol), after, place))

    def _end(self, symbols: tuple[int, ...], cost: float) -> None:
        if cost < self._limit:
            self._push(_Prefix(cost, next(self._orders), symbols, self._words, -1))
            heapq.heappush(self._best_costs, -cost)
            if len(self._best_costs) > self._count:
                heapq.heappop(self._best_costs)

    def _push(self, prefix: _Prefix) -> None:
        heapq.heappush(self._queue, prefix)

    @property
    def _limit(self) -> float:
        """The cost at which a completion can no longer be among the best."""
        return -self._best_costs[0] if len(self._best_costs) == self._count else math.inf


def _log_probabilities(logits: Tensor, excluded: list[int]) -> NDArray[np.float64]:
    """Return log p of each symbol, float64[B, V]."""
    logits = logits.double().reshape(-1, logits.shape[-1])
    if excluded:
        logits[:, excluded] = -math.inf
    if not bool(logits.amax(-1).isfinite().all()):
        raise not_finite()
    logs: NDArray[np.float64] = logits.log_softmax(-1).cpu().numpy()
    return logs


def _gather_states(states: list[tuple[State, int]], places: list[int]) -> State:
    """Gather rows of several batches into one state."""
    chosen = [states[place] for place in places]
    first = chosen[0][0]
    return tuple(
        tuple(
            torch.stack([state[layer][part][row] for state, row in chosen])
            for part in range(len(first[layer]))
        )
        for layer in range(len(first))
    )

"""Batched decoding of a transducer, greedy or by beam search.

Shapes: S time steps of the longest source, N active items, K beam width, V target symbols,
W = V + 1 outputs with the end symbol, n symbols of a text.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.generation.search import Beam
from nextchar.nn.attention import Memory
from nextchar.nn.stack import State
from nextchar.nn.transducer import TransducerNetwork
from nextchar.text.batches import by_length
from nextchar.text.sequences import Sequences

SYMBOLS_TOGETHER = 16_384  # source symbols of a batch, divided by the beam width
_SHRINK_BELOW = 0.75  # finished rows are removed below this share of active rows


@dataclass(frozen=True)
class DecodedTarget:
    """A decoded text.

    Attributes
    ----------
    symbols
        The ids [n], without the end.
    log_probability
        The sum of the log-probabilities of the symbols and the end, in nats.
    score
        The log-probability with the length penalty, for ranking.
    reached_limit
        Whether the length limit forced the end.
    """

    symbols: tuple[int, ...]
    log_probability: float
    score: float
    reached_limit: bool


def decode(
    network: TransducerNetwork,
    sources: Sequences,
    limits: NDArray[np.int64],
    beam: Beam,
    *,
    excluded: Collection[int] = (),
) -> Iterator[tuple[NDArray[np.int64], list[list[DecodedTarget]]]]:
    """Decode the targets of sources, in batches of similar lengths.

    Parameters
    ----------
    network
        The network, in evaluation mode.
    sources
        N non-empty sources.
    limits
        Maximum number of symbols of each target, int64[N].
    beam
        The beam search, without groups. Width 1 is greedy decoding.
    excluded
        Symbols that are never generated.

    Yields
    ------
    NDArray, list
        The indices of a batch of items, and the hypotheses of each item, the best first: at least
        one, and at most the beam width.
    """
    device = network.head.weight.device
    most = max(1, SYMBOLS_TOGETHER // beam.width)
    for items in by_length(sources.lengths, most):
        ids = torch.from_numpy(sources.padded(items, 0)).to(device)
        lengths = torch.from_numpy(sources.lengths[items]).to(device)
        masked = sorted(excluded)
        longest = torch.from_numpy(limits[items]).to(device)
        with torch.inference_mode():
            memory, state = network.begin(ids, lengths)
            if beam.width == 1:
                yield items, _greedy(network, memory, state, longest, masked, beam)
            else:
                yield items, _Search(network, memory, state, longest, masked, beam).run()


def _greedy(
    network: TransducerNetwork,
    memory: Memory,
    state: State,
    limits: Tensor,
    masked: list[int],
    beam: Beam,
) -> list[list[DecodedTarget]]:
    count, border = len(limits), network.border
    found: list[list[DecodedTarget]] = [[] for _ in range(count)]
    items = torch.arange(count, device=limits.device)
    going = torch.ones(count, dtype=torch.bool, device=limits.device)
    totals = torch.zeros(count, dtype=torch.float64, device=limits.device)
    newest = torch.full((count, 1), border, device=limits.device)
    symbols = newest[:, :0]
    while True:
        logits, state, _ = network.step(newest, state, memory)
        logs = _log_probabilities(logits[:, 0], masked)
        best = logs.argmax(-1)
        at_limit = limits == symbols.shape[1]
        chosen = best.masked_fill(at_limit, border)
        totals = totals + logs.gather(1, chosen.unsqueeze(1))[:, 0]
        ended = going & (chosen == border)
        for row in ended.nonzero()[:, 0].tolist():
            text, total = tuple(symbols[row].tolist()), float(totals[row])
            forced = bool(best[row] != border)
            found[int(items[row])].append(
                DecodedTarget(text, total, beam.score(total, len(text)), forced)
            )
        going = going & ~ended
        left = int(going.sum())
        if left == 0:
            return found
        newest = chosen.unsqueeze(1)
        symbols = torch.cat([symbols, newest], dim=1)
        if left < _SHRINK_BELOW * len(going):
            kept = going.nonzero()[:, 0]
            items, limits, totals, going = (t[kept] for t in (items, limits, totals, going))
            newest, symbols, memory = newest[kept], symbols[kept], memory.of(kept)
            state = _rows_of(state, kept)


class _Search:
    """A batched beam search.

    Each step ranks the 2·K most probable extensions of an item. Those among the first K that end
    are complete. The first K of the others form the next beam. The search for an item stops when no
    hypothesis in the beam can still enter the K best.
    """

    def __init__(
        self,
        network: TransducerNetwork,
        memory: Memory,
        state: State,
        limits: Tensor,
        masked: list[int],
        beam: Beam,
    ) -> None:
        K, device = beam.width, limits.device
        self._network = network
        self._masked = masked
        self._beam = beam
        self._memory = memory
        self._limits = limits
        count = len(limits)
        self._found: list[list[DecodedTarget]] = [[] for _ in range(count)]
        self._items = torch.arange(count, device=device)
        each = torch.arange(count, device=device).repeat_interleave(K)
        self._state = _rows_of(state, each)
        self._totals = torch.full((count, K), -math.inf, dtype=torch.float64, device=device)
        self._totals[:, 0] = 0
        self._best = torch.full((count, K), -math.inf, dtype=torch.float64, device=device)
        self._newest = torch.full((count, K), network.border, device=device)
        self._symbols = self._newest.unsqueeze(2)[:, :, :0]

    def run(self) -> list[list[DecodedTarget]]:
        """Return the hypotheses of each item, the best first."""
        while len(self._items):
            self._step()
            self._remove_finished()
        K = self._beam.width
        ranked = (sorted(each, key=lambda found: -found.score) for each in self._found)
        return [each[:K] for each in ranked]

    def _step(self) -> None:
        border, K = self._network.border, self._beam.width
        logits, self._state, _ = self._network.step(self._newest, self._state, self._memory)
        logs = _log_probabilities(logits, self._masked)
        forced = logs.argmax(-1) != border
        at_limit = self._limits == self._symbols.shape[2]
        logs[at_limit, :, :border] = -math.inf
        options = (self._totals.unsqueeze(2) + logs).flatten(1)
        totals, places = options.topk(min(2 * K, options.shape[1]), dim=1)
        parents, symbols = places // (border + 1), places % (border + 1)
        is_end = symbols == border
        ended = is_end & totals.isfinite()
        ended[:, K:] = False
        self._finish(ended, totals, parents, forced & at_limit.unsqueeze(1))
        going, order = totals.masked_fill(is_end, -math.inf).topk(K, dim=1)
        self._follow(going, parents.gather(1, order), symbols.gather(1, order))

    def _finish(self, ended: Tensor, totals: Tensor, parents: Tensor, forced: Tensor) -> None:
        """Store the complete hypotheses."""
        length, K = self._symbols.shape[2], self._beam.width
        scores = (totals / self._weight(length)).masked_fill(~ended, -math.inf)
        self._best = torch.cat([self._best, scores], dim=1).topk(K, dim=1).values
        for row, place in ended.nonzero().tolist():
            parent = int(parents[row, place])
            self._found[int(self._items[row])].append(
                DecodedTarget(
                    tuple(self._symbols[row, parent].tolist()),
                    float(totals[row, place]),
                    float(scores[row, place]),
                    bool(forced[row, parent]),
                )
            )

    def _follow(self, totals: Tensor, parents: Tensor, symbols: Tensor) -> None:
        count, K = totals.shape
        rows = parents + K * torch.arange(count, device=parents.device).unsqueeze(1)
        self._state = _rows_of(self._state, rows.flatten())
        before = self._symbols.flatten(0, 1)[rows.flatten()].view(count, K, -1)
        self._symbols = torch.cat([before, symbols.unsqueeze(2)], dim=2)
        self._totals, self._newest = totals, symbols

    def _remove_finished(self) -> None:
        weights = ((5 + self._limits) / 6) ** self._beam.length_penalty
        bounds = self._totals.amax(1) / weights
        going = (bounds > self._best[:, -1]) & bounds.isfinite()
        left = int(going.sum())
        if left > 0 and left >= _SHRINK_BELOW * len(going):
            return
        kept = going.nonzero()[:, 0]
        K = self._beam.width
        rows = (kept.unsqueeze(1) * K + torch.arange(K, device=kept.device)).flatten()
        self._state = _rows_of(self._state, rows)
        self._memory = self._memory.of(kept)
        self._items, self._limits = self._items[kept], self._limits[kept]
        self._totals, self._best = self._totals[kept], self._best[kept]
        self._newest, self._symbols = self._newest[kept], self._symbols[kept]

    def _weight(self, symbols: int) -> float:
        return 1 / self._beam.score(1.0, symbols)


def _log_probabilities(logits: Tensor, masked: list[int]) -> Tensor:
    """Return log-probabilities of logits [..., W], with −∞ for masked symbols."""
    logs = logits.double().log_softmax(-1)
    if masked:
        logs[..., masked] = -math.inf
    return logs


def _rows_of(state: State, rows: Tensor) -> State:
    return tuple(tuple(part[rows] for part in layer) for layer in state)

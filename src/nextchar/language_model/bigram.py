"""Bigram models, the one-to-one form of a network: from one symbol to the next, without memory.

                 ┌─────────────┐
    symbol x ──▶ │ row x of W  │ ──▶ softmax ──▶ probabilities of the next symbol
                 └─────────────┘

A softmax layer on a one-hot symbol is a table of logits W. The optimal table for a text is known
without training: the logarithms of its relative bigram frequencies. ``BigramNetwork`` is this
network, and ``BigramModel`` is the limit of its training. It is the baseline for every network with
a longer memory. Shannon generated English with it (1948, "A mathematical theory of communication").

Shapes: V vocabulary size, N symbols of a text.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nextchar.config.arguments import checked
from nextchar.errors import ConfigError, TextError, as_option
from nextchar.evaluation import Evaluation
from nextchar.text.stored_ids import TextIds
from nextchar.text.vocabulary import Vocabulary

MAX_SYMBOLS = 10_000  # a table of this size takes 800 MB
_IDS_AT_ONCE = 1 << 20


class BigramModel:
    """A bigram model with additive smoothing.

    Parameters
    ----------
    vocabulary
        At most ``MAX_SYMBOLS`` symbols.
    counts
        Number of times that symbol j followed symbol i in the training set, int64[V, V].
    smoothing
        Added to every count, above 0, so that no bigram has probability 0 (Lidstone 1920; 1 is
        Laplace's rule).
    """

    def __init__(
        self, vocabulary: Vocabulary, counts: NDArray[np.int64], *, smoothing: float = 0.1
    ) -> None:
        if not 0 < smoothing < math.inf:
            raise ConfigError(f"smoothing must be above 0 and finite; got {smoothing}")
        self.vocabulary = vocabulary
        self.counts = counts
        self.smoothing = smoothing

    def __repr__(self) -> str:
        symbols = f"{len(self.vocabulary):,} symbols ({self.vocabulary.kind})"
        return f"<{type(self).__name__}: {symbols}, smoothing {self.smoothing:g}>"

    @classmethod
    def of(cls, vocabulary: Vocabulary, ids: TextIds, *, smoothing: float = 0.1) -> BigramModel:
        """Estimate the model from the bigrams of a text [N].

        Raises
        ------
        TextError
            The text has fewer than two symbols.
        ConfigError
            The vocabulary is too large, or the smoothing is not above 0.
        """
        if len(ids) < 2:
            raise TextError(f"bigrams need a text of at least two symbols; got {len(ids)}")
        return cls(vocabulary, count_pairs(ids, len(vocabulary)), smoothing=smoothing)

    @functools.cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """P(j | i) of each symbol j after each symbol i, float64[V, V]; each row sums to 1."""
        smoothed = self.counts + self.smoothing
        table: NDArray[np.float64] = smoothed / smoothed.sum(axis=1, keepdims=True)
        return table

    @functools.cached_property
    def unigram(self) -> NDArray[np.float64]:
        """The probability of each symbol without context, float64[V]."""
        smoothed = self.counts.sum(axis=0) + self.smoothing
        row: NDArray[np.float64] = smoothed / smoothed.sum()
        return row

    @functools.cached_property
    def training_nats(self) -> float:
        """Mean nats per symbol of the training set without smoothing: the bigram optimum."""
        rows = self.counts.sum(axis=1, keepdims=True)
        shares = np.divide(self.counts, rows, where=rows > 0, out=np.ones(self.counts.shape))
        logarithms = np.log(shares, where=self.counts > 0, out=np.zeros(shares.shape))
        return float(-(self.counts * logarithms).sum() / self.counts.sum())

    def evaluate(self, ids: TextIds, *, context: bool = True) -> Evaluation:
        """Evaluate the model on a text [N]; the first symbol is context only.

        Parameters
        ----------
        ids
            The text.
        context
            Whether to use the preceding symbol; if not, evaluate the unigram model.

        Raises
        ------
        TextError
            There is nothing to predict.
        """
        began = time.monotonic()
        table = np.log(self.probabilities if context else self.unigram)
        nats, characters, unknown = 0.0, 0, 0
        for before, after in _pairs(ids):
            nats -= float((table[before, after] if context else table[after]).sum())
            characters += int(self.vocabulary.starts_character[after].sum())
            unknown += int((after == self.vocabulary.unknown_id).sum())
        if characters < 1:
            raise TextError(
                f"nothing to evaluate: {len(ids)} symbols with {characters} characters after the "
                "first; at least two symbols and a character are needed"
            )
        return Evaluation(
            nats=nats,
            unit=self.vocabulary.kind,
            symbols=len(ids) - 1,
            characters=characters,
            unknown_symbols=unknown if self.vocabulary.unknown_id is not None else 0,
            skipped_symbols=0,
            compressed_bits_per_char={},
            seconds=time.monotonic() - began,
        )

    @checked
    def generate(self, length: int, *, seed: int = 0) -> str:
        """Generate a text of ``length`` symbols without ``<unk>``.

        The context of the first symbol is a line break, or the most frequent symbol if the
        vocabulary has no line break.
        """
        draw, table = np.random.default_rng(seed), self.probabilities.copy()
        if self.vocabulary.unknown_id is not None:
            table[:, self.vocabulary.unknown_id] = 0
        sums = table.cumsum(axis=1)
        last, ids = self._first, []
        for point in draw.random(max(0, length)).tolist():
            last = int(np.searchsorted(sums[last], point * sums[last, -1], side="right"))
            ids.append(last)
        return self.vocabulary.decode(ids)

    def successors(self, number: int, count: int) -> list[tuple[int, float]]:
        """Return the most probable successors of a symbol, each with its probability."""
        row = self.probabilities[number]
        return [
            (each, float(row[each])) for each in np.argsort(-row, kind="stable")[:count].tolist()
        ]

    @functools.cached_property
    def by_frequency(self) -> NDArray[np.int64]:
        """The ids of all symbols with a successor in the training set, most frequent first."""
        frequency = self.counts.sum(axis=1)
        order: NDArray[np.int64] = np.argsort(-frequency, kind="stable")
        return order[: np.count_nonzero(frequency)]

    @property
    def _first(self) -> int:
        after_break = self.vocabulary.encode("\n", unknown="skip")
        return int(after_break[0] if len(after_break) else self.by_frequency[0])


class BigramNetwork(nn.Module):
    """A softmax layer on one-hot symbols, initialised to zeros.

    Parameters
    ----------
    symbols
        V.

    Attributes
    ----------
    table
        The logits W, [V, V]; row i contains the logits of the symbol after symbol i.
    """

    def __init__(self, symbols: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(symbols, symbols))

    def forward(self, ids: Tensor) -> Tensor:
        """Return the logits [..., V] of the symbols after ids [...], which are rows of W."""
        return functional.embedding(ids, self.table)

    def nats(self, counts: Tensor) -> Tensor:
        """Return the mean nats of a text with the given bigram counts, [V, V]."""
        predicted = functional.log_softmax(self.table, dim=1)
        return -(counts * predicted).sum() / counts.sum()

    def fit(self, counts: NDArray[np.int64], steps: int, *, rate: float = 0.5) -> Iterator[float]:
        """Train on all bigrams of a text at once, by gradient descent with Adam.

        Yields
        ------
        float
            Mean nats before each step and after the last one. The ``steps`` + 1 numbers converge to
            ``BigramModel.training_nats``.
        """
        target = torch.from_numpy(counts).to(self.table.dtype)
        optimizer = torch.optim.Adam(self.parameters(), lr=rate)
        for _ in range(steps):
            loss = self.nats(target)
            yield loss.item()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        yield self.nats(target).item()


def count_pairs(ids: TextIds, symbols: int) -> NDArray[np.int64]:
    """Count the bigrams of a text [N]: int64[V, V]."""
    if symbols > MAX_SYMBOLS:
        raise ConfigError(
            f"a table of {symbols} × {symbols} symbols is too large: at most {MAX_SYMBOLS}; use "
            f"a larger {as_option('min_count')}, or {as_option('vocabulary', 'jamo')} or 'byte'"
        )
    counts = np.zeros(symbols * symbols, np.int64)
    for before, after in _pairs(ids):
        found, times = np.unique(before * symbols + after, return_counts=True)
        counts[found] += times
    return counts.reshape(symbols, symbols)


def _pairs(ids: TextIds) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the bigrams of a text in pieces, so that a text in a file is never loaded whole."""
    for start in range(0, len(ids) - 1, _IDS_AT_ONCE):
        piece = np.asarray(ids[start : start + _IDS_AT_ONCE + 1], np.int64)
        yield piece[:-1], piece[1:]

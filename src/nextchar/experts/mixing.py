"""The mixture of a network with two chains of counts, in the logarithmic domain.

ln p(v) = w₁ · ln network(v) + w₂ · ln symbols(v) + w₃ · ln words(v) + constant. The constant makes
the probabilities sum to 1. Each weight is a sum of three: one for the case of each chain
(``estimates``), and one for the entropy of the network's prediction.

Shapes: V vocabulary size, C contexts of a position, X cases.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled_without_allocation
from nextchar.experts.additions import Additions, add
from nextchar.experts.contexts import WORD_CONTEXTS, Words, context_keys
from nextchar.experts.estimates import SORTS, estimate
from nextchar.experts.tables import Tables, find_each
from nextchar.nn.kernels.elementary import exp, log

MEMBERS = 3  # the network, the chain of symbols, the chain of words
_CASES_PER_NAT, _ENTROPY_CASES = 3, 32
_USUAL_WEIGHTS = (0.6, 0.25, 0.25)


class Weights(NamedTuple):
    """The weights of the mixture, by case; float64[X, 3] each."""

    symbols: NDArray[np.float64]
    words: NDArray[np.float64]
    entropy: NDArray[np.float64]


def usual_weights(M: int) -> Weights:
    """Return weights that do not depend on the case."""
    weights = Weights(*(np.zeros(shape) for shape in weight_shapes(M)))
    weights.symbols[:] = _USUAL_WEIGHTS
    return weights


def weight_shapes(M: int) -> list[tuple[int, int]]:
    """Return the shapes of the weights for a longest context of M symbols."""
    cases = ((M + 2) * SORTS, (WORD_CONTEXTS + 1) * SORTS, _ENTROPY_CASES)
    return [(count, MEMBERS) for count in cases]


class Mixture(NamedTuple):
    """Everything that the prediction of a symbol reads, and its working memory.

    Attributes
    ----------
    M
        The longest context in symbols.
    tables, added, words, weights
        The counts, those added while reading, the words of the vocabulary, and the weights.
    keys, entries
        The contexts of the position, uint64[C], and their places in the tables, int64[C, 2].
    cases
        The cases of the position, int64[3].
    logarithms
        ln p of the network and of both chains, float32[3, V]; that of the network up to a constant.
    mixed
        ln p of the mixture, float32[V].
    """

    M: int
    tables: Tables
    added: Additions
    words: Words
    weights: Weights
    keys: NDArray[np.uint64]
    entries: NDArray[np.int64]
    cases: NDArray[np.int64]
    logarithms: NDArray[np.float32]
    mixed: NDArray[np.float32]


@compiled_without_allocation
def mix(mixture: Mixture, ids: NDArray[np.int64], end: int, logits: NDArray[np.float32]) -> None:
    """Predict the symbol at ``end`` of a text, from the network's logits [V], into ``mixed``."""
    M, keys, mixed = mixture.M, mixture.keys, mixture.mixed
    tables, added = mixture.tables, mixture.added
    network, symbols, words = mixture.logarithms
    context_keys(ids, end, mixture.words, M, keys)
    find_each(tables, keys, mixture.entries)
    mixture.cases[0] = estimate(tables, added, keys, mixture.entries, 0, M, symbols)
    mixture.cases[1] = estimate(tables, added, keys, mixture.entries, M + 1, keys.size - 1, words)
    mixture.cases[2] = _read_network(logits, network)
    if mixture.cases[2] < 0:
        mixture.cases[2] = 0
        mixed[:] = np.nan
        return
    for v in range(symbols.size):
        symbols[v] = log(symbols[v])
        words[v] = log(words[v])
    a, b, c = _weights_of(mixture)
    highest = np.float32(-np.inf)
    for v in range(mixed.size):
        mixed[v] = a * network[v] + b * symbols[v] + c * words[v]
        highest = max(highest, mixed[v])
    total = 0.0
    for v in range(mixed.size):
        total += np.float64(exp(mixed[v] - highest))
    constant = np.float32(highest + np.log(total))
    for v in range(mixed.size):
        mixed[v] -= constant


@compiled_without_allocation
def _read_network(logits: NDArray[np.float32], network: NDArray[np.float32]) -> int:
    """Copy the logits below their maximum; return the case of their entropy.

    It is −1 if they are not all finite.
    """
    highest = logits[0]
    for v in range(logits.size):
        highest = max(highest, logits[v])
    total = product = 0.0
    for v in range(logits.size):
        network[v] = logits[v] - highest
        share = np.float64(exp(network[v]))
        total += share
        product += share * np.float64(network[v])
    entropy = np.log(total) - product / total
    if not np.isfinite(entropy):
        return -1
    return int(min(max(entropy, 0.0) * _CASES_PER_NAT, _ENTROPY_CASES - 1.0))


@compiled_without_allocation
def _weights_of(mixture: Mixture) -> tuple[np.float32, np.float32, np.float32]:
    weights, cases = mixture.weights, mixture.cases
    by_symbols = weights.symbols[cases[0]]
    by_words = weights.words[cases[1]]
    by_entropy = weights.entropy[cases[2]]
    return (
        np.float32(by_symbols[0] + by_words[0] + by_entropy[0]),
        np.float32(by_symbols[1] + by_words[1] + by_entropy[1]),
        np.float32(by_symbols[2] + by_words[2] + by_entropy[2]),
    )


@compiled_without_allocation
def learn_weights(mixture: Mixture, symbol: np.int64, rate: float) -> None:
    """Update the weights by a step of gradient ascent on ln p of the symbol that was predicted."""
    weights, cases, mixed = mixture.weights, mixture.cases, mixture.mixed
    for member in range(MEMBERS):
        logarithms = mixture.logarithms[member]
        expected = 0.0
        for v in range(mixed.size):
            expected += np.float64(exp(mixed[v]) * logarithms[v])
        step = rate * (np.float64(logarithms[symbol]) - expected)
        weights.symbols[cases[0], member] += step
        weights.words[cases[1], member] += step
        weights.entropy[cases[2], member] += step


@compiled_without_allocation
def learn_counts(mixture: Mixture, symbol: np.int64) -> None:
    """Count the symbol that was predicted."""
    M, keys = mixture.M, mixture.keys
    tables, added, entries = mixture.tables, mixture.added, mixture.entries
    add(tables, added, keys, entries, 0, M, symbol)
    add(tables, added, keys, entries, M + 1, keys.size - 1, symbol)

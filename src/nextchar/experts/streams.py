"""Several streams of one text that are read side by side, and that experts learn from.

The rows of symbols are read in order, and the streams of a row one after another, so the same rows
give the same predictions bit for bit.

Shapes: B streams, V vocabulary size, C contexts of a position.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled_without_allocation
from nextchar.config import ExpertUse
from nextchar.experts.contexts import WORD_CONTEXTS
from nextchar.experts.experts import Experts
from nextchar.experts.fitting import LEARNING_RATE
from nextchar.experts.mixing import MEMBERS, Mixture, learn_counts, learn_weights, mix
from nextchar.experts.texts import Texts, append_each, texts_after


class _Memories(NamedTuple):
    """The working memory of the mixture for each stream; see ``Mixture``."""

    keys: NDArray[np.uint64]
    entries: NDArray[np.int64]
    cases: NDArray[np.int64]
    logarithms: NDArray[np.float32]


class MixedStreams:
    """Mixes the logits of B streams with experts.

    Parameters
    ----------
    experts
        Not modified.
    before
        The symbol before each stream, int64[B].
    use
        Whether the weights, or the counts too, learn from all streams.
    """

    def __init__(self, experts: Experts, before: NDArray[np.int64], use: ExpertUse) -> None:
        B, V = len(before), len(experts.vocabulary)
        self._reader = experts.reader(use)
        self._use = use
        self._texts = texts_after(self._reader.mixture, np.zeros(0, np.int64), B)
        append_each(self._texts, before)
        self._memories = _Memories(
            keys=np.zeros((B, experts.M + 1 + WORD_CONTEXTS), np.uint64),
            entries=np.zeros((B, experts.M + 1 + WORD_CONTEXTS, 2), np.int64),
            cases=np.zeros((B, MEMBERS), np.int64),
            logarithms=np.zeros((B, MEMBERS, V), np.float32),
        )

    def predict(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ln p of the next symbol of each stream, [B, V], from the network's logits."""
        _predict(self._texts, self._memories, logits)
        return self._texts.mixed

    def read(self, symbols: NDArray[np.int64]) -> None:
        """Read the next symbol of each stream, int64[B]."""
        if self._use != "fixed":
            self._reader.make_room(len(symbols))
            self._texts = self._texts._replace(mixture=self._reader.mixture)
            counting = self._use == "adaptive"
            _learn(self._texts, self._memories, symbols, LEARNING_RATE, counting)
        append_each(self._texts, symbols)


@compiled_without_allocation
def _predict(texts: Texts, memories: _Memories, logits: NDArray[np.float32]) -> None:
    for b in range(texts.ends.size):
        mix(_of_stream(texts, memories, b), texts.ids[b], texts.ends[b], logits[b])


@compiled_without_allocation
def _learn(
    texts: Texts, memories: _Memories, symbols: NDArray[np.int64], rate: float, counting: bool
) -> None:
    for b in range(texts.ends.size):
        mixture = _of_stream(texts, memories, b)
        learn_weights(mixture, symbols[b], rate)
        if counting:
            learn_counts(mixture, symbols[b])


@compiled_without_allocation
def _of_stream(texts: Texts, memories: _Memories, b: int) -> Mixture:
    """Return the mixture with the working memory of a stream."""
    whole = texts.mixture
    return Mixture(
        whole.M,
        whole.tables,
        whole.added,
        whole.words,
        whole.weights,
        memories.keys[b],
        memories.entries[b],
        memories.cases[b],
        memories.logarithms[b],
        texts.mixed[b],
    )

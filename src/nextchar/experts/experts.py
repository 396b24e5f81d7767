"""The experts of a run: the counts of its training text, and the weights of their mixture.

Shapes: V vocabulary size, N symbols of text, n predictions, C contexts of a position.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nextchar.config import ExpertUse
from nextchar.experts.additions import additions, with_room
from nextchar.experts.contexts import WORD_CONTEXTS, Words, words_of
from nextchar.experts.counting import count
from nextchar.experts.fitting import LEARNING_RATE, Slice, fitted
from nextchar.experts.mixing import MEMBERS, Mixture, Weights, usual_weights
from nextchar.experts.reading import read_nats, read_predictions
from nextchar.experts.tables import Tables
from nextchar.text.vocabulary import Ids, Vocabulary

_READ_TOGETHER = 1 << 12  # symbols whose counts are added without a look at the room
LONGEST_CONTEXT = 16


@dataclass(frozen=True)
class Experts:
    """Counts of a text after its contexts, and the weights of their mixture with a network.

    Attributes
    ----------
    M
        The longest context in symbols.
    tables
        The counts.
    words
        The words of the vocabulary.
    weights
        The weights of the mixture.
    vocabulary
        The vocabulary of the text.
    """

    M: int
    tables: Tables
    words: Words
    weights: Weights
    vocabulary: Vocabulary

    @classmethod
    def count(
        cls,
        ids: Ids,
        vocabulary: Vocabulary,
        M: int,
        *,
        most_bytes: int,
        progress: Callable[[float], None] | None = None,
    ) -> Self:
        """Count a text [N] of at least two symbols; the weights of the mixture are the usual ones.

        Parameters
        ----------
        ids, vocabulary
            The text.
        M
            The longest context in symbols, 1 to 16.
        most_bytes
            The maximum size of the counts; rare contexts are removed if they are larger.
        progress
            Called with the completed share, 0 to 1.
        """
        words = words_of(vocabulary)
        tables = count(ids, words, M, most_bytes=most_bytes, progress=progress)
        return cls(M, tables, words, usual_weights(M), vocabulary)

    def fitted(self, slices: Iterable[Slice]) -> Experts:
        """Fit the weights on text that neither the counts nor the network have seen."""
        weights = fitted(self._mixture, self.weights, list(slices))
        return dataclasses.replace(self, weights=weights)

    def reader(self, use: ExpertUse = "fixed") -> Reader:
        """Return a reader of one text; see ``Reader``."""
        return Reader(self, use)

    def _mixture(self, weights: Weights) -> Mixture:
        """Return the mixture with working memory of its own."""
        V = len(self.vocabulary)
        return Mixture(
            M=self.M,
            tables=self.tables,
            added=additions(),
            words=self.words,
            weights=weights,
            keys=np.zeros(self.M + 1 + WORD_CONTEXTS, np.uint64),
            entries=np.zeros((self.M + 1 + WORD_CONTEXTS, 2), np.int64),
            cases=np.zeros(MEMBERS, np.int64),
            logarithms=np.zeros((MEMBERS, V), np.float32),
            mixed=np.zeros(V, np.float32),
        )


class Reader:
    """Mixes the predictions of a network while a text is read.

    Parameters
    ----------
    experts
        Not modified.
    use
        ``"fixed"``: nothing learns from the text. ``"learning"``: the weights of the mixture do.
        ``"adaptive"``: the counts too. A text that is learned from must be read in order.
    """

    def __init__(self, experts: Experts, use: ExpertUse) -> None:
        copies = Weights(*(each.copy() for each in experts.weights))
        self._mixture = experts._mixture(copies)  # noqa: SLF001  (of the same module)
        self._rate = 0.0 if use == "fixed" else LEARNING_RATE
        self._adaptive = use == "adaptive"
        self._copied = _most_entries(experts.tables) if self._adaptive else 0

    @property
    def mixture(self) -> Mixture:
        """The mixture as it is now, with its own working memory."""
        return self._mixture

    def nats(
        self, ids: NDArray[np.integer], ends: NDArray[np.int64], logits: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Return the nats of the symbols at some positions of a text.

        Parameters
        ----------
        ids
            The text [N]. A prediction reads the ``contexts.REACH`` symbols before it.
        ends
            The positions [n].
        logits
            The network's logits for them, [n, V].
        """
        text, nats = ids.astype(np.int64, copy=False), np.empty(len(ends))
        for start in range(0, len(ends), _READ_TOGETHER):
            part = slice(start, start + _READ_TOGETHER)
            self.make_room(len(nats[part]))
            read_nats(
                self._mixture,
                text,
                ends[part],
                logits[part],
                self._rate,
                self._adaptive,
                nats[part],
            )
        return nats

    def predictions(
        self, ids: NDArray[np.integer], ends: NDArray[np.int64], logits: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return ln p of all symbols at some positions of a text, [n, V]; see ``nats``."""
        text, found = ids.astype(np.int64, copy=False), np.empty_like(logits)
        for start in range(0, len(ends), _READ_TOGETHER):
            part = slice(start, start + _READ_TOGETHER)
            self.make_room(len(ends[part]))
            read_predictions(
                self._mixture,
                text,
                ends[part],
                logits[part],
                self._rate,
                self._adaptive,
                found[part],
            )
        return found

    def make_room(self, symbols: int) -> None:
        """Make room for the counts of a number of symbols, if they are counted."""
        if self._adaptive:
            contexts = symbols * len(self._mixture.keys)
            # Each entry of the tables is copied once at most.
            copied = min(len(self._mixture.tables.symbols), symbols * self._copied)
            added = with_room(self._mixture.added, contexts, contexts + copied)
            self._mixture = self._mixture._replace(added=added)


def _most_entries(tables: Tables) -> int:
    """Return the maximum number of entries that the contexts of one position have together."""
    sizes = np.diff(tables.first.astype(np.int64))
    bounds = tables.offsets.tolist()
    return sum(int(sizes[a:b].max()) for a, b in itertools.pairwise(bounds) if b > a)

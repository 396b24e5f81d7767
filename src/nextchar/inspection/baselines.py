"""The losses that counts reach: of single symbols, and of pairs of symbols.

A network that has learned anything from the order of the symbols has a lower loss than their
frequencies, and one that remembers anything has a lower loss than the frequencies of pairs.

Shapes: N symbols of the training part, M of the validation part, V vocabulary size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nextchar.text.vocabulary import Vocabulary

MOST_COUNTED, MOST_MEASURED = 1 << 20, 1 << 16  # symbols
FEWEST = 100  # symbols of each part

_Ids = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """Losses of counts on the validation part, in nats per character.

    Attributes
    ----------
    unigram, bigram
        Of the frequencies of symbols, and of symbols after each symbol.
    """

    unigram: float
    bigram: float

    @classmethod
    def of(cls, train: _Ids, validation: _Ids, vocabulary: Vocabulary) -> Self | None:
        """Count the first symbols of the training part, and measure on the validation part.

        The frequencies of pairs are interpolated with those of symbols by the number of different
        symbols that follow (Witten & Bell 1991).

        Parameters
        ----------
        train, validation
            Symbols, int64[N] and int64[M].
        vocabulary
            Their vocabulary.

        Returns
        -------
        Baselines or None
            ``None`` if a part has fewer than ``FEWEST`` symbols.
        """
        if min(len(train), len(validation)) < FEWEST:
            return None
        V = len(vocabulary)
        single = (np.bincount(train, minlength=V) + 1) / (len(train) + V)
        pairs, counts = np.unique(train[:-1] * V + train[1:], return_counts=True)
        followed = np.bincount(pairs // V, weights=counts, minlength=V)
        kinds = np.bincount(pairs // V, minlength=V)
        before, after = validation[:-1], validation[1:]
        seen = _looked_up(before * V + after, pairs, counts)
        total = np.maximum(followed[before] + kinds[before], 1)
        prior = np.where(kinds[before] > 0, kinds[before], 1)
        double = (seen + prior * single[after]) / total
        characters = max(1, int(np.count_nonzero(vocabulary.starts_character[after])))
        return cls(
            unigram=float(-np.log(single[after]).sum() / characters),
            bigram=float(-np.log(double).sum() / characters),
        )


def _looked_up(keys: _Ids, pairs: _Ids, counts: _Ids) -> _Ids:
    """Return the counts of some pairs; 0 for those that are not there."""
    places = np.minimum(np.searchsorted(pairs, keys), len(pairs) - 1)
    return np.where(pairs[places] == keys, counts[places], 0)

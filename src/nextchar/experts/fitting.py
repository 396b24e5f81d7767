"""Fitting of the weights of the mixture on held-out text, by gradient ascent on ln p.

The weights are the same function of the cases everywhere, so the gradient of one prediction is a
fair step. The problem is concave. The result is the mean of the weights over the whole ascent
(Polyak & Juditsky 1992): it is nearer to the start than the last weights, and closer to the best
ones for other text.

Shapes: N symbols of text, n predictions, V vocabulary size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextchar.experts.mixing import Mixture, Weights
from nextchar.experts.reading import read_nats
from nextchar.text.vocabulary import Ids

LEARNING_RATE = 0.002  # while a text is read
_FIRST_RATE, _PASSES = 0.001, 4


@dataclass(frozen=True)
class Slice:
    """A piece of held-out text with the predictions of the network.

    Attributes
    ----------
    ids
        The piece after the symbols before it, [N].
    logits
        The logits for its last n symbols, float32[n, V].
    """

    ids: Ids
    logits: NDArray[np.float32]


def fitted(
    mixture: Callable[[Weights], Mixture], start: Weights, slices: Sequence[Slice]
) -> Weights:
    """Return the mean of the weights in passes over all slices, with a rate that decays to zero."""
    weights = Weights(*(each.copy() for each in start))
    total = Weights(*(np.zeros_like(each) for each in start))
    mixing = mixture(weights)
    texts = [each.ids.astype(np.int64) for each in slices]
    for turn in range(_PASSES):
        rate = _FIRST_RATE * (1 - turn / _PASSES)
        for each, text in zip(slices, texts, strict=True):
            n = len(each.logits)
            ends = np.arange(len(each.ids) - n, len(each.ids))
            read_nats(mixing, text, ends, each.logits, rate, False, np.empty(n))
            for total_of, weight in zip(total, weights, strict=True):
                total_of += weight
    return Weights(*(each / (_PASSES * len(slices)) for each in total))

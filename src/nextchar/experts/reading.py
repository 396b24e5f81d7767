"""Reading of a text with a mixture: predictions, and the learning from each symbol after them.

Shapes: N symbols of text, n predictions, V vocabulary size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled_without_allocation
from nextchar.experts.mixing import Mixture, learn_counts, learn_weights, mix


@compiled_without_allocation
def read_nats(
    mixture: Mixture,
    ids: NDArray[np.int64],
    ends: NDArray[np.int64],
    logits: NDArray[np.float32],
    rate: float,
    counting: bool,
    nats: NDArray[np.float64],
) -> None:
    """Write the nats of the symbols at some positions of a text into ``nats`` [n].

    Parameters
    ----------
    mixture
        Its additions have room.
    ids, ends
        The text [N], and the positions [n].
    logits
        The logits of the network for them, [n, V].
    rate
        The learning rate of the weights after each symbol; 0 keeps them.
    counting
        Whether each symbol is counted after its prediction.
    """
    for n in range(ends.size):
        mix(mixture, ids, ends[n], logits[n])
        symbol = np.int64(ids[ends[n]])
        nats[n] = -np.float64(mixture.mixed[symbol])
        _learn(mixture, symbol, rate, counting)


@compiled_without_allocation
def read_predictions(
    mixture: Mixture,
    ids: NDArray[np.int64],
    ends: NDArray[np.int64],
    logits: NDArray[np.float32],
    rate: float,
    counting: bool,
    predictions: NDArray[np.float32],
) -> None:
    """Write ln p of all symbols into ``predictions`` [n, V]; otherwise as ``read_nats``."""
    for n in range(ends.size):
        mix(mixture, ids, ends[n], logits[n])
        for v in range(mixture.mixed.size):
            predictions[n, v] = mixture.mixed[v]
        _learn(mixture, np.int64(ids[ends[n]]), rate, counting)


@compiled_without_allocation
def _learn(mixture: Mixture, symbol: np.int64, rate: float, counting: bool) -> None:
    if rate > 0:
        learn_weights(mixture, symbol, rate)
    if counting:
        learn_counts(mixture, symbol)

"""The surprisal of each symbol of a text, and the most probable alternatives.

The first symbol of a text has no prediction.

Shapes: N symbols of text, V vocabulary size, K alternatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextchar.errors import NonFiniteLossError
from nextchar.evaluation.exact import Predictions


@dataclass(frozen=True, kw_only=True)
class Surprisal:
    """The predictions of a text, in order; the first symbol has none.

    Attributes
    ----------
    nats
        −log p of each symbol, float64[N]; 0 for the first.
    entropy
        Entropy of each prediction in nats, float64[N]; 0 for the first.
    expected
        The K most probable symbols, most probable first, int32[N, K]; −1 for the first.
    probabilities
        The probabilities of ``expected``, float32[N, K]; 0 for the first.
    """

    nats: NDArray[np.float64]
    entropy: NDArray[np.float64]
    expected: NDArray[np.int32]
    probabilities: NDArray[np.float32]


def measure_surprisal(predictions: Predictions, symbols: int, alternatives: int) -> Surprisal:
    """Collect surprisal, entropy and alternatives; memory is 16 + 8 K bytes per symbol.

    Parameters
    ----------
    predictions
        The N − 1 predictions of a text.
    symbols
        N.
    alternatives
        K, at most the size of the vocabulary.

    Raises
    ------
    NonFiniteLossError
        The network's logits are not finite numbers.
    """
    surprisal = Surprisal(
        nats=np.zeros(symbols),
        entropy=np.zeros(symbols),
        expected=np.full((symbols, alternatives), -1, np.int32),
        probabilities=np.zeros((symbols, alternatives), np.float32),
    )
    start = 1
    for logits, ids in predictions:
        targets = ids[1:]
        logs = logits.float().log_softmax(-1)
        if bool(logs.isnan().any()):
            raise NonFiniteLossError(
                "the network's logits are not finite numbers: it has diverged and cannot score text"
            )
        here = slice(start, start + len(targets))
        nats = -logs.gather(-1, targets.unsqueeze(-1)).squeeze(-1).double()
        entropy = -(logs.exp() * logs.clamp(min=-1e4)).sum(-1).double()
        surprisal.nats[here] = nats.cpu().numpy()
        surprisal.entropy[here] = entropy.cpu().numpy()
        if alternatives > 0:
            top = logs.topk(alternatives)
            surprisal.expected[here] = top.indices.cpu().numpy()
            surprisal.probabilities[here] = top.values.exp().cpu().numpy()
        start += len(targets)
    return surprisal

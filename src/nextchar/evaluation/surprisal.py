"""The surprisal of each symbol of a text, and the most probable alternatives.

The first symbol of a text has no prediction.

Shapes: N symbols of text, V vocabulary size, K alternatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from nextchar.errors import NonFiniteLossError
from nextchar.evaluation.exact import Predictions


@dataclass(frozen=True, kw_only=True)
class Surprisal:
    """The N − 1 predictions of a text, in order; the first symbol has none.

    Attributes
    ----------
    nats
        −log p of each symbol, float64[N − 1].
    entropy
        Entropy of each prediction in nats, float64[N − 1].
    expected
        The K most probable symbols, most probable first, int64[N − 1, K].
    probabilities
        The probabilities of ``expected``, float32[N − 1, K].
    """

    nats: NDArray[np.float64]
    entropy: NDArray[np.float64]
    expected: NDArray[np.int64]
    probabilities: NDArray[np.float32]


def measure_surprisal(predictions: Predictions, alternatives: int) -> Surprisal:
    """Collect surprisal, entropy and alternatives from predictions; memory grows with N · K.

    Raises
    ------
    NonFiniteLossError
        The network's logits are not finite numbers.
    """
    nats, entropy, expected, probabilities = [], [], [], []
    for logits, targets in predictions:
        logs = logits.float().log_softmax(-1)
        if bool(logs.isnan().any()):
            raise NonFiniteLossError(
                "the network's logits are not finite numbers: it has diverged and cannot score text"
            )
        top = logs.topk(min(alternatives, logs.shape[-1]))
        nats.append(-logs.gather(-1, targets.unsqueeze(-1)).squeeze(-1).double())
        entropy.append(-(logs.exp() * logs.clamp(min=-1e4)).sum(-1).double())
        expected.append(top.indices)
        probabilities.append(top.values.exp())
    return Surprisal(
        nats=torch.cat(nats).cpu().numpy(),
        entropy=torch.cat(entropy).cpu().numpy(),
        expected=torch.cat(expected).cpu().numpy(),
        probabilities=torch.cat(probabilities).cpu().numpy(),
    )

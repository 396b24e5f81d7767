"""How surprising each symbol of a text is, and what was expected instead.

N symbols of text, V vocabulary size, K alternatives. The first symbol of a text has no
prediction. Works on ids and knows no text.
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
    """What N − 1 predictions said, in the order of the text; the first symbol has none.

    Attributes
    ----------
    nats
        −log p of each symbol, float64[N − 1].
    entropy
        The nats that the network expected a symbol at this place to have, float64[N − 1].
    expected
        The K most probable symbols, the likeliest first, int64[N − 1, K].
    probabilities
        Theirs, float32[N − 1, K].
    """

    nats: NDArray[np.float64]
    entropy: NDArray[np.float64]
    expected: NDArray[np.int64]
    probabilities: NDArray[np.float32]


def measure_surprisal(predictions: Predictions, alternatives: int) -> Surprisal:
    """Take from each prediction what is worth keeping; memory grows with N · K."""
    nats, entropy, expected, probabilities = [], [], [], []
    for logits, targets in predictions:
        logs = logits.float().log_softmax(-1)
        if bool(logs.isnan().any()):
            raise NonFiniteLossError(
                "the network's logits are not finite numbers: it has diverged, and scores nothing"
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

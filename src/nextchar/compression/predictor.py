"""Predictions that are the same bit for bit whenever they are made.

Only compiled code that runs in one thread has a part in them, and both directions of coding go
through the same function: two compilations of one source may add in another order.

Shapes: B streams, V vocabulary size, C columns: V, but at least 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled
from nextchar.errors import ConfigError
from nextchar.experts.streams import MixedStreams
from nextchar.generation.compiled.packing import make_memory, pack
from nextchar.generation.compiled.step import Weights, step
from nextchar.generation.engine import MixtureUse
from nextchar.generation.plain import not_finite
from nextchar.nn.kernels.elementary import exp
from nextchar.nn.network import Network
from nextchar.nn.threads import one_thread
from nextchar.text.vocabulary import Ids

Probabilities = NDArray[np.float32]

# The entropy coder takes no distribution over a single symbol; it gets a second one, of weight 0.
_FEWEST_COLUMNS = 2


class Predictor:
    """Reads B streams side by side and predicts the next symbol of each.

    Parameters
    ----------
    network
        Of float32, on the CPU; its weights are copied.
    context
        The symbol after which each stream begins.
    streams
        B.
    mixture
        The experts to mix with the network, and their use. Adaptive experts learn from all streams.

    Attributes
    ----------
    streams, vocabulary_size, columns
        B, V, C.
    weights
        As the compiled step reads them.

    Raises
    ------
    ConfigError
        The network is of another type or on another device.
    """

    def __init__(
        self,
        network: Network,
        context: int,
        streams: int,
        mixture: MixtureUse = (None, "none"),
    ) -> None:
        weight = network.head.weight
        if weight.device.type != "cpu" or weight.dtype != torch.float32:
            raise ConfigError(
                f"compression takes a float32 network on the CPU; got {weight.dtype} on "
                f"{weight.device}"
            )
        self.streams = streams
        self.vocabulary_size = network.vocabulary_size
        self.columns = max(self.vocabulary_size, _FEWEST_COLUMNS)
        with one_thread():  # the number of threads may change the last bits of a product
            self.weights: Weights = pack(network)
        self._network = network
        self._context = context
        self._experts, self._use = mixture

    def predict(self, rows: Iterable[Ids]) -> Iterator[Probabilities]:
        """Predict each row of symbols [B], of T rows, from those before it.

        A row is read when the prediction of the next one is asked for, so that it may be filled
        in until then.

        Yields
        ------
        Probabilities
            Weights of the symbols that are 1 at the most probable one, float32[B, C]; they are
            overwritten by the next ones.

        Raises
        ------
        NextcharError
            The network's logits are not finite numbers.
        """
        logits = torch.zeros(self.streams, self.vocabulary_size)
        state = self._network.stack.initial_state(self.streams)  # The context comes after it.
        memory = make_memory(self.weights, logits, state)
        probabilities = np.zeros((self.streams, self.columns), np.float32)
        before = np.full(self.streams, self._context)
        mixed = self._mixed(before)
        for row in rows:
            step(self.weights, memory, before)
            alone = memory.logits[0]
            predicted = alone if mixed is None else mixed.predict(alone)
            if not _weigh(predicted, probabilities):
                raise not_finite()
            yield probabilities
            before = row.astype(np.int64)
            if mixed is not None:
                mixed.read(before)

    def _mixed(self, before: NDArray[np.int64]) -> MixedStreams | None:
        """Return the streams as the experts read them, after their first symbols [B]."""
        if self._experts is None:
            return None
        return MixedStreams(self._experts, before, self._use)


@compiled
def _weigh(logits: NDArray[np.float32], probabilities: Probabilities) -> bool:
    """Set the weights of the symbols from logits [B, V]; return whether all are finite."""
    finite = True
    for b in range(len(logits)):
        highest = logits[b, 0]
        for v in range(logits.shape[1]):
            finite = finite and np.isfinite(logits[b, v])
            highest = max(highest, logits[b, v])
        for v in range(logits.shape[1]):
            probabilities[b, v] = exp(logits[b, v] - highest)
    return finite

"""Predictions that are the same bit for bit whenever they are made.

Only compiled code that runs in one thread has a part in them, and both directions of coding go
through the same function: two compilations of one source may add in another order.

Shapes: B streams, V vocabulary size, C columns: V, but at least 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled
from nextchar.errors import ConfigError
from nextchar.generation.compiled.packing import make_memory, pack
from nextchar.generation.compiled.step import Buffers, Weights, step
from nextchar.generation.plain import not_finite
from nextchar.nn.kernels.elementary import exp
from nextchar.nn.network import Network
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

    def __init__(self, network: Network, context: int, streams: int) -> None:
        weight = network.head.weight
        if weight.device.type != "cpu" or weight.dtype != torch.float32:
            raise ConfigError(
                f"compression takes a float32 network on the CPU; got {weight.dtype} on "
                f"{weight.device}"
            )
        self.streams = streams
        self.vocabulary_size = network.vocabulary_size
        self.columns = max(self.vocabulary_size, _FEWEST_COLUMNS)
        with _one_thread():
            self.weights: Weights = pack(network)
        self._network = network
        self._context = context

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
        before: NDArray[np.integer] = np.full(self.streams, self._context)
        for row in rows:
            if not _read(self.weights, memory, before.astype(np.int64), probabilities):
                raise not_finite()
            yield probabilities
            before = row


@compiled
def _read(
    weights: Weights, memory: Buffers, symbols: NDArray[np.int64], probabilities: Probabilities
) -> bool:
    """Read a symbol of each stream [B] and predict the next; False where logits are no numbers."""
    step(weights, memory, symbols)
    finite = True
    for b in range(symbols.size):
        logits = memory.logits[0, b]
        highest = logits[0]
        for v in range(logits.size):
            finite = finite and np.isfinite(logits[v])
            highest = max(highest, logits[v])
        for v in range(logits.size):
            probabilities[b, v] = exp(logits[v] - highest)
    return finite


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute in one thread: how many share a product may change its last bits."""
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)

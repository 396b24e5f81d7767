"""Evaluation in parallel streams: nearly the exact nats, many times as fast.

The text is read in blocks, and each block is split into S streams of equal length. The first stream
continues with the final state of the previous block. Every other stream reads a few symbols before
its start as a warm-up, which brings its state close to the carried one. Only the context before the
warm-up is lost, which matters only shortly after each split.

Shapes: N symbols of text with N − 1 predictions, T symbols per window, S streams, V vocabulary
size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.evaluation.exact import nats_of, overlapping_pieces, tensor_of
from nextchar.experts import REACH
from nextchar.following import report_symbols
from nextchar.nn.network import Network, State
from nextchar.nn.precision import Arithmetic, computing_in
from nextchar.text.vocabulary import Ids

STREAMS = 128
WARM_UP = 128
LONGEST_STREAM = 4096
SHORTEST_STREAM = 4 * WARM_UP

# Returns the nats of a window: of the symbols at some positions [T, S] of a block, from the logits
# [T, S, V]. The block begins at a place of the text, after some symbols of the block before it.
Measure: TypeAlias = Callable[[Ids, int, Tensor, NDArray[np.int64]], float]
# Short windows keep the outputs of a layer in the cache for the next layer.
_SYMBOLS_AT_ONCE, _LOGITS_AT_ONCE = 64, 1 << 21


def nats_parallel(
    network: Network,
    chunks: Iterable[Ids],
    *,
    streams: int = STREAMS,
    warm_up: int = WARM_UP,
    longest: int = LONGEST_STREAM,
    arithmetic: Arithmetic = "float32",
    measure: Measure | None = None,
) -> float:
    """Sum the nats of a text that is split into parallel streams.

    On trained models the sum differs from that of ``nats_sequential`` by less than 0.0001 bits per
    symbol in float32, and by about as much in bfloat16 (benchmarks/validation.py). Memory does not
    grow with the text. A text too short for two streams is read in order.

    Parameters
    ----------
    network
        Switched to evaluation mode.
    chunks
        The ids of the text, in pieces of any size.
    streams
        Maximum number of streams in a block.
    warm_up
        Number of symbols that each stream reads before its first scored prediction.
    longest
        Maximum length of a stream.
    arithmetic
        Arithmetic of the matrix products.
    measure
        Returns the nats of a window; by default those of the network.
    """
    network.eval()
    total = 0.0
    state: State | None = None
    before: Ids = np.empty(0, np.uint8)
    device = next(network.parameters()).device
    with torch.inference_mode(), computing_in(arithmetic, device):
        for ids in overlapping_pieces(chunks, streams * longest):
            predictions = len(ids) - 1
            count = max(1, min(streams, predictions // max(SHORTEST_STREAM, 2 * warm_up)))
            length = predictions // count
            starts = np.arange(count) * length
            state = state or network.initial_state(1, int(ids[0]))
            if count > 1:
                state = _warm_up_states(network, ids, starts, warm_up, state)
            text = np.concatenate((before, ids))
            here = partial(measure or _network_nats, text, len(before))
            nats, state = _read(network, ids, starts, length, state, here)
            state = tuple(tuple(part[-1:] for part in cell) for cell in state)
            # The last stream also reads the remainder of the division.
            rest_starts = starts[:1] + count * length
            rest, state = _read(network, ids, rest_starts, predictions % count, state, here)
            total += nats + rest
            before = text[:-1][-REACH:]  # the last symbol begins the next block
    return total


def _network_nats(text: Ids, first: int, logits: Tensor, positions: NDArray[np.int64]) -> float:
    targets = torch.from_numpy(text[first + positions].astype(np.int64)).to(logits.device)
    return nats_of(logits, targets)


def _warm_up_states(
    network: Network, ids: Ids, starts: NDArray[np.int64], warm_up: int, first: State
) -> State:
    """Return the initial states of all streams after the warm-up; the first one is known."""
    state = network.initial_state(len(starts) - 1)
    if warm_up > 0:
        _, state = _read(network, ids, starts[1:] - warm_up, warm_up, state, None)
    return tuple(
        tuple(torch.cat((known, part)) for known, part in zip(*cells, strict=True))
        for cells in zip(first, state, strict=True)
    )


def _read(
    network: Network,
    ids: Ids,
    starts: NDArray[np.int64],
    length: int,
    state: State,
    measure: Callable[[Tensor, NDArray[np.int64]], float] | None,
) -> tuple[float, State]:
    """Read ``length`` symbols of each stream from ``starts``; return total nats and states."""
    total = 0.0
    fitting = _LOGITS_AT_ONCE // (len(starts) * network.vocabulary_size)
    at_once = max(1, min(_SYMBOLS_AT_ONCE, fitting))
    for first in range(0, length, at_once):
        positions = starts + np.arange(first, min(first + at_once, length))[:, None]
        logits, state = network(tensor_of(network, ids[positions]), state)
        if measure is not None:
            total += measure(logits, positions + 1)
        report_symbols(positions.size)
    return total, state

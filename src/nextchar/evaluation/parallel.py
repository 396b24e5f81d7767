"""A text in parallel streams: nearly the nats of reading it in order, many times as fast.

The text is read in blocks, and a block is cut into S streams of equal length. All but the first
begin a little earlier than they count, so that their state is nearly the carried one; the first
goes on from where the block before ended. What is lost is the context that reaches back further
than the warm-up, for a short while after each of S cuts.

N symbols of text, T symbols at once, S streams, V vocabulary size. N symbols have N − 1
predictions.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from nextchar.evaluation.exact import nats_of, overlapping_pieces, tensor_of
from nextchar.following import report_symbols
from nextchar.nn.network import Network, State
from nextchar.nn.precision import Arithmetic, computing_in
from nextchar.text.vocabulary import Ids

STREAMS = 128
WARM_UP = 128
LONGEST_STREAM = 4096
SHORTEST_STREAM = 4 * WARM_UP

# Short windows: what a layer gives is still in the cache when the next one takes it.
_SYMBOLS_AT_ONCE, _LOGITS_AT_ONCE = 64, 1 << 21


def nats_parallel(
    network: Network,
    chunks: Iterable[Ids],
    *,
    streams: int = STREAMS,
    warm_up: int = WARM_UP,
    longest: int = LONGEST_STREAM,
    arithmetic: Arithmetic = "float32",
) -> float:
    """Sum the nats of a text that is cut into parallel streams.

    On trained models the sum differs from that of ``nats_sequential`` by less than 0.0001 bits a
    symbol in float32, and by about that in bfloat16 (benchmarks/validation.py). Memory does not
    grow with the text. A text too short for two streams is read in order.

    Parameters
    ----------
    network
        Set to evaluation mode.
    chunks
        The text's ids, in pieces of any size.
    streams, warm_up, longest
        The most streams of a block, the symbols that each reads before it counts, and the length
        of a stream where the text is long enough.
    arithmetic
        Of the products.
    """
    network.eval()
    total = 0.0
    state: State | None = None
    device = next(network.parameters()).device
    with torch.inference_mode(), computing_in(arithmetic, device):
        for ids in overlapping_pieces(chunks, streams * longest):
            predictions = len(ids) - 1
            count = max(1, min(streams, predictions // max(SHORTEST_STREAM, 2 * warm_up)))
            length = predictions // count
            starts = np.arange(count) * length
            state = state or network.initial_state(1, int(ids[0]))
            if count > 1:
                state = _warmed(network, ids, starts, warm_up, state)
            nats, state = _read(network, ids, starts, length, state)
            state = tuple(tuple(part[-1:] for part in cell) for cell in state)
            # what does not divide, read by the stream that has come to it
            rest, state = _read(
                network, ids, starts[:1] + count * length, predictions % count, state
            )
            total += nats + rest
    return total


def _warmed(
    network: Network, ids: Ids, starts: NDArray[np.int64], warm_up: int, first: State
) -> State:
    """Give the states of all streams at their starts; that of the first is known."""
    state = network.initial_state(len(starts) - 1)
    if warm_up > 0:
        _, state = _read(network, ids, starts[1:] - warm_up, warm_up, state)
    return tuple(
        tuple(torch.cat((known, part)) for known, part in zip(*cells, strict=True))
        for cells in zip(first, state, strict=True)
    )


def _read(
    network: Network, ids: Ids, starts: NDArray[np.int64], length: int, state: State
) -> tuple[float, State]:
    """Read ``length`` symbols of streams that begin at ``starts``; give their nats and states."""
    total = 0.0
    fitting = _LOGITS_AT_ONCE // (len(starts) * network.vocabulary_size)
    at_once = max(1, min(_SYMBOLS_AT_ONCE, fitting))
    for first in range(0, length, at_once):
        positions = starts + np.arange(first, min(first + at_once, length))[:, None]
        logits, state = network(tensor_of(network, ids[positions]), state)
        total += nats_of(logits, tensor_of(network, ids[positions + 1]))
        report_symbols(positions.size)
    return total, state

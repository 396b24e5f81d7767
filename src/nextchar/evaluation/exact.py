"""Exact evaluation of a text in order: the sum of nats over its ids.

The first symbol of a text is context only, so N symbols have N − 1 predictions.

Shapes: N symbols of text, T symbols per window, V vocabulary size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nextchar.following import report_symbols
from nextchar.nn.network import Network, State, clear
from nextchar.text.vocabulary import Ids

SYMBOLS_AT_ONCE = 4096

# Consecutive pieces of a text: logits [n, V], and the symbols int64[n + 1]: the one before the
# predictions, and those that were predicted.
Predictions: TypeAlias = Iterator[tuple[Tensor, Tensor]]


def nats_sequential(network: Network, chunks: Iterable[Ids]) -> float:
    """Sum the nats of a text, read once from its start with a carried state.

    The result is exact, and memory does not grow with the text.

    Parameters
    ----------
    network
        Switched to evaluation mode.
    chunks
        The ids of the text, in pieces of any size.
    """
    return sum_nats(read_in_order(network, chunks))


def nats_windowed(network: Network, chunks: Iterable[Ids], *, window: int) -> float:
    """Sum the nats of a text, and reset the state before every ``window`` predictions.

    This is the protocol of models with a fixed context. The first prediction of a window sees one
    symbol, the last one sees ``window`` symbols.
    """
    if window > SYMBOLS_AT_ONCE:
        return sum_nats(read_in_order(network, chunks, window=window))
    network.eval()
    total, held = 0.0, np.empty(0, dtype=np.int64)
    for piece in _pieces(chunks):
        held = np.concatenate([held, piece.astype(np.int64)])
        whole = (len(held) - 1) // window
        if whole > 0:
            total += _windows_nats(network, held[: whole * window + 1], whole)
            held = held[whole * window :]
    return total + (_windows_nats(network, held, 1) if len(held) > 1 else 0.0)


def read_in_order(
    network: Network, chunks: Iterable[Ids], *, window: int | None = None
) -> Predictions:
    """Yield the predictions of one stream; reset the state every ``window`` symbols, if given."""
    network.eval()
    state: State | None = None
    left = window
    for piece in overlapping_pieces(chunks, SYMBOLS_AT_ONCE):
        ids = tensor_of(network, piece)
        while len(ids) > 1:
            part = ids[: left + 1 if left is not None else None].unsqueeze(1)
            with torch.inference_mode():
                before = state or network.initial_state(1, int(ids[0]))
                logits, state = network(part[:-1], before)
            yield logits.squeeze(1), part.squeeze(1)
            report_symbols(len(part) - 1)
            ids = ids[len(part) - 1 :]
            if left is not None:
                left -= len(part) - 1
            if left == 0:
                state, left = None, window


def sum_nats(predictions: Predictions) -> float:
    """Return the total nats of the predictions."""
    return sum(nats_of(logits, ids[1:]) for logits, ids in predictions)


def overlapping_pieces(chunks: Iterable[Ids], predictions: int) -> Iterator[Ids]:
    """Split a text into pieces with a given maximum of predictions, overlapping by one symbol."""
    held: Ids | None = None
    for chunk in chunks:
        for start in range(0, len(chunk), predictions):
            piece = np.asarray(chunk[start : start + predictions])
            held = piece if held is None else np.concatenate((held, piece))
            if len(held) > predictions:
                yield held[: predictions + 1]
                held = held[predictions:]
    if held is not None and len(held) > 1:
        yield held


def _windows_nats(network: Network, ids: NDArray[np.int64], windows: int) -> float:
    """Return the total nats of consecutive windows of equal length, ids [windows · T + 1]."""
    tensor = tensor_of(network, ids)
    inputs, targets = (part.view(windows, -1).T for part in (tensor[:-1], tensor[1:]))
    with torch.inference_mode():
        state = network.initial_state(windows)
        if network.begins_after is not None:  # that symbol resets the state to zeros
            state = clear(state, inputs[0] == network.begins_after)
        logits, _ = network(inputs.contiguous(), state)
        report_symbols(inputs.numel())
        return nats_of(logits, targets)


def _pieces(chunks: Iterable[Ids]) -> Iterator[Ids]:
    """Split chunks into pieces of at most ``SYMBOLS_AT_ONCE`` symbols."""
    for chunk in chunks:
        for start in range(0, len(chunk), SYMBOLS_AT_ONCE):
            yield np.asarray(chunk[start : start + SYMBOLS_AT_ONCE])


def tensor_of(network: Network, ids: NDArray[Any]) -> Tensor:
    """Return ids as an int64 tensor on the network's device."""
    return torch.from_numpy(ids.astype(np.int64)).to(next(network.parameters()).device)


def nats_of(logits: Tensor, targets: Tensor) -> float:
    """Return the total cross-entropy of logits [..., V], summed in float64 for accuracy."""
    nats = functional.cross_entropy(logits.flatten(end_dim=-2), targets.flatten(), reduction="none")
    return float(nats.double().sum())

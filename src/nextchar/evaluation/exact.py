"""How probable a network finds a text, read in order: sums of nats over ids.

N symbols of text, T symbols at once, V vocabulary size. The first symbol of a text is context
only: N symbols have N − 1 predictions. Works on ids and knows no text.
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

# Pieces of a text in order: logits [n, V], and the symbols int64[n] that they predict.
Predictions: TypeAlias = Iterator[tuple[Tensor, Tensor]]


def nats_sequential(network: Network, chunks: Iterable[Ids]) -> float:
    """Sum the nats of a text that is read once from its start, with carried state.

    Exact, and in memory that does not grow with the text.

    Parameters
    ----------
    network
        Set to evaluation mode.
    chunks
        The text's ids, in pieces of any size.
    """
    return sum_nats(read_in_order(network, chunks))


def nats_windowed(network: Network, chunks: Iterable[Ids], *, window: int) -> float:
    """Sum the nats of a text with the state cleared before every ``window`` predictions.

    The protocol of models with a fixed context: each window of inputs starts from nothing, so
    its first prediction sees one symbol, its last ``window`` of them.
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
    """Read one stream, clearing its state before every ``window`` predictions, or never."""
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
            yield logits.squeeze(1), part[1:].squeeze(1)
            report_symbols(len(part) - 1)
            ids = ids[len(part) - 1 :]
            if left is not None:
                left -= len(part) - 1
            if left == 0:
                state, left = None, window


def sum_nats(predictions: Predictions) -> float:
    """Sum the nats of predictions."""
    return sum(nats_of(logits, targets) for logits, targets in predictions)


def overlapping_pieces(chunks: Iterable[Ids], predictions: int) -> Iterator[Ids]:
    """Cut a text into pieces of at most so many predictions, each one symbol into the next."""
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
    """Sum over ``windows`` equal windows that lie side by side in ids [windows · T + 1]."""
    tensor = tensor_of(network, ids)
    inputs, targets = (part.view(windows, -1).T for part in (tensor[:-1], tensor[1:]))
    with torch.inference_mode():
        state = network.initial_state(windows)
        if network.begins_after is not None:  # Who begins with that symbol begins from zeros.
            state = clear(state, inputs[0] == network.begins_after)
        logits, _ = network(inputs.contiguous(), state)
        report_symbols(inputs.numel())
        return nats_of(logits, targets)


def _pieces(chunks: Iterable[Ids]) -> Iterator[Ids]:
    """Cut chunks into pieces of at most ``SYMBOLS_AT_ONCE`` symbols."""
    for chunk in chunks:
        for start in range(0, len(chunk), SYMBOLS_AT_ONCE):
            yield np.asarray(chunk[start : start + SYMBOLS_AT_ONCE])


def tensor_of(network: Network, ids: NDArray[Any]) -> Tensor:
    """Give ids as int64 on the device of the network."""
    return torch.from_numpy(ids.astype(np.int64)).to(next(network.parameters()).device)


def nats_of(logits: Tensor, targets: Tensor) -> float:
    """Sum the cross-entropy of logits [..., V], in float64 so that a long text loses nothing."""
    nats = functional.cross_entropy(logits.flatten(end_dim=-2), targets.flatten(), reduction="none")
    return float(nats.double().sum())

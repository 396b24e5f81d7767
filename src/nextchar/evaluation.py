"""How probable a network finds a text: sums of nats over ids.

N symbols of text, T symbols at once, S parallel streams, V vocabulary size. The first symbol of
a text is context only: N symbols have N − 1 predictions. Works on ids and knows no text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nextchar.nn.network import Network, State
from nextchar.text.vocabulary import Ids


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How well a model predicts a text.

    Attributes
    ----------
    nats
        The sum over all predictions.
    unit
        What one symbol is: ``char``, ``byte`` or ``jamo``.
    symbols
        Predictions made; the first symbol of the text is context only.
    characters
        Original characters among them: what ``nats_per_char`` and ``bits_per_char`` count, so
        that vocabularies compare.
    unknown_symbols
        Predictions of ``<unk>``: they count as any other symbol, and cost too little, since one
        symbol stands for many.
    skipped_symbols
        Symbols left out of the text because the vocabulary does not have them.
    compressed_bits_per_char
        What xz, bz2 and gzip reach on the same text, by name; empty if not asked for.
    seconds
        Time that the evaluation took.
    """

    nats: float
    unit: str
    symbols: int
    characters: int
    unknown_symbols: int
    skipped_symbols: int
    compressed_bits_per_char: Mapping[str, float]
    seconds: float

    @property
    def nats_per_char(self) -> float:
        """Mean nats an original character."""
        return self.nats / self.characters

    @property
    def bits_per_char(self) -> float:
        """Mean bits an original character."""
        return self.nats_per_char / math.log(2)

    @property
    def perplexity(self) -> float:
        """Perplexity an original character, ``exp(nats_per_char)``."""
        return perplexity(self.nats_per_char)

    @property
    def bits_per_symbol(self) -> float:
        """Mean bits a symbol: a character, a byte or a jamo."""
        return self.nats / self.symbols / math.log(2)

    def to_dict(self) -> dict[str, Any]:
        """Give the figures by name, each name with its unit."""
        figures: dict[str, Any] = {
            "nats_per_char": self.nats_per_char,
            "bits_per_char": self.bits_per_char,
            "perplexity": self.perplexity,
            "characters": self.characters,
            "seconds": round(self.seconds, 3),
            "chars_per_second": round(self.characters / max(self.seconds, 1e-9), 1),
            "unknown_symbols": self.unknown_symbols,
            "skipped_symbols": self.skipped_symbols,
        }
        if self.unit != "char":
            figures[f"bits_per_{self.unit}"] = self.bits_per_symbol
            figures[f"{self.unit}_symbols"] = self.symbols
        if self.compressed_bits_per_char:
            figures["compressed_bits_per_char"] = dict(self.compressed_bits_per_char)
        return figures


SYMBOLS_AT_ONCE = 4096


def perplexity(nats: float) -> float:
    """Give ``exp(nats)``; infinity where that is beyond a float."""
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf


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
    return _nats_in_order(network, chunks, window=None)


def nats_parallel(
    network: Network,
    ids: Ids,
    *,
    streams: int,
    warm_up: int,
    check: Callable[[], None] | None = None,
) -> float:
    """Sum the nats of a text that is cut into parallel streams.

    Each stream first reads ``warm_up`` symbols before its part, uncounted, so that its state is
    nearly the carried one. Faster than ``nats_sequential`` and close to it; how close depends on
    how far back the network remembers.

    Parameters
    ----------
    ids
        The whole text, shape [N]; a memory map is read in pieces.
    streams, warm_up
        S, and the symbols that each stream reads before it counts.
    check
        Called before each piece of the ids is read; raises if they may not be read any more.
    """
    network.eval()
    check = check or _nothing
    predictions = len(ids) - 1
    length = -(-predictions // streams)
    if length <= warm_up:
        check()
        return nats_sequential(network, [ids])
    starts = np.minimum(np.arange(streams) * length, predictions)
    ends = np.minimum(starts + length, predictions)
    state = network.initial_state(streams)
    for inputs, _, _ in _columns(network, ids, starts, ends, range(-warm_up, 0), check):
        with torch.inference_mode():
            _, state = network(inputs, state)
    # Nothing stands before the first stream: what it read there was padding.
    state = _with_fresh_first_stream(network, state)
    total = 0.0
    for inputs, targets, counted in _columns(network, ids, starts, ends, range(length), check):
        with torch.inference_mode():
            logits, state = network(inputs, state)
            total += _nats(logits, targets, counted)
    return total


def _columns(
    network: Network,
    ids: Ids,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    steps: range,
    check: Callable[[], None],
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Give inputs, targets and which of them count, [T, S] each, of S streams over ``steps``."""
    at_once = max(1, SYMBOLS_AT_ONCE // len(starts))
    for first in range(steps.start, steps.stop, at_once):
        offsets = np.arange(first, min(first + at_once, steps.stop))[:, None]
        positions = starts + offsets
        counted = torch.from_numpy(positions < ends)
        positions = np.clip(positions, 0, len(ids) - 2)
        check()
        inputs, targets = _tensor(network, ids[positions]), _tensor(network, ids[positions + 1])
        yield inputs, targets, counted.to(inputs.device)


def _nothing() -> None:
    pass


def _with_fresh_first_stream(network: Network, state: State) -> State:
    fresh = network.initial_state(1)
    return tuple(
        tuple(
            torch.cat([first.to(rest.dtype), rest[1:]])
            for first, rest in zip(fresh_cell, cell, strict=True)
        )
        for fresh_cell, cell in zip(fresh, state, strict=True)
    )


def nats_windowed(network: Network, chunks: Iterable[Ids], *, window: int) -> float:
    """Sum the nats of a text with the state cleared before every ``window`` predictions.

    The protocol of models with a fixed context: each window of inputs starts from nothing, so
    its first prediction sees one symbol, its last ``window`` of them.
    """
    if window > SYMBOLS_AT_ONCE:
        return _nats_in_order(network, chunks, window=window)
    network.eval()
    total, held = 0.0, np.empty(0, dtype=np.int64)
    for piece in _pieces(chunks):
        held = np.concatenate([held, piece.astype(np.int64)])
        whole = (len(held) - 1) // window
        if whole > 0:
            total += _windows_nats(network, held[: whole * window + 1], whole)
            held = held[whole * window :]
    return total + (_windows_nats(network, held, 1) if len(held) > 1 else 0.0)


def _nats_in_order(network: Network, chunks: Iterable[Ids], *, window: int | None) -> float:
    """Read one stream, clearing its state before every ``window`` predictions, or never."""
    network.eval()
    total, state, previous, left = 0.0, network.initial_state(1), None, window
    for piece in _pieces(chunks):
        ids = _tensor(network, piece if previous is None else np.concatenate([previous, piece]))
        previous = piece[-1:]
        while len(ids) > 1:
            part = ids[: left + 1 if left is not None else None].unsqueeze(1)
            with torch.inference_mode():
                logits, state = network(part[:-1], state)
                total += _nats(logits, part[1:])
            ids = ids[len(part) - 1 :]
            if left is not None:
                left -= len(part) - 1
            if left == 0:
                state, left = network.initial_state(1), window
    return total


def _windows_nats(network: Network, ids: NDArray[np.int64], windows: int) -> float:
    """Sum over ``windows`` equal windows that lie side by side in ids [windows · T + 1]."""
    tensor = _tensor(network, ids)
    inputs, targets = (part.view(windows, -1).T for part in (tensor[:-1], tensor[1:]))
    with torch.inference_mode():
        logits, _ = network(inputs.contiguous(), network.initial_state(windows))
        return _nats(logits, targets)


def _pieces(chunks: Iterable[Ids]) -> Iterator[Ids]:
    """Cut chunks into pieces of at most ``SYMBOLS_AT_ONCE`` symbols."""
    for chunk in chunks:
        for start in range(0, len(chunk), SYMBOLS_AT_ONCE):
            yield np.asarray(chunk[start : start + SYMBOLS_AT_ONCE])


def _tensor(network: Network, ids: NDArray[Any]) -> Tensor:
    return torch.from_numpy(ids.astype(np.int64)).to(next(network.parameters()).device)


def _nats(logits: Tensor, targets: Tensor, counted: Tensor | None = None) -> float:
    """Sum the cross-entropy, in float64 so that a long text loses nothing."""
    nats = functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), reduction="none"
    ).double()
    return float(nats.sum() if counted is None else nats[counted.flatten()].sum())

"""Negative log-likelihoods of whole texts, in nats, including the end of each.

Shapes: T time steps of the longest item, B items of a batch, N items, D elements of a condition,
V vocabulary size. Time first.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nextchar.nn.network import Network
from nextchar.tasks.conditioning.network import ConditionalNetwork
from nextchar.tasks.examples import ItemBatch
from nextchar.text.batches import by_length
from nextchar.text.sequences import Sequences
from nextchar.text.streams import NO_TARGET
from nextchar.training.objective import on_device

_MOST_SYMBOLS = 1 << 14

Logits = Callable[[Tensor, NDArray[np.int64]], Tensor]


def window(texts: Sequences, batch: ItemBatch, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return inputs and targets int64[T, b] of this process's items.

    After the end of an item, there is no target, and the input is arbitrary.
    """
    padded = batch.padded(texts, NO_TARGET)
    inputs = np.maximum(padded[:-1], 0)
    return (
        on_device(torch.from_numpy(inputs), device),
        on_device(torch.from_numpy(padded[1:]), device),
    )


def nats_under_own(
    network: ConditionalNetwork,
    texts: Sequences,
    conditions: Callable[[NDArray[np.int64]], NDArray[np.float32]],
) -> NDArray[np.float64]:
    """Return the nats [N] of texts, each given its own condition.

    ``conditions`` returns the conditions [B, D] of some texts, by their indices.
    """

    def logits(ids: Tensor, indices: NDArray[np.int64]) -> Tensor:
        return network.read(ids, torch.from_numpy(conditions(indices)).to(ids.device)).logits

    network.eval()
    return _nats(logits, texts, _device(network), None)


def nats_under(
    network: Network, texts: Sequences, *, free: int | None = None
) -> NDArray[np.float64]:
    """Return the nats [N] of texts under the condition built into a plain network.

    Occurrences of the symbol ``free`` are not counted.
    """

    def logits(ids: Tensor, _indices: NDArray[np.int64]) -> Tensor:
        return network.read(ids, network.initial_state(ids.shape[1], int(ids[0, 0]))).logits

    return _nats(logits, texts, _device(network), free)


def _nats(
    logits_of: Logits, texts: Sequences, device: torch.device, free: int | None
) -> NDArray[np.float64]:
    nats = np.zeros(len(texts))
    for indices in by_length(texts.lengths, _MOST_SYMBOLS):
        inputs, targets = window(texts, ItemBatch.share(indices), device)
        if free is not None:
            targets = targets.masked_fill(targets == free, NO_TARGET)
        with torch.inference_mode():
            logits = logits_of(inputs, indices)
            each = functional.cross_entropy(
                logits.flatten(0, 1), targets.flatten(), ignore_index=NO_TARGET, reduction="none"
            )
        nats[indices] = each.view(targets.shape).double().sum(0).cpu().numpy()
    return nats


def _device(network: torch.nn.Module) -> torch.device:
    return next(network.parameters()).device

"""Evaluation of a network together with experts: the nats of both, alone and mixed.

Shapes: T predictions of a window, S streams, n predictions, V vocabulary size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nextchar.evaluation.exact import Predictions, nats_of
from nextchar.experts import REACH
from nextchar.text.vocabulary import Ids

if TYPE_CHECKING:
    from nextchar.experts.experts import Reader


class Nats(NamedTuple):
    """The nats of a text."""

    network: float
    mixed: float


class MixedMeasure:
    """Measures windows of ``evaluation.parallel`` with fixed experts too.

    Attributes
    ----------
    mixed
        The total nats of the mixture.
    """

    def __init__(self, reader: Reader) -> None:
        self.mixed = 0.0
        self._reader = reader
        self._text: Ids = np.empty(0, np.uint8)
        self._ids = self._text.astype(np.int64)

    def __call__(
        self, text: Ids, first: int, logits: Tensor, positions: NDArray[np.int64]
    ) -> float:
        """Return the nats of the network on a window, and add those of the mixture."""
        if text is not self._text:  # a new block
            self._text, self._ids = text, text.astype(np.int64)
        ends = first + positions.ravel()
        flat = logits.flatten(end_dim=-2).float()
        targets = torch.from_numpy(text[ends].astype(np.int64)).to(logits.device)
        self.mixed += float(self._reader.nats(self._ids, ends, flat.cpu().numpy()).sum())
        return nats_of(flat, targets)


def sum_mixed(predictions: Predictions, reader: Reader) -> Nats:
    """Return the nats of the predictions, which are in the order of the text."""
    network = mixed = 0.0
    before: Ids = np.empty(0, np.uint8)
    for logits, ids in predictions:
        text, ends = _located(before, ids)
        network += nats_of(logits, ids[1:])
        mixed += float(reader.nats(text, ends, logits.float().cpu().numpy()).sum())
        before = text[:-1]
    return Nats(network, mixed)


def mixed_predictions(predictions: Predictions, reader: Reader) -> Predictions:
    """Yield the predictions of the mixture: ln p in the place of the logits."""
    before: Ids = np.empty(0, np.uint8)
    for logits, ids in predictions:
        text, ends = _located(before, ids)
        mixed = reader.predictions(text, ends, logits.float().cpu().numpy())
        yield torch.from_numpy(mixed).to(logits.device), ids
        before = text[:-1]


def _located(before: Ids, ids: Tensor) -> tuple[Ids, NDArray[np.int64]]:
    """Return a piece after the symbols before it, and the positions of its predictions."""
    own = ids.cpu().numpy().astype(np.uint32)
    text = np.concatenate((before[-REACH:].astype(np.uint32), own))
    return text, np.arange(len(text) - len(own) + 1, len(text))

"""Accuracy inside words, by the number of their letters that were already seen (Madsen 2019).

A network that remembers the beginning of a word predicts its later letters better.

Shapes: T symbols.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from nextchar.inspection.predicates import characters_of
from nextchar.nn.network import Network
from nextchar.nn.threads import one_thread
from nextchar.text.vocabulary import Vocabulary

MOST = 10  # symbols seen; more are counted together
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_AT_ONCE = 1024  # symbols


@dataclass(frozen=True, kw_only=True)
class WordsSeen:
    """Predictions inside words, after the same number of symbols of the word.

    Attributes
    ----------
    seen
        The number of symbols of the word before the predicted one; ``MOST`` stands for at least as
        many.
    predictions, correct
        The number of predictions, and of those whose most probable symbol was the right one.
    nats
        The mean of their losses.
    """

    seen: int
    predictions: int
    correct: int
    nats: float

    @property
    def accuracy(self) -> float:
        """The share of right predictions."""
        return self.correct / self.predictions

    @property
    def name(self) -> str:
        """The number seen, such as ``"3"`` or ``"10+"``."""
        return f"{self.seen}+" if self.seen == MOST else str(self.seen)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return {
            "symbols_of_word_seen": self.name,
            "predictions": self.predictions,
            "accuracy": self.accuracy,
            "mean_nats": self.nats,
        }


def words_seen(
    network: Network, ids: NDArray[np.int64], vocabulary: Vocabulary
) -> tuple[WordsSeen, ...]:
    """Read a text, and return the accuracy inside its words, by the number of symbols seen.

    Parameters
    ----------
    network
        Switched to evaluation mode.
    ids
        The text, int64[T], T ≥ 2.
    vocabulary
        Its vocabulary.
    """
    seen = _seen(ids, vocabulary)[1:]
    right, nats = _predicted(network, ids)
    found = []
    for number in range(MOST + 1):
        chosen = seen == number
        if chosen.any():
            found.append(
                WordsSeen(
                    seen=number,
                    predictions=int(chosen.sum()),
                    correct=int(right[chosen].sum()),
                    nats=float(nats[chosen].mean()),
                )
            )
    return tuple(found)


def _seen(ids: NDArray[np.int64], vocabulary: Vocabulary) -> NDArray[np.int64]:
    """Return the number of earlier symbols of the word of each symbol, or −1 outside of words."""
    text = vocabulary.decode(ids)
    words = np.full(len(text), -1)
    for number, word in enumerate(_WORD.finditer(text)):
        words[word.start() : word.end()] = number
    of_symbols = words[characters_of(ids, vocabulary, len(text))]
    places = np.arange(len(ids))
    begins = np.r_[True, of_symbols[1:] != of_symbols[:-1]]
    first = np.maximum.accumulate(np.where(begins, places, 0))
    found: NDArray[np.int64] = np.where(of_symbols < 0, -1, np.minimum(places - first, MOST))
    return found


def _predicted(
    network: Network, ids: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return whether each next symbol was the most probable one, and its loss, [T − 1] each."""
    network.eval()
    device = network.head.weight.device
    state, right, nats = network.initial_state(1, first=int(ids[0])), [], []
    with one_thread(), torch.no_grad():
        for start in range(0, len(ids) - 1, _AT_ONCE):
            piece = torch.from_numpy(ids[start : start + _AT_ONCE + 1]).to(device)
            reading = network.read(piece[:-1].unsqueeze(1), state)
            state, logits = reading.state, reading.logits[:, 0].float()
            right.append((logits.argmax(1) == piece[1:]).cpu().numpy())
            loss = functional.cross_entropy(logits, piece[1:], reduction="none")
            nats.append(loss.cpu().numpy())
    return np.concatenate(right), np.concatenate(nats)

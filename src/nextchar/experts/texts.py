"""Several texts that are written or read side by side with the same mixture.

Shapes: B texts, V vocabulary size, n symbols of a prompt.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextchar.compilation.jit import compiled_without_allocation
from nextchar.experts import REACH
from nextchar.experts.additions import additions
from nextchar.experts.contexts import WORD_CONTEXTS, Words
from nextchar.experts.mixing import MEMBERS, Mixture, mix, usual_weights
from nextchar.experts.tables import Tables

_WIDTH = 4 * REACH


class Texts(NamedTuple):
    """The newest symbols of B texts, and the predictions of the next ones.

    Attributes
    ----------
    mixture
        The mixture.
    ids, ends
        The newest symbols, int64[B, width], and the number of them, int64[B].
    mixed
        ln p of the next symbols, float32[B, V].
    """

    mixture: Mixture
    ids: NDArray[np.int64]
    ends: NDArray[np.int64]
    mixed: NDArray[np.float32]


def texts_after(mixture: Mixture, prompt: NDArray[np.int64], B: int) -> Texts:
    """Return B texts that continue a prompt [n]."""
    known = prompt[-REACH:]
    ids = np.zeros((B, _WIDTH), np.int64)
    ids[:, : len(known)] = known
    mixed = np.zeros((B, len(mixture.mixed)), np.float32)
    return Texts(mixture, ids, np.full(B, len(known)), mixed)


def no_texts() -> Texts:
    """Return the texts of a network without experts, as compiled code takes them."""
    nothing = np.zeros(0, np.uint32)
    tables = Tables(
        bits=np.zeros(0, np.int64),
        directories=np.zeros(1, np.int64),
        offsets=np.zeros(1, np.int64),
        starts=nothing,
        tags=nothing,
        first=nothing,
        symbols=np.zeros(0, np.uint16),
        counts=np.zeros(0, np.uint16),
        discounts=np.zeros((0, 3)),
    )
    words = Words(np.zeros(0, np.bool_), np.zeros(0, np.uint64))
    mixture = Mixture(
        M=1,
        tables=tables,
        added=additions(),
        words=words,
        weights=usual_weights(1),
        keys=np.zeros(2 + WORD_CONTEXTS, np.uint64),
        entries=np.zeros((0, 2), np.int64),
        cases=np.zeros(MEMBERS, np.int64),
        logarithms=np.zeros((MEMBERS, 0), np.float32),
        mixed=np.zeros(0, np.float32),
    )
    return Texts(mixture, np.zeros((0, 0), np.int64), np.zeros(0, np.int64), mixture.logarithms)


@compiled_without_allocation
def predict_each(texts: Texts, logits: NDArray[np.float32]) -> None:
    """Mix the network's logits [B, V] for the next symbols into ``mixed``."""
    for b in range(texts.ends.size):
        mix(texts.mixture, texts.ids[b], texts.ends[b], logits[b])
        for v in range(texts.mixed.shape[1]):
            texts.mixed[b, v] = texts.mixture.mixed[v]


@compiled_without_allocation
def append_each(texts: Texts, symbols: NDArray[np.int64]) -> None:
    """Append a symbol to each text; a text that has ended goes on with a negative number."""
    width = texts.ids.shape[1]
    for b in range(texts.ends.size):
        if texts.ends[b] == width:
            for i in range(REACH):
                texts.ids[b, i] = texts.ids[b, width - REACH + i]
            texts.ends[b] = REACH
        texts.ids[b, texts.ends[b]] = max(symbols[b], 0)
        texts.ends[b] += 1

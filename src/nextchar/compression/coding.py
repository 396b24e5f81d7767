"""Ids to a range coder's words and back, with a predictor's probabilities.

The text is cut into B stretches of nearly equal length, the streams, which lie side by side as
the columns of rows [T, B]. Rows are coded in order, and the symbols of a row one after another
into the same words. Where N is no multiple of B, the last streams are one symbol shorter.

Shapes: N symbols, B streams, T rows, C columns of probabilities.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nextchar.compression.container import SHORT_DIGEST_BYTES
from nextchar.compression.predictor import Predictor, Probabilities
from nextchar.errors import NextcharError, TextError
from nextchar.text.vocabulary import Ids

_PROBED_ROWS = 64
_VALUES_AT_ONCE = 1 << 20  # probabilities that are handed to the coder in one call
_ROWS_A_REPORT = 1 << 10


def encode(
    predictor: Predictor, ids: Ids, progress: Callable[[float], None] | None = None
) -> bytes:
    """Give the words, little-endian uint32, that ``decode`` turns back into ids [N].

    Raises
    ------
    NextcharError
        The entropy coder is not installed, or the network's logits are no numbers.
    """
    coder = _load_coder()
    encoder, family = coder.queue.RangeEncoder(), coder.model.Categorical(perfect=False)
    rows = _side_by_side(ids, predictor.streams)
    done = 0
    for probabilities in _gathered(predictor, rows):
        symbols = rows.reshape(-1)[done : min(done + len(probabilities), len(ids))]
        encoder.encode(symbols.astype(np.int32), family, probabilities[: len(symbols)])
        done += len(symbols)
        if progress is not None:
            progress(done / len(ids))
    return bytes(encoder.get_compressed().astype("<u4").tobytes())


def decode(
    predictor: Predictor,
    words: bytes,
    count: int,
    progress: Callable[[float], None] | None = None,
) -> Ids:
    """Give the ids [N] that ``encode`` turned into words.

    Parameters
    ----------
    count
        N.

    Raises
    ------
    TextError
        No ids lead to these words with these predictions.
    NextcharError
        As in ``encode``.
    """
    coder = _load_coder()
    decoder = coder.queue.RangeDecoder(np.frombuffer(words, "<u4").astype(np.uint32))
    family = coder.model.Categorical(perfect=False)
    T, B = -(-count // predictor.streams), predictor.streams
    rows: Ids = np.zeros((T, B), np.min_scalar_type(predictor.vocabulary_size - 1))
    left = count
    for index, probabilities in enumerate(predictor.predict(rows)):
        coded = min(left, B)
        try:
            rows[index, :coded] = decoder.decode(family, probabilities[:coded])
        except AssertionError:  # what constriction raises for words that nothing leads to
            raise TextError(
                f"the compressed text breaks off {left:,} symbols before its end: the model's "
                "numbers are others here than where it was made"
            ) from None
        left -= coded
        if progress is not None and (index % _ROWS_A_REPORT == 0 or left == 0):
            progress(1 - left / count)
    return _end_to_end(rows, count)


def fingerprint(predictor: Predictor) -> bytes:
    """Give a digest of what predictor and coder make of some fixed symbols, and of the weights.

    Another processor, or another version of what computes here, adds in another order, and that
    shows in the last bits of so many sums.
    """
    digest = hashlib.blake2b(digest_size=SHORT_DIGEST_BYTES)
    for part in predictor.weights:
        for array in part if isinstance(part, tuple) else [part]:
            digest.update(np.asarray(array).tobytes())
    squares = np.arange(_PROBED_ROWS * predictor.streams, dtype=np.uint32) ** 2
    probed = squares % predictor.vocabulary_size
    for probabilities in _gathered(predictor, _side_by_side(probed, predictor.streams)):
        digest.update(probabilities.tobytes())
    digest.update(encode(predictor, probed))
    return digest.digest()


def _gathered(predictor: Predictor, rows: Ids) -> Iterator[Probabilities]:
    """Give the predictions of rows [T, B] one after another, float32[· B, C], many at once."""
    B, C = predictor.streams, predictor.columns
    together = np.empty((max(1, _VALUES_AT_ONCE // (B * C)), B, C), np.float32)
    held = 0
    for probabilities in predictor.predict(rows):
        together[held] = probabilities
        held += 1
        if held == len(together):
            yield together.reshape(-1, C)
            held = 0
    if held > 0:
        yield together[:held].reshape(-1, C)


def _side_by_side(ids: Ids, streams: int) -> Ids:
    """Give ids [N] as rows [T, B], with zeros where a stream has ended."""
    rows = np.zeros((-(-len(ids) // streams), streams), ids.dtype)
    for stream, part in enumerate(np.array_split(ids, streams)):
        rows[: len(part), stream] = part
    return rows


def _end_to_end(rows: Ids, count: int) -> Ids:
    """Give the ids [N] of rows [T, B]."""
    longer = count % rows.shape[1]
    shorter = count // rows.shape[1]
    parts = [rows[: shorter + (stream < longer), stream] for stream in range(rows.shape[1])]
    return np.concatenate(parts)


def _load_coder() -> Any:  # noqa: ANN401  (constriction has no types)
    """Give the streaming coders of constriction, which not every installation has."""
    try:
        return importlib.import_module("constriction").stream
    except ModuleNotFoundError:
        raise NextcharError(
            "compression needs the package constriction, which is not installed: "
            "pip install 'nextchar[compression]'"
        ) from None

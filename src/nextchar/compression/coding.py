"""Entropy coding of ids with a range coder and the probabilities of a predictor.

The text is split into B streams of nearly equal length, which are the columns of a matrix [T, B].
The coder processes it row by row, and all streams share its output. If N is not a multiple of B,
the last streams are one symbol shorter.

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
_VALUES_AT_ONCE = 1 << 20  # probabilities passed to the coder in one call
_ROWS_PER_REPORT = 1 << 10


def encode(
    predictor: Predictor, ids: Ids, progress: Callable[[float], None] | None = None
) -> bytes:
    """Encode ids [N] as words for ``decode``, little-endian uint32.

    Raises
    ------
    NextcharError
        The entropy coder is not installed, or the network's logits are not finite.
    """
    coder = _load_coder()
    encoder, family = coder.queue.RangeEncoder(), coder.model.Categorical(perfect=False)
    rows = _to_rows(ids, predictor.streams)
    done = 0
    for probabilities in _predictions(predictor, rows):
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
    """Return the ids [N] encoded in ``words``.

    Parameters
    ----------
    predictor
        The predictor used for encoding, with bitwise equal predictions.
    words
        The output of ``encode``.
    count
        N.
    progress
        Called with the completed fraction, 0 to 1.

    Raises
    ------
    TextError
        The words are not decodable with these predictions.
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
        except AssertionError:  # raised by constriction for invalid words
            raise TextError(
                f"decoding failed {left:,} symbols before the end: the model's predictions differ "
                "from those on the compressing machine"
            ) from None
        left -= coded
        if progress is not None and (index % _ROWS_PER_REPORT == 0 or left == 0):
            progress(1 - left / count)
    return _from_rows(rows, count)


def fingerprint(predictor: Predictor) -> bytes:
    """Return a digest of the weights, and of the predictions and words for some fixed symbols.

    Another processor or another version of a library may sum in another order. The fingerprint
    detects the resulting differences in the last bits.
    """
    digest = hashlib.blake2b(digest_size=SHORT_DIGEST_BYTES)
    for part in predictor.weights:
        for array in part if isinstance(part, tuple) else [part]:
            digest.update(np.asarray(array).tobytes())
    squares = np.arange(_PROBED_ROWS * predictor.streams, dtype=np.uint32) ** 2
    probed = squares % predictor.vocabulary_size
    for probabilities in _predictions(predictor, _to_rows(probed, predictor.streams)):
        digest.update(probabilities.tobytes())
    digest.update(encode(predictor, probed))
    return digest.digest()


def _predictions(predictor: Predictor, rows: Ids) -> Iterator[Probabilities]:
    """Yield the predictions of rows [T, B] in large batches, float32[n · B, C]."""
    B, C = predictor.streams, predictor.columns
    batch = np.empty((max(1, _VALUES_AT_ONCE // (B * C)), B, C), np.float32)
    filled = 0
    for probabilities in predictor.predict(rows):
        batch[filled] = probabilities
        filled += 1
        if filled == len(batch):
            yield batch.reshape(-1, C)
            filled = 0
    if filled > 0:
        yield batch[:filled].reshape(-1, C)


def _to_rows(ids: Ids, streams: int) -> Ids:
    """Return ids [N] as rows [T, B], with zeros after the end of a stream."""
    rows = np.zeros((-(-len(ids) // streams), streams), ids.dtype)
    for stream, part in enumerate(np.array_split(ids, streams)):
        rows[: len(part), stream] = part
    return rows


def _from_rows(rows: Ids, count: int) -> Ids:
    """Return the ids [N] of rows [T, B]."""
    longer = count % rows.shape[1]
    shorter = count // rows.shape[1]
    parts = [rows[: shorter + (stream < longer), stream] for stream in range(rows.shape[1])]
    return np.concatenate(parts)


def _load_coder() -> Any:  # noqa: ANN401  (constriction has no types)
    """Import the stream coders of the optional package constriction."""
    try:
        return importlib.import_module("constriction").stream
    except ModuleNotFoundError:
        raise NextcharError(
            "compression needs the package constriction, which is not installed: "
            "pip install 'nextchar[compression]'"
        ) from None

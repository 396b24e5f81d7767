"""Entropy coding of ids with a range coder and the probabilities of a predictor.

The text is split into B streams of nearly equal length, which are the columns of a matrix [T, B].
The coder processes it row by row, and all streams share its output. If N is not a multiple of B,
the last streams are one symbol shorter.

Shapes: N symbols, B streams, T rows, C columns of probabilities.
"""

from __future__ import annotations

import hashlib
import importlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextchar.compression.container import SHORT_DIGEST_BYTES
from nextchar.compression.predictor import Predictor, Probabilities
from nextchar.errors import NextcharError, TextError
from nextchar.text.vocabulary import Ids

_PROBED_ROWS = 64
_VALUES_AT_ONCE = 1 << 20  # probabilities passed to the coder in one call
_ROWS_PER_REPORT, _ROWS_PER_BLOCK = 1 << 10, 1 << 12
_WORD_BYTES = 4
_PROBABILITY_PARTS = 1 << 24  # the resolution of the coder's probabilities
_SPARE_WORDS = 2  # bits that the coder has accepted and not yet written


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
    words: bytes | memoryview,
    count: int,
    progress: Callable[[float], None] | None = None,
) -> Ids:
    """Return the ids [N] encoded in ``words``.

    The ids are encoded again while they are decoded. Decoding therefore stops, before memory is
    allocated for more ids, once they need more words than there are. In the end, the words must be
    those of the ids.

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
        The words are not the output of ``encode`` for N ids with these predictions.
    NextcharError
        As in ``encode``.
    """
    coder = _load_coder()
    given = _checked_words(words, count, predictor.columns)
    decoder, encoder = coder.queue.RangeDecoder(given), coder.queue.RangeEncoder()
    family = coder.model.Categorical(perfect=False)
    T, B = -(-count // predictor.streams), predictor.streams
    blocks: list[Ids] = []
    kind = np.min_scalar_type(predictor.vocabulary_size - 1)
    left = count
    for index, probabilities in enumerate(predictor.predict(_growing(blocks, T, B, kind))):
        coded = min(left, B)
        try:
            symbols = decoder.decode(family, probabilities[:coded])
        except AssertionError:  # raised by constriction for invalid words
            raise _undecodable(left) from None
        encoder.encode(symbols, family, probabilities[:coded])
        if encoder.num_words() > len(given) + 1 or symbols.max() >= predictor.vocabulary_size:
            raise _undecodable(left)
        blocks[-1][index % _ROWS_PER_BLOCK, :coded] = symbols
        left -= coded
        if progress is not None and (index % _ROWS_PER_REPORT == 0 or left == 0):
            progress(1 - left / count)
    if not np.array_equal(encoder.get_compressed(), given):
        raise _undecodable(0)
    return _from_rows(np.concatenate([np.empty((0, B), kind), *blocks]), count)


def _checked_words(words: bytes | memoryview, count: int, columns: int) -> NDArray[np.uint32]:
    """Return the words; raise ``TextError`` if so many symbols cannot be encoded in them.

    The coder divides 2²⁴ equal parts among the columns, at least one to each. The most probable
    symbol therefore costs at least a fixed number of bits.
    """
    if len(words) % _WORD_BYTES:
        raise TextError(
            f"the compressed file is damaged: its words have {len(words):,} bytes, which is not a "
            f"multiple of {_WORD_BYTES}"
        )
    least_bits = -math.log2(1 - (columns - 1) / _PROBABILITY_PARTS)
    most = math.ceil((len(words) // _WORD_BYTES + _SPARE_WORDS) * 8 * _WORD_BYTES / least_bits)
    if count > most:
        raise TextError(
            f"the compressed file is damaged: it claims {count:,} symbols, and its "
            f"{len(words):,} bytes of words encode at most {most:,}"
        )
    return np.frombuffer(words, "<u4").astype(np.uint32, copy=False)


def _growing(blocks: list[Ids], rows: int, streams: int, kind: np.dtype[Any]) -> Iterator[Ids]:
    """Yield rows of zeros [B] to be filled in, and append each block of them [≤ T, B]."""
    for start in range(0, rows, _ROWS_PER_BLOCK):
        blocks.append(np.zeros((min(_ROWS_PER_BLOCK, rows - start), streams), kind))
        yield from blocks[-1]


def _undecodable(left: int) -> TextError:
    return TextError(
        f"decoding failed {left:,} symbols before the end: the compressed file is damaged, or the "
        "model's predictions differ from those on the compressing machine"
    )


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

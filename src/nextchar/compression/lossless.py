"""Lossless compression of bytes with a language model.

The model predicts each symbol from the preceding ones, and the entropy coder spends −log₂ p bits on
it. The decoder makes the same predictions from the symbols decoded so far. They must match bit for
bit; otherwise decompression fails with an error.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable

from nextchar.compression import container
from nextchar.compression.coding import decode, encode, fingerprint
from nextchar.compression.container import DIGEST_BYTES, SHORT_DIGEST_BYTES, Header
from nextchar.compression.predictor import Predictor
from nextchar.compression.symbols import bytes_of, ids_of
from nextchar.config import ExpertUse, NetworkConfig
from nextchar.errors import TextError
from nextchar.generation.engine import MixtureUse
from nextchar.generation.prompts import context_of
from nextchar.language_model.model import LanguageModel
from nextchar.nn.parameters import named_tensors

# Parallel streams are several times faster than a single one. Each starts without context, which
# costs about 12 bits: less than a thousandth of its compressed size. Both numbers are part of the
# format: decompression refuses another number of streams.
MAX_STREAMS, SYMBOLS_PER_STREAM = 16, 1 << 13


def compress(
    model: LanguageModel,
    data: bytes,
    *,
    experts: ExpertUse | None = None,
    progress: Callable[[float], None] | None = None,
) -> bytes:
    """Compress bytes; ``decompress`` restores them with the same model.

    The compressed size matches the estimate of ``model.evaluate`` within a few parts per thousand,
    plus 57 bytes of overhead. All data is held in memory.

    Parameters
    ----------
    model
        A float32 model on the CPU.
    data
        Any bytes for a byte vocabulary; otherwise UTF-8 text of symbols in the vocabulary.
    experts
        As in ``model.evaluate``, but adaptive by default if the model has experts.
    progress
        Called with the completed fraction, 0 to 1.

    Raises
    ------
    TextError
        The vocabulary cannot represent these bytes exactly.
    ConfigError
        The model is not float32, or not on the CPU, or it has no experts and they were requested.
    NextcharError
        The entropy coder is not installed, or the model's logits are not finite.
    """
    ids = ids_of(model.vocabulary, data)
    streams = _streams_for(len(ids))
    mixture = model.mixture_of(experts, usual="adaptive")
    predictor = _predictor(model, streams, mixture)
    header = Header(
        experts=mixture[1],
        streams=streams,
        symbols=len(ids),
        model=_model_digest(model, mixture),
        numbers=fingerprint(predictor),
        content=_content_digest(data),
    )
    return container.join(header, encode(predictor, ids, progress))


def decompress(
    model: LanguageModel, data: bytes, *, progress: Callable[[float], None] | None = None
) -> bytes:
    """Return the bytes compressed in ``data``, verified by their digest.

    Parameters
    ----------
    model, progress
        As in ``compress``.
    data
        The output of ``compress``.

    Raises
    ------
    TextError
        The data is damaged, or comes from another model or from a machine with different
        floating-point results.
    ConfigError, NextcharError
        As in ``compress``.
    """
    header, body = container.split(data)
    if header.experts != "none" and model.experts is None:
        raise TextError(
            f"the file was compressed with {header.experts} experts, and the model has none"
        )
    mixture = model.mixture_of(header.experts)
    found = _model_digest(model, mixture)
    if header.model != found:
        raise TextError(
            f"the file was compressed with another model: got {found.hex()}, the file needs "
            f"{header.model.hex()}"
        )
    if header.streams != _streams_for(header.symbols):
        raise TextError(
            f"the compressed file is damaged: {header.symbols:,} symbols are encoded in "
            f"{_streams_for(header.symbols)} streams, got {header.streams}"
        )
    predictor = _predictor(model, header.streams, mixture)
    if header.numbers != fingerprint(predictor):
        raise TextError(
            "this model's predictions differ in their last bits from those on the compressing "
            "machine: decompress the file on the same kind of processor, with the same versions of "
            "nextchar, torch, numba and constriction"
        )
    restored = bytes_of(model.vocabulary, decode(predictor, body, header.symbols, progress))
    if header.content != _content_digest(restored):
        raise TextError(
            "the decoded text differs from the original: this model's predictions differ from "
            "those on the compressing machine"
        )
    return restored


def _streams_for(symbols: int) -> int:
    return min(MAX_STREAMS, max(1, symbols // SYMBOLS_PER_STREAM))


def _predictor(
    model: LanguageModel, streams: int, mixture: MixtureUse = (None, "none")
) -> Predictor:
    # Every stream starts with the same context as generation without a prompt.
    context = int(context_of(model.vocabulary)[0])
    return Predictor(model.network, context, streams, mixture)


def _model_digest(model: LanguageModel, mixture: MixtureUse) -> bytes:
    """Return a digest of the vocabulary, the network's options and all bits of the weights.

    It includes the counts and weights of the experts, if they are used.
    """
    digest = hashlib.blake2b(digest_size=SHORT_DIGEST_BYTES)
    # Options with default values are left out, because a newer nextchar may add options.
    defaults = dataclasses.asdict(NetworkConfig())
    network = dataclasses.asdict(model.config.network)
    changed = {name: value for name, value in network.items() if value != defaults[name]}
    for values in (model.vocabulary.to_dict(), changed):
        digest.update(json.dumps(values, sort_keys=True).encode())
    for name, weight in named_tensors(model.network).items():
        digest.update(f"\n{name} {weight.dtype} {list(weight.shape)}\n".encode())
        digest.update(weight.cpu().contiguous().numpy().tobytes())
    experts, _ = mixture
    if experts is not None:
        for array in (*experts.tables, *experts.weights):
            digest.update(f"\n{array.dtype} {array.shape}\n".encode())
            digest.update(array.tobytes())
    return digest.digest()


def _content_digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()

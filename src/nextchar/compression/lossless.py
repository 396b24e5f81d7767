"""Bytes to a compressed file and back, exactly or not at all.

The model predicts each symbol from those before it, and the entropy coder spends as many bits on
it as the prediction makes it worth. Who decodes makes the same predictions, from the symbols that
are decoded already. They must agree in every bit; where that cannot be, nothing is decoded.
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
from nextchar.config import NetworkConfig
from nextchar.errors import TextError
from nextchar.language_model.generating import context_of
from nextchar.language_model.model import LanguageModel
from nextchar.nn.parameters import named_tensors

# Streams are read side by side, which is several times faster than one. Each begins knowing
# nothing, at a loss of some 12 bits: below a thousandth of what so many symbols take.
MOST_STREAMS, SYMBOLS_A_STREAM = 16, 1 << 13


def compress(
    model: LanguageModel, data: bytes, *, progress: Callable[[float], None] | None = None
) -> bytes:
    """Compress bytes so that ``decompress`` gives them back with the same model.

    The size is what ``model.evaluate`` finds, within a few parts in a thousand, and a header of
    56 bytes. All is held in memory.

    Parameters
    ----------
    model
        Of float32, on the CPU.
    data
        Any bytes for a byte vocabulary; for others, UTF-8 of the vocabulary's symbols.
    progress
        Is told the share that is done, 0 to 1.

    Raises
    ------
    TextError
        The vocabulary cannot give back these bytes.
    ConfigError
        The model is not of float32 on the CPU.
    NextcharError
        The entropy coder is not installed, or the model's logits are no numbers.
    """
    ids = ids_of(model.vocabulary, data)
    streams = min(MOST_STREAMS, max(1, len(ids) // SYMBOLS_A_STREAM))
    predictor = _predictor(model, streams)
    header = Header(
        streams=streams,
        symbols=len(ids),
        model=_model_digest(model),
        numbers=fingerprint(predictor),
        content=_content_digest(data),
    )
    return container.join(header, encode(predictor, ids, progress))


def decompress(
    model: LanguageModel, data: bytes, *, progress: Callable[[float], None] | None = None
) -> bytes:
    """Give the bytes from which ``compress`` made ``data``, verified by their digest.

    Parameters
    ----------
    model, progress
        As in ``compress``.

    Raises
    ------
    TextError
        The data is damaged, of another model, or of a machine whose numbers are others.
    ConfigError, NextcharError
        As in ``compress``.
    """
    header, body = container.split(data)
    if header.model != _model_digest(model):
        raise TextError(
            "the file was compressed with another model: got "
            f"{_model_digest(model).hex()}, it takes {header.model.hex()}"
        )
    predictor = _predictor(model, header.streams)
    if header.numbers != fingerprint(predictor):
        raise TextError(
            "the file was compressed where this model's numbers are others in their last bits: "
            "decompress it on that kind of processor, with those versions of nextchar, torch, "
            "numba and constriction"
        )
    restored = bytes_of(model.vocabulary, decode(predictor, body, header.symbols, progress))
    if header.content != _content_digest(restored):
        raise TextError(
            "the decoded text is not the one that was compressed: this model's numbers are others "
            "here, and nothing was kept of it"
        )
    return restored


def _predictor(model: LanguageModel, streams: int) -> Predictor:
    # Every stream begins as generation does without a prompt.
    context = int(context_of(model.vocabulary)[0])
    return Predictor(model.network, context, streams)


def _model_digest(model: LanguageModel) -> bytes:
    """Give what tells one model from another: symbols, equations, every bit of the weights."""
    digest = hashlib.blake2b(digest_size=SHORT_DIGEST_BYTES)
    # Options that are as usual do not count: a newer nextchar may have more of them.
    usual = dataclasses.asdict(NetworkConfig())
    network = dataclasses.asdict(model.config.network)
    unusual = {name: value for name, value in network.items() if value != usual[name]}
    for values in (model.vocabulary.to_dict(), unusual):
        digest.update(json.dumps(values, sort_keys=True).encode())
    for name, weight in named_tensors(model.network).items():
        digest.update(f"\n{name} {weight.dtype} {list(weight.shape)}\n".encode())
        digest.update(weight.cpu().contiguous().numpy().tobytes())
    return digest.digest()


def _content_digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()

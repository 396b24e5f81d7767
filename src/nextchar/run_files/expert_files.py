"""The file of a run's experts: their counts and the weights of the mixture.

Shapes: V vocabulary size, C contexts of a position.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nextchar.errors import RunError
from nextchar.experts.contexts import WORD_CONTEXTS, Words
from nextchar.experts.experts import LONGEST_CONTEXT, Experts
from nextchar.experts.mixing import Weights, weight_shapes
from nextchar.experts.tables import MAX_DIRECTORY_BITS, Tables
from nextchar.text.vocabulary import Vocabulary
from nextchar.training.checkpoint import (
    EXPERTS_FILE,
    MODEL_FILE,
    checksum_of,
    load_content,
    load_tensors,
    save_tensors,
)

FORMAT_VERSION = 1
_SIGNED = {  # types of the same size that tensors have
    np.dtype(np.uint16): np.int16,
    np.dtype(np.uint32): np.int32,
    np.dtype(np.uint64): np.int64,
}
_LARGEST_WEIGHT = 1e6
_LARGEST_DISCOUNTS = (1.0, 2.0, 3.0)  # a count less its discount is not negative


def save_experts(folder: Path, experts: Experts) -> None:
    """Write the experts of a run.

    Raises
    ------
    StorageError
        The file cannot be written; an existing file is unchanged.
    """
    arrays = {
        **experts.tables._asdict(),
        **{f"{name}_weights": values for name, values in experts.weights._asdict().items()},
        **{f"words_{name}": values for name, values in experts.words._asdict().items()},
    }
    tensors = {name: torch.from_numpy(_signed(array)) for name, array in arrays.items()}
    content = {
        "format_version": FORMAT_VERSION,
        "longest_context": experts.M,
        "model": _checksum_of_model(folder),
        "vocabulary": _digest(experts.vocabulary),
    }
    save_tensors(folder / EXPERTS_FILE, tensors, content)


def has_experts_of_model(folder: Path) -> bool:
    """Return whether a run has experts that were fitted to its present weights."""
    try:
        content = load_content(folder / EXPERTS_FILE)
        return bool(content.get("model") == _checksum_of_model(folder))
    except RunError:
        return False


def experts_of(folder: Path, vocabulary: Vocabulary) -> Experts | None:
    """Return the experts of a run, or ``None`` if it has none; errors are those of loading."""
    return load_experts(folder, vocabulary) if (folder / EXPERTS_FILE).exists() else None


def load_experts(folder: Path, vocabulary: Vocabulary) -> Experts:
    """Return the experts of a run.

    The file is read as a whole, not mapped: a mapped file that is truncated meanwhile would kill
    the process.

    Raises
    ------
    RunError
        The file is missing, damaged, of a newer version, or belongs to another vocabulary.
    """
    path = folder / EXPERTS_FILE
    tensors, content = load_tensors(path)
    version, M = content.get("format_version"), content.get("longest_context")
    if type(version) is not int or version < 1:
        raise RunError(f"{path} is damaged: format_version must be at least 1, got {version!r:.80}")
    if version > FORMAT_VERSION:
        raise RunError(
            f"{path} has format {version}, but this version of nextchar supports up to "
            f"{FORMAT_VERSION}: update nextchar"
        )
    if type(M) is not int or not 1 <= M <= LONGEST_CONTEXT:
        raise RunError(
            f"{path} is damaged: longest_context must be 1 to {LONGEST_CONTEXT}, got {M!r:.80}"
        )
    if content.get("vocabulary") != _digest(vocabulary):
        raise RunError(f"{path} belongs to another vocabulary than the run")
    try:
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        tables = _tables(arrays, M, vocabulary)
        words = _words(arrays, len(vocabulary))
        return Experts(M, tables, words, _weights_of(arrays, M), vocabulary)
    except (ValueError, TypeError) as error:  # numpy has no bfloat16
        raise RunError(f"{path} is damaged: {error}") from error


def _tables(arrays: dict[str, NDArray[Any]], M: int, vocabulary: Vocabulary) -> Tables:
    """Return tables that compiled code may read without further checks; ``ValueError`` if not."""
    V, C = len(vocabulary), M + 1 + WORD_CONTEXTS
    types: dict[str, Any] = {
        "bits": np.int64, "directories": np.int64, "offsets": np.int64, "starts": np.uint32,
        "tags": np.uint32, "first": np.uint32, "symbols": np.uint16, "counts": np.uint16,
        "discounts": np.float64,
    }  # fmt: skip
    found = {name: _array(arrays, name, kind) for name, kind in types.items()}
    tables = Tables(**found)
    _require(tables.bits.shape == (C,), "bits")
    _require(bool(((tables.bits >= 0) & (tables.bits <= MAX_DIRECTORY_BITS)).all()), "bits")
    lengths = (1 << tables.bits) + 1
    _require(_equal(tables.directories, np.cumsum([0, *lengths])), "directories")
    _require(tables.starts.shape == (tables.directories[-1],), "starts")
    _require(tables.tags.ndim == 1 and tables.symbols.ndim == 1, "tags")
    K, E = len(tables.tags), len(tables.symbols)
    _require(tables.offsets.shape == (C + 1,) and tables.offsets[0] == 0, "offsets")
    _require(bool((np.diff(tables.offsets) >= 0).all()) and tables.offsets[-1] == K, "offsets")
    for begin, length, contexts in zip(
        tables.directories, lengths, np.diff(tables.offsets), strict=False
    ):
        starts = tables.starts[begin : begin + length].astype(np.int64)
        _require(starts[0] == 0 and starts[-1] == contexts, "starts")
        _require(bool((np.diff(starts) >= 0).all()), "starts")
    first = tables.first.astype(np.int64)
    _require(first.shape == (K + 1,) and first[0] == 0 and first[-1] == E, "first")
    _require(bool((np.diff(first) > 0).all()), "first")
    _require(tables.counts.shape == (E,), "counts")
    _require(E == 0 or (int(tables.symbols.max()) < V and int(tables.counts.min()) > 0), "symbols")
    _require(tables.discounts.shape == (C, 3), "discounts")
    inside = (tables.discounts > 0) & (tables.discounts <= _LARGEST_DISCOUNTS)
    _require(bool(inside.all()), "discounts")
    return tables


def _weights_of(arrays: dict[str, NDArray[Any]], M: int) -> Weights:
    found = []
    for name, shape in zip(Weights._fields, weight_shapes(M), strict=True):
        weights = _array(arrays, f"{name}_weights", np.float64)
        _require(weights.shape == shape, f"{name}_weights")
        _require(bool((np.abs(weights) <= _LARGEST_WEIGHT).all()), f"{name}_weights")
        found.append(weights)
    return Weights(*found)


def _checksum_of_model(folder: Path) -> str | None:
    """Return the checksum of the weights of a run, or ``None`` before it has any."""
    path = folder / MODEL_FILE
    return checksum_of(path) if path.exists() else None


def _words(arrays: dict[str, NDArray[Any]], V: int) -> Words:
    """Return the words; other versions of Unicode would find others in the vocabulary."""
    inside = _array(arrays, "words_inside", np.bool_)
    folded = _array(arrays, "words_folded", np.uint64)
    _require(inside.shape == folded.shape == (V,), "words")
    _require(bool((folded < V).all()), "words")
    return Words(inside, folded)


def _digest(vocabulary: Vocabulary) -> str:
    return hashlib.sha256(json.dumps(vocabulary.to_dict(), sort_keys=True).encode()).hexdigest()


def _signed(array: NDArray[Any]) -> NDArray[Any]:
    return array.view(_SIGNED.get(array.dtype, array.dtype))


def _array(arrays: dict[str, NDArray[Any]], name: str, kind: Any) -> NDArray[Any]:  # noqa: ANN401
    dtype = np.dtype(kind)
    if name not in arrays:
        raise ValueError(f"{name} is missing")
    if arrays[name].dtype != np.dtype(_SIGNED.get(dtype, dtype)):
        raise ValueError(f"{name} must be of {dtype.name}, got {arrays[name].dtype.name}")
    return arrays[name].view(dtype)


def _equal(left: NDArray[Any], right: NDArray[Any]) -> bool:
    return left.shape == right.shape and bool((left == right).all())


def _require(holds: bool, name: str) -> None:
    if not holds:
        raise ValueError(f"{name} do not fit the other arrays, or are invalid")

"""Initialisation of a network's embedding from pretrained vectors.

Shapes: V symbols of the network, E embedding size.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nextchar.config.records import bounded, record_of
from nextchar.embeddings.vectors import SymbolVectors
from nextchar.errors import ConfigError, RunError, as_option
from nextchar.run_files.origin import name_of
from nextchar.run_files.seals import VECTORS_FILE, sealed_json
from nextchar.storage import open_regular, write_json
from nextchar.text.vocabulary import Vocabulary

EMBEDDING_FILE = "embedding.json"  # in a run directory


@dataclass(frozen=True, kw_only=True)
class EmbeddingOrigin:
    """The vectors that initialised the embedding of a run.

    Attributes
    ----------
    vectors
        The name of their folder, without the folders above it.
    sha256
        SHA-256 of their file, hexadecimal.
    symbols_filled
        Number of symbols that have a vector.
    """

    vectors: str
    sha256: str
    symbols_filled: int = bounded(at_least=1)


def fill_embedding(weight: Tensor, vocabulary: Vocabulary, vectors: SymbolVectors) -> int:
    """Copy pretrained vectors into a randomly initialised embedding, in place.

    Symbols are matched by their keys. A common factor scales the vectors to the root mean square of
    the random values, which is the scale that the next layer expects. The rows of symbols without a
    vector keep their values.

    Parameters
    ----------
    weight
        The embedding, [V, E].
    vocabulary
        The symbols of the embedding, of the same kind as those of the vectors.
    vectors
        The pretrained vectors, of size E.

    Returns
    -------
    int
        Number of rows filled.

    Raises
    ------
    ConfigError
        The kinds or the sizes differ, or no symbol has a vector.
    """
    if vocabulary.kind != vectors.vocabulary.kind:
        raise ConfigError(
            f"the vectors are for {vectors.vocabulary.kind} symbols, but the network reads "
            f"{vocabulary.kind} symbols"
        )
    if tuple(weight.shape) != (len(vocabulary), vectors.config.size):
        raise ConfigError(
            f"vectors of size {vectors.config.size} for {len(vocabulary)} symbols do not fit an "
            f"embedding of shape {list(weight.shape)}"
        )
    vector_ids = {
        vectors.vocabulary.keys[number]: number for number in vectors.by_frequency.tolist()
    }
    rows = [number for number, key in enumerate(vocabulary.keys) if key in vector_ids]
    if not rows:
        raise ConfigError("no symbol of the network has a vector")
    found = torch.from_numpy(vectors.vectors[[vector_ids[vocabulary.keys[row]] for row in rows]])
    with torch.no_grad():
        deviation = weight.square().mean().sqrt()
        scaled = found.to(weight) * (deviation / found.square().mean().sqrt().clamp_min(1e-12))
        weight[torch.tensor(rows, device=weight.device)] = scaled
    return len(rows)


class GivenVectors:
    """A folder of pretrained vectors that initialise the embedding of a language model.

    Parameters
    ----------
    folder
        A folder written by ``SymbolVectors.save``.

    Raises
    ------
    RunError
        The folder has no vectors, is damaged, or was written by a newer nextchar.
    ConfigError
        The vectors are for words, which a language model does not generate.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = str(folder)
        self.vectors = SymbolVectors.load(folder)
        if self.vectors.vocabulary.kind == "word":
            raise ConfigError(
                f"{as_option('embedding_from', self.folder)} has vectors for words, but a "
                "language model reads char, byte or jamo"
            )
        self._name = name_of(folder)
        with open_regular(Path(folder) / VECTORS_FILE) as file:
            self._sha256 = hashlib.file_digest(file, "sha256").hexdigest()

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Complete the options of a run with those of the vectors.

        Raises
        ------
        ConfigError
            An option contradicts the vectors.
        """
        config = self.vectors.config
        needed = {
            "vocabulary": config.vocabulary,
            "embedding_size": config.size,
            "input": "embedding",
        }
        differing = [
            f"{name} must be {value!r}, got {given[name]!r}"
            for name, value in needed.items()
            if name in given and given[name] != value
        ]
        if differing:
            raise ConfigError(
                f"{as_option('embedding_from', self.folder)} does not fit: {', '.join(differing)}"
            )
        return {"normalization": config.normalization, **given, **needed}

    def fill(self, weight: Tensor, vocabulary: Vocabulary, run: Path) -> str:
        """Fill an embedding [V, E], record its origin in the run, and return a message."""
        filled = fill_embedding(weight, vocabulary, self.vectors)
        origin = EmbeddingOrigin(vectors=self._name, sha256=self._sha256, symbols_filled=filled)
        write_json(run / EMBEDDING_FILE, dataclasses.asdict(origin))
        return f"{filled} of {len(vocabulary)} symbols start with their vector from {self.folder}"


def load_embedding_origin(run: Path) -> dict[str, Any] | None:
    """Return the origin of a run's embedding, or ``None`` if it was randomly initialised.

    Raises
    ------
    RunError
        The file is damaged.
    """
    path = run / EMBEDDING_FILE
    if not path.exists():
        return None
    with sealed_json(run, EMBEDDING_FILE) as values:
        return dataclasses.asdict(record_of(EmbeddingOrigin, values, path, RunError))

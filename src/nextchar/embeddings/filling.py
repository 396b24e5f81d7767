"""Vectors that were learned before as the first values of a network's embedding.

Legend: V symbols of the network, E numbers in a vector.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nextchar.embeddings.vectors import VECTORS_FILE, SymbolVectors
from nextchar.errors import ConfigError, RunError, as_option
from nextchar.storage import read_json, write_json
from nextchar.text.vocabulary import Vocabulary

EMBEDDING_FILE = "embedding.json"  # of a run directory


def fill_embedding(weight: Tensor, vocabulary: Vocabulary, vectors: SymbolVectors) -> int:
    """Put vectors into an embedding whose values were drawn, in place.

    Symbols are the same where they are the same in JSON. All vectors are multiplied by one number,
    so that together they have the deviation of what was drawn: the layer above counts on it. The
    rows of symbols without a vector are left as they are.

    Parameters
    ----------
    weight
        The embedding [V, E].
    vocabulary
        Its symbols, of the vectors' kind.
    vectors
        Of E numbers.

    Returns
    -------
    int
        How many symbols have their vector.

    Raises
    ------
    ConfigError
        The kinds or the sizes differ, or no symbol has a vector.
    """
    if vocabulary.kind != vectors.vocabulary.kind:
        raise ConfigError(
            f"the vectors are of {vectors.vocabulary.kind} symbols, the network's are "
            f"{vocabulary.kind}"
        )
    if tuple(weight.shape) != (len(vocabulary), vectors.config.size):
        raise ConfigError(
            f"vectors of {vectors.config.size} numbers for {len(vocabulary)} symbols do not fit an "
            f"embedding {list(weight.shape)}"
        )
    there = {vectors.vocabulary.keys[number]: number for number in vectors.by_frequency.tolist()}
    rows = [number for number, key in enumerate(vocabulary.keys) if key in there]
    if not rows:
        raise ConfigError("no symbol of the network has a vector")
    found = torch.from_numpy(vectors.vectors[[there[vocabulary.keys[row]] for row in rows]])
    with torch.no_grad():
        deviation = weight.square().mean().sqrt()
        scaled = found.to(weight) * (deviation / found.square().mean().sqrt().clamp_min(1e-12))
        weight[torch.tensor(rows, device=weight.device)] = scaled
    return len(rows)


class GivenVectors:
    """A folder of vectors with which the embedding of a language model begins.

    Parameters
    ----------
    folder
        What ``SymbolVectors.save`` wrote.

    Raises
    ------
    RunError
        No vectors are there, they are damaged, or a newer nextchar wrote them.
    ConfigError
        They are of words, which a language model does not write.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = str(folder)
        self.vectors = SymbolVectors.load(folder)
        if self.vectors.vocabulary.kind == "word":
            raise ConfigError(
                f"{as_option('embedding_from', self.folder)} has vectors of words: a "
                "language model reads char, byte or jamo"
            )
        self._sha256 = hashlib.sha256((Path(folder) / VECTORS_FILE).read_bytes()).hexdigest()

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Complete a run's options by what the vectors are.

        Raises
        ------
        ConfigError
            An option contradicts that.
        """
        config = self.vectors.config
        needed = {
            "vocabulary": config.vocabulary,
            "embedding_size": config.size,
            "input": "embedding",
        }
        differing = [
            f"{name} is {value!r} there, got {given[name]!r}"
            for name, value in needed.items()
            if name in given and given[name] != value
        ]
        if differing:
            raise ConfigError(
                f"{as_option('embedding_from', self.folder)} does not fit: {', '.join(differing)}"
            )
        return {"normalization": config.normalization, **given, **needed}

    def fill(self, weight: Tensor, vocabulary: Vocabulary, run: Path) -> str:
        """Fill an embedding [V, E], note it in the run's folder, and say so in one line."""
        filled = fill_embedding(weight, vocabulary, self.vectors)
        origin = {"vectors": self.folder, "sha256": self._sha256, "symbols_filled": filled}
        write_json(run / EMBEDDING_FILE, origin)
        return f"{filled} of {len(vocabulary)} symbols begin with their vector of {self.folder}"


def load_embedding_origin(run: Path) -> dict[str, Any] | None:
    """Read where a run's embedding began; ``None`` if it was drawn, ``RunError`` if damaged."""
    path = run / EMBEDDING_FILE
    return read_json(path, RunError) if path.exists() else None

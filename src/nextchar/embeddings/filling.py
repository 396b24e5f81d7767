"""Vectors that were learned before as the first values of a network's embedding.

Legend: V symbols of the network, E numbers in a vector.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nextchar.embeddings.vectors import SymbolVectors
from nextchar.errors import ConfigError
from nextchar.text.vocabulary import Vocabulary


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
